"""CSV that people edit: safe to open in a spreadsheet, and read back from whatever one saves."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from imgvet.errors import PlanError
from imgvet.format import inert


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV with a header; begins with a byte order mark, which Excel knows UTF-8 by."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")  # which has it quote both in names, too
    writer.writerow(columns)
    writer.writerows(
        [inert(value) if isinstance(value, str) else value for value in row] for row in rows
    )
    return "\ufeff" + stream.getvalue()


def read_csv(path: Path, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    """The rows by column, separated by comma, semicolon or tab; others than needed may lack.

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
    for line in lines:
        if any(line):  # ``inert`` put the apostrophe before what could be a formula
            yield dict(zip(names, (cell.removeprefix("'") for cell in line), strict=False))
