"""CSV, in one way: safe to open in a spreadsheet, and read back from whatever one saves."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import WriteOptions
from pyarrow.csv import write_csv as write_arrow

from imgvet.errors import PlanError

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "'", *"\uff1d\uff0b\uff0d\uff20")
_MAY_BE_DANGEROUS = f"^[{re.escape(''.join(_DANGEROUS))}]"


def inert(text: str) -> str:
    """Text for a cell that no spreadsheet takes for a formula.

    What one might, and is no number, gets an apostrophe before it, as what begins with one does, so
    that it can be taken away again. Source: OWASP, CSV Injection.
    """
    if not text.startswith(_DANGEROUS):
        return text
    with suppress(ValueError):
        float(text)
        return text
    return f"'{text}"


def plain(text: str) -> str:
    """The text that :func:`inert` made inert; any other as it is."""
    rest = text.removeprefix("'")
    return rest if rest.startswith(_DANGEROUS) else text


def csv_bytes(
    table: pd.DataFrame | pa.Table, *, header: bool = True, to_edit: bool = False
) -> bytes:
    """A table as CSV in UTF-8, its texts quoted and :func:`inert`; lists stay out.

    What people are to edit begins with a byte order mark, which Excel knows UTF-8 by.
    """
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    columns = {
        inert(name): _safe(column)
        for name, column in zip(table.column_names, table.columns, strict=True)
        if not pa.types.is_nested(column.type)
    }
    stream = io.BytesIO()
    stream.write("\ufeff".encode() if to_edit else b"")
    write_arrow(pa.table(columns), stream, WriteOptions(include_header=header))
    return stream.getvalue()


def _safe(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return column
    texts = column.cast(kind)
    if not pc.any(pc.match_substring_regex(texts, _MAY_BE_DANGEROUS)).as_py():
        return texts
    return pa.array((text and inert(text) for text in texts.to_pylist()), kind)


def read_csv(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    """The rows as text, separated by comma, semicolon or tab; columns that are not needed may lack.

    PlanError if it can't be read, is not UTF-8 (or UTF-16, with its mark), or lacks a column.
    """
    try:
        data = path.read_bytes()
        is_utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = data.decode("utf-16" if is_utf16 else "utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        stream = io.StringIO(text, newline="")
        first, *lines = [*csv.reader(stream, delimiter=delimiter, strict=True)] or [[]]
    except OSError as error:
        raise PlanError(f"{path} can't be read ({error.strerror})", "Check its path") from None
    except UnicodeError:
        raise PlanError(f"{path} is not UTF-8", "Save it as 'CSV UTF-8'") from None
    except csv.Error as error:
        raise PlanError(f"{path} is not CSV ({error})", "Save it as CSV again") from None
    names = [name.strip().lower() for name in first]
    if missing := [name for name in needed if name not in names]:
        raise PlanError(f"{path} has no column {missing[0]}", "Keep all columns and their names")
    rows = [dict(zip(names, map(plain, line), strict=False)) for line in lines if any(line)]
    return pd.DataFrame(rows, columns=[*dict.fromkeys(names)], dtype=object).fillna("")
