"""Annotations in CSV files."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.compute as pc

from imgvet.annotations.columns import Columns, known_columns
from imgvet.annotations.normalise import from_columns
from imgvet.annotations.schema import ANNOTATIONS, Annotations
from imgvet.errors import InputUnreadableError, InvalidParameterError
from imgvet.format import counted, examples

_DELIMITERS = (",", ";", "\t", "|")
_BATCH = 1024
"""Rows at a time; more leave the processor's cache, and take twice the time."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_AS_CSV = "Save it as UTF-8, with a first row that names the columns"


def read_csv(path: Path) -> Annotations:
    """Annotations from a CSV file whose first row names the columns.

    Read are UTF-8 with or without a byte order mark, UTF-16 with one; commas, semicolons, tabs or
    ``|`` between cells; double quotes around a cell; any line ends. Blank rows, spaces around a
    cell and cells without a column's name (an index that pandas wrote) do not count. Where the
    delimiter is not a comma, numbers may have a decimal comma. Labels are text as written; an
    empty cell is a missing value.

    Raises:
        InputUnreadableError: the file may not be read, or is not CSV.
        InvalidParameterError: its columns or values are not as they should be.
    """
    source = str(path)
    try:
        with _opened(path) as stream:
            header, delimiter = _header(stream)
            columns = known_columns(header, source)
            rows = csv.reader(stream, delimiter=delimiter, skipinitialspace=True, strict=True)
            given = _read_columns(rows, columns, len(header), source)
    except (UnicodeError, csv.Error) as error:
        raise InputUnreadableError(f"{path} is not CSV ({error})", _AS_CSV) from None
    table = from_columns(given, source, decimal_comma=delimiter != ",")
    return Annotations(table, source, ignored=columns.ignored)


def _opened(path: Path) -> TextIO:
    with path.open("rb") as stream:
        encoding = "utf-16" if stream.read(2) in _UTF16 else "utf-8-sig"
    return path.open(encoding=encoding, newline="")


def _header(stream: TextIO) -> tuple[list[str], str]:
    """The cells of the first row that is not blank, and the delimiter that makes most sense."""
    first = next((row for row in stream if row.strip()), "")
    split = {
        delimiter: next(csv.reader([first], delimiter=delimiter, skipinitialspace=True), [])
        for delimiter in _DELIMITERS
    }
    delimiter = max(
        _DELIMITERS, key=lambda candidate: (_known(split[candidate]), len(split[candidate]))
    )
    return [cell.strip() for cell in split[delimiter]], delimiter


def _known(cells: Iterable[str]) -> int:
    return sum(cell.strip().lower() in ANNOTATIONS.column_names for cell in cells)


def _read_columns(
    rows: Iterator[list[str]], columns: Columns, width: int, source: str
) -> dict[str, pa.ChunkedArray]:
    chunks: dict[str, list[pa.Array]] = {name: [] for name in columns.place}
    while batch := list(islice(rows, _BATCH)):
        # Every step below works on whole columns in C; rows are looked at only to complain.
        filled = [row for row in batch if row and (len(row) > 1 or row[0].strip())]
        if filled and max(map(len, filled)) > width:
            _refuse_wide(filled, rows, width, source)
        cells = list(zip_longest(*filled, fillvalue=None))
        for name, place in columns.place.items():
            values = cells[place] if place < len(cells) else (None,) * len(filled)
            chunks[name].append(pc.utf8_trim_whitespace(pa.array(values, pa.string())))
    return {name: pa.chunked_array(parts, pa.string()) for name, parts in chunks.items()}


def _refuse_wide(
    batch: list[list[str]], rest: Iterator[list[str]], width: int, source: str
) -> None:
    """Raise if a row has more cells than there are columns, but for empty ones at its end."""
    wide = [row for row in chain(batch, rest) if any(cell.strip() for cell in row[width:])]
    if wide:
        shown = examples([",".join(row) for row in wide])
        raise InvalidParameterError(
            f"{counted(len(wide), 'row')} of {source} with more than {width} cells ({shown})",
            "Put a cell that holds a delimiter in double quotes",
        )
