"""Which columns annotations have: known by name, or refused with the name that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imgvet.annotations.schema import ANNOTATIONS
from imgvet.errors import InvalidParameterError
from imgvet.format import counted, examples
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS

_MEANT = {
    "filename": ("file", "name", "path", "filepath", "image", "imagepath", "imagename", "img"),
    "label": ("class", "classname", "category", "categoryname", "target"),
    "split": ("subset", "fold", "partition"),
}
"""Names that others give to these columns: never taken for them, only suggested."""

_SIMILAR = 0.8
_FORM = "Give the columns filename, and as wanted label, split and a box"


@dataclass(frozen=True)
class Columns:
    """The columns of some annotations.

    Attributes:
        place: position among the columns given, of each known one.
        ignored: the other columns.
    """

    place: Mapping[str, int]
    ignored: tuple[str, ...]


def known_columns(given: Sequence[str], source: str) -> Columns:
    """Find the known columns; upper and lower case and spaces around a name make no difference.

    A column of another meaning is ignored. One that looks like a column that is not there, such as
    ``labels`` or ``class`` where there is no ``label``, is refused, as ignoring it would lose what
    the user meant to give.

    Args:
        given: the names of the columns, in order.
        source: what a message calls the annotations.

    Raises:
        InvalidParameterError: ``filename`` or a part of a box is missing, a column comes twice, or
            one is called nearly like a known one.
    """
    names = [str(name).strip().lower() for name in given]
    known = [name for name in names if name in ANNOTATIONS.column_names]
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice:
        raise InvalidParameterError(
            f"{source} has the column {twice[0]} twice", "Leave one of them out"
        )
    others = tuple(
        str(name) for name, plain in zip(given, names, strict=True) if plain and plain not in known
    )
    _refuse_near_names(others, known, source)
    if "filename" not in known:
        raise InvalidParameterError(
            f"{source} has no column filename; its columns are {examples(given) or 'none'}", _FORM
        )
    _require_whole_boxes(known, source)
    return Columns({name: names.index(name) for name in known}, others)


def _refuse_near_names(others: Sequence[str], known: Sequence[str], source: str) -> None:
    free = [name for name in ANNOTATIONS.column_names if name not in known]
    for other in others:
        meant = _meant(other, free)
        if meant is not None:
            raise InvalidParameterError(
                f"{source} has an unknown column {other!r}",
                f"Did you mean {meant!r}? Rename the column, or leave it out",
            )


def _meant(other: str, free: Sequence[str]) -> str | None:
    """The known column that another name seems to mean, if that one is free."""
    plain = "".join(character for character in other.lower() if character.isalnum())
    for name in free:
        if plain in _MEANT.get(name, ()):
            return name
    # x1 and y1 are like many short names, so only words are compared.
    words = [name for name in free if len(name) > 2]
    nearest = difflib.get_close_matches(other.strip().lower(), words, n=1, cutoff=_SIMILAR)
    return nearest[0] if nearest else None


def _require_whole_boxes(known: Sequence[str], source: str) -> None:
    for columns in (BOX_COLUMNS, CORNER_COLUMNS):
        missing = [name for name in columns if name not in known]
        if missing and len(missing) < len(columns):
            given = ", ".join(name for name in columns if name in known)
            raise InvalidParameterError(
                f"{source} has {given} but no {', '.join(missing)}: "
                f"{counted(len(missing), 'column')} of a box are missing"
                if len(missing) > 1
                else f"{source} has {given} but no {missing[0]}",
                f"Give all of {', '.join(columns)}, or none of them",
            )
