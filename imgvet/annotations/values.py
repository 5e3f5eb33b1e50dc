"""Columns of any type as text and as numbers, without a loop over rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from imgvet.errors import InvalidParameterError
from imgvet.format import counted, examples

_NO_NUMBER = ("", "nan", "na", "n/a", "null", "none", "<na>")
"""What stands for a missing number in text, in any case."""


def as_text(column: Any, name: str, source: str) -> pa.ChunkedArray:
    """A column as text, as a person would write it; empty text becomes null.

    Whole numbers lose their decimals (7.0 is 7: pandas stores whole numbers beside missing ones as
    7.0), truth values are True and False as pandas writes them to csv.

    Args:
        column: an Arrow array of any type.
        name: the column's name, for messages.
        source: what a message calls the annotations.

    Raises:
        InvalidParameterError: the column holds lists or other values that are no text.
    """
    column = _plain(column)
    if pa.types.is_boolean(column.type):
        text = pc.if_else(column, "True", "False")
    elif pa.types.is_floating(column.type):
        text = _text_of_numbers(column)
    else:
        try:
            text = column.cast(pa.string())
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            raise InvalidParameterError(
                f"The column {name} of {source} holds no text but {column.type}",
                "Give one text in each row",
            ) from None
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _text_of_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    numbers = column.cast(pa.float64())
    known = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    is_whole = pc.and_(pc.equal(pc.trunc(known), known), pc.less(pc.abs(known), 2.0**53))
    whole = pc.if_else(is_whole, known, pa.scalar(None, pa.float64())).cast(pa.int64())
    return pc.coalesce(whole.cast(pa.string()), known.cast(pa.string()))


def as_numbers(
    column: Any, name: str, source: str, *, decimal_comma: bool = False
) -> pa.ChunkedArray:
    """A column as 64-bit floats; what is missing or not a number (NaN) becomes null.

    Args:
        column: an Arrow array of any type.
        name: the column's name, for messages.
        source: what a message calls the annotations.
        decimal_comma: read 1,5 as 1.5.

    Raises:
        InvalidParameterError: some values are no numbers; the message counts and shows them.
    """
    column = _plain(column)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        numbers = _numbers_of_text(column, name, source, decimal_comma=decimal_comma)
    else:
        try:
            numbers = column.cast(pa.float64(), safe=False)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            raise InvalidParameterError(
                f"The column {name} of {source} holds no numbers but {column.type}",
                "Give pixels as numbers",
            ) from None
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


def _numbers_of_text(
    column: pa.ChunkedArray, name: str, source: str, *, decimal_comma: bool
) -> pa.ChunkedArray:
    text = pc.utf8_trim_whitespace(column)
    if decimal_comma:
        text = pc.replace_substring(text, ",", ".")
    is_missing = pc.is_in(pc.utf8_lower(text), value_set=pa.array(_NO_NUMBER, text.type))
    text = pc.if_else(is_missing, pa.scalar(None, text.type), text)
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        pass
    series = text.to_pandas()
    numbers = pd.to_numeric(series, errors="coerce")
    rows = np.flatnonzero(numbers.isna() & series.notna())
    if not len(rows):
        return pa.chunked_array([pa.array(numbers, pa.float64(), from_pandas=True)])
    shown = examples(series.iloc[rows].tolist())
    raise InvalidParameterError(
        f"{counted(len(rows), 'value')} of the column {name} of {source} are no numbers "
        f"({shown}; the first in row {rows[0] + 1})",
        "Give pixels as numbers, and nothing where there is no box",
    )


def _plain(column: Any) -> pa.ChunkedArray:
    """A chunked array without dictionaries."""
    chunked = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    if pa.types.is_dictionary(chunked.type):
        return chunked.cast(chunked.type.value_type)
    return chunked
