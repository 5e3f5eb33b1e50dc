"""Conditions on columns of the image table, as Python writes them or a person does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError

from imgvet.errors import InvalidParameterError
from imgvet.search.image_table import ImageColumn
from imgvet.search.query import Condition
from imgvet.tables import STATS

_RANGE = ("minimum", "maximum")
_LIMITS = {">=": "minimum", "<=": "maximum", ">": "above", "<": "below"}
_WRITTEN = re.compile(r"\s*([\w.]+)\s*(>=|<=|=|>|<)\s*(.*)", re.DOTALL)

Columns = Mapping[str, ImageColumn]
_Told = Iterator[tuple[str, dict[str, Any], str, str]]
"""The column as it was named, what a condition says of it, and what to tell if it is none."""


def conditions_of(
    where: Mapping[str, Any] | Iterable[str], columns: Columns
) -> tuple[Condition, ...]:
    """Conditions from Python, ``{"label": "dog", "sharpness": (None, 0.3)}``, or from texts.

    In Python a value is one text or number, several of either in a list (or a set, an array, a
    column of a frame), a range of numbers in a tuple of two, or None for none. Texts are
    ``label=dog``, ``width>=640``, ``split=`` (none); several that one column may equal are
    alternatives, all else must be met at once. A metric may be named without its table, as
    ``stats.sharpness``. InvalidParameterError of anything else.
    """
    found, where = [], (where,) if isinstance(where, str) else where
    told = _from_python(where) if isinstance(where, Mapping) else _from_texts(where)
    for name, given, problem, remedy in told:
        metric = f"{STATS.name}.{name}"
        column = metric if name not in columns and metric in columns else name
        try:
            found.append(Condition(column=column, **given))
        except ValidationError:
            raise InvalidParameterError(problem, remedy) from None
    return tuple(found)


def _from_python(where: Mapping[str, Any]) -> _Told:
    for name, wanted in where.items():
        is_one = isinstance(wanted, str) or not isinstance(wanted, Iterable)
        given: dict[str, Any] = {"values": tuple(map(_text, (wanted,) if is_one else wanted))}
        if wanted is None:
            given = {"missing": True}
        elif isinstance(wanted, tuple) and len(wanted) == len(_RANGE):
            given = {**dict(zip(_RANGE, wanted, strict=True)), "missing": False}
        problem = f"{name} = {wanted!r} is no condition"
        yield name, given, problem, "Give a text, a list, or a (low, high)"


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, (bool, np.bool_)) else str(value)


def _from_texts(texts: Iterable[str]) -> _Told:
    remedy = "Write COLUMN=VALUE, or a number after >=, <=, > or <, as in sharpness>=0.5"
    choices: dict[str, list[str]] = {}
    for text in texts:
        problem, parts = f"where = {text!r} is not a condition", _WRITTEN.fullmatch(text)
        if parts is None:
            raise InvalidParameterError(problem, remedy)
        name, sign, value = parts.groups()
        if sign != "=":
            yield name, {_LIMITS[sign]: value}, problem, remedy
        elif value:
            choices.setdefault(name, []).append(value)
        else:
            yield name, {"missing": True}, problem, remedy
    for name, values in choices.items():
        yield name, {"values": tuple(values)}, f"where = {name}= is not a condition", remedy
