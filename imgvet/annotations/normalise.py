"""From columns of any type to the one form of :data:`imgvet.annotations.schema.ANNOTATIONS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from imgvet.annotations.columns import known_columns
from imgvet.annotations.schema import ANNOTATIONS, TEXT_COLUMNS, Annotations
from imgvet.annotations.values import as_numbers, as_text
from imgvet.errors import InvalidParameterError
from imgvet.format import counted


def from_columns(given: Mapping[str, Any], source: str, *, decimal_comma: bool = False) -> pa.Table:
    """Rows of :data:`ANNOTATIONS` from the known columns; what is not given is null.

    Args:
        given: Arrow arrays of any type, all of one length, by the names of ``ANNOTATIONS``.
        source: what a message calls the annotations.
        decimal_comma: read 1,5 in text as 1.5.

    Raises:
        InvalidParameterError: a value is not as it should be, or rows have no file name.
    """
    rows = len(given["filename"])
    arrays = []
    for column in ANNOTATIONS.columns:
        if column.name not in given:
            arrays.append(pa.chunked_array([pa.nulls(rows, column.type)]))
        elif column.name in TEXT_COLUMNS:
            arrays.append(as_text(given[column.name], column.name, source))
        else:
            values = given[column.name]
            arrays.append(as_numbers(values, column.name, source, decimal_comma=decimal_comma))
    table = pa.Table.from_arrays(arrays, schema=ANNOTATIONS.schema).combine_chunks()
    _require_filenames(table, source)
    return table


def from_frame(frame: pd.DataFrame, source: str) -> Annotations:
    """Annotations from a DataFrame; ``filename`` may also be its index.

    Raises:
        InvalidParameterError: its columns or values are not as they should be.
    """
    if "filename" in frame.index.names and "filename" not in frame.columns:
        frame = frame.reset_index("filename")
    columns = known_columns([str(name) for name in frame.columns], source)
    given = {name: _arrow(frame.iloc[:, place]) for name, place in columns.place.items()}
    return Annotations(from_columns(given, source), source, ignored=columns.ignored)


def from_arrow(table: pa.Table, source: str) -> Annotations:
    """Annotations from an Arrow table.

    Raises:
        InvalidParameterError: its columns or values are not as they should be.
    """
    columns = known_columns(table.column_names, source)
    given = {name: table.column(place) for name, place in columns.place.items()}
    return Annotations(from_columns(given, source), source, ignored=columns.ignored)


def _arrow(series: pd.Series[Any]) -> Any:
    """A column as Arrow; one of mixed values as text."""
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array(series.map(str, na_action="ignore"), pa.string(), from_pandas=True)


def _require_filenames(table: pa.Table, source: str) -> None:
    is_missing = pc.is_null(table["filename"])
    missing = pc.sum(is_missing).as_py() or 0
    if missing:
        first = int(np.argmax(is_missing.to_numpy())) + 1
        raise InvalidParameterError(
            f"{counted(missing, 'row')} of {source} without a filename, the first is row {first}",
            "Name the image in every row",
        )
