"""The one form that every kind of annotation is read into, and the columns that it knows."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from imgvet.errors import InvalidParameterError
from imgvet.format import counted, examples, storable
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS

TEXT_COLUMNS = ("filename", "label", "split")
NUMBER_COLUMNS = (*BOX_COLUMNS, *CORNER_COLUMNS)
COLUMNS = (*TEXT_COLUMNS, *NUMBER_COLUMNS)
EDGE_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
"""The edges of an upright box, as Pascal VOC has them, from which the box is made."""

_SYNONYMS = {
    "filename": (
        "filename", "filepath", "file", "path", "imagepath", "image", "imagename", "img", "name",
        "imageid", "id",
    ),
    "label": (
        "label", "class", "classname", "labelname", "category", "categoryname", "target", "choice",
        "classid",
    ),
    "split": ("split", "subset", "partition", "fold"),
    "width": ("width", "w"), "height": ("height", "h"),
    "xmin": ("xmin", "left"), "ymin": ("ymin", "top"),
    "xmax": ("xmax", "right"), "ymax": ("ymax", "bottom"),
}  # fmt: skip
"""What people call these columns; the first of them that is there counts."""
_SIZE, _CORNER = ("width", "height"), frozenset(("x", "y", "left", "top"))
"""Of a picture, but of a box if a column tells one of its corners and not all of its edges."""
_NO_NUMBER = ("", "nan", "na", "n/a", "null", "none", "<na>")


@dataclass(frozen=True, eq=False)
class Annotations:
    """Annotations, wherever they came from."""

    table: pd.DataFrame
    """One row per annotation, in the order given, with :data:`COLUMNS`: text (``filename`` is never
    empty), and boxes as float64 in pixels; NaN where nothing is given."""
    source: str
    """What a message calls them."""
    classes: tuple[str, ...] = ()
    """The labels in the order that whoever made them gave; empty if there is none."""

    @property
    def has_boxes(self) -> bool:
        """Whether any row has a box, upright or rotated, even an incomplete one."""
        return bool(self.table[list(NUMBER_COLUMNS)].notna().any(axis=None))

    @property
    def in_shares(self) -> bool:
        """Whether the boxes are shares of the picture, as of Open Images: none is 1 pixel wide."""
        right = (self.table["col_x"] + self.table["width"]).max()
        return bool(right < 1.01 and self.table["width"].max() > 0)


def known_columns(given: Sequence[str], source: str) -> dict[str, int]:
    """The places of the known columns, by the letters and digits of their names in any case.

    What others call them counts too. A column of another meaning is ignored, such as ``width`` and
    ``height`` where no corner makes a box of them; but not one that looks like a column that is not
    there, such as ``labels`` where there is no ``label``.

    InvalidParameterError if ``filename`` or a coordinate of a box is missing, a column comes twice,
    one is called nearly like a known one, or of several none says anything.
    """
    names = [_plain(name) for name in given]
    places = _places(names, source)
    # x1 and y1 are like many short names, so only words are compared.
    free = [name for name in COLUMNS if name not in places and len(name) > 2]
    for place, (other, name) in enumerate(zip(given, names, strict=True)):
        meant = difflib.get_close_matches(name, free, n=1, cutoff=0.8)
        if meant and place not in places.values():
            raise InvalidParameterError(
                f"{source} has an unknown column {other!r}",
                f"Did you mean {meant[0]!r}? Rename the column, or leave it out",
            )
    if "filename" in free:
        raise InvalidParameterError(
            f"{source} has no column filename; its columns are {examples(given) or 'none'}",
            "Give the columns filename, and as wanted label, split and a box; or COCO, "
            "which most tools export",
        )
    is_corner = _CORNER.intersection(names) and not places.keys() >= {*EDGE_COLUMNS}
    if not {"col_x", "row_y"} & places.keys() and not is_corner:
        places = {name: place for name, place in places.items() if name not in _SIZE}
    for box in (BOX_COLUMNS, EDGE_COLUMNS, CORNER_COLUMNS):
        missing = [name for name in box if name not in places]
        if 0 < len(missing) < len(box):
            there = ", ".join(name for name in box if name in places)
            raise InvalidParameterError(
                f"{source} has {there} but no {', '.join(missing)}",
                f"Give all of {', '.join(box)}, or none of them",
            )
    if len(places) == 1 < len([name for name in names if name]):
        raise InvalidParameterError(
            f"{source} tells no label, split or box; its columns are {examples(given, 6)}",
            "Call the column that does label or split; or give COCO, which most tools export",
        )
    return places


def _places(names: Sequence[str], source: str) -> dict[str, int]:
    called = {
        name: next(filter(names.__contains__, _SYNONYMS.get(name, (_plain(name),))), None)
        for name in (*COLUMNS, *EDGE_COLUMNS)
    }
    for name, one in called.items():
        if one is not None and names.count(one) > 1:
            raise InvalidParameterError(
                f"{source} has the column {name} twice", "Leave one of them out"
            )
    return {name: names.index(one) for name, one in called.items() if one is not None}


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def from_frame(given: pd.DataFrame, source: str) -> Annotations:
    """Annotations from columns of any type; a bad or nameless row is an InvalidParameterError."""
    if "filename" in given.index.names and "filename" not in given.columns:
        given = given.reset_index([one for one in given.index.names if one not in (None, *given)])
    columns = {}
    for name, place in known_columns([str(name) for name in given.columns], source).items():
        column = given.iloc[:, place].reset_index(drop=True)
        what = f"column {given.columns[place]} of {source}"
        columns[name] = (_text if name in TEXT_COLUMNS else _numbers)(column, what)
    kinds = dict.fromkeys(TEXT_COLUMNS, "str") | dict.fromkeys(NUMBER_COLUMNS, "float64")
    table = pd.DataFrame(columns)
    if "xmin" in table and "col_x" not in table:
        left, top, right, bottom = (table[name] for name in EDGE_COLUMNS)
        table = table.assign(col_x=left, row_y=top, width=right - left, height=bottom - top)
    table = table.reindex(columns=COLUMNS).astype(kinds)
    unnamed = table.index[table["filename"].isna()]
    if len(unnamed):
        raise InvalidParameterError(
            f"{counted(len(unnamed), 'row')} of {source} without a filename, "
            f"the first is row {unnamed[0] + 1}",
            "Name the image in every row",
        )
    return Annotations(table, source)


def _text(column: pd.Series, what: str, wanted: str = "text") -> pd.Series:
    """A column as text, as a person would write it; empty text is none.

    Whole numbers lose their decimals, as pandas stores whole numbers beside missing ones as 7.0.
    """

    def written(value: Any) -> str:
        if isinstance(value, (list, tuple, dict, set, np.ndarray)):
            problem = f"The {what} holds no {wanted} but {type(value).__name__}"
            raise InvalidParameterError(problem, "Give one value in each row")
        if isinstance(value, (float, np.floating)):
            number = float(value)
            return str(int(number) if number.is_integer() and abs(number) < 2.0**53 else number)
        return storable(value.decode(errors="replace") if isinstance(value, bytes) else str(value))

    if not isinstance(column.dtype, pd.StringDtype):
        column = column.astype(object).map(written, na_action="ignore").astype("str")
    return column.mask(column.eq(""))


def _numbers(column: pd.Series, what: str) -> pd.Series:
    """A column as 64-bit floats, NaN where there is no number."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("float64")
    text = _text(column, what, "numbers").str.strip()
    text = text.mask(text.str.lower().isin(_NO_NUMBER))
    numbers = pd.to_numeric(text, errors="coerce").astype(float)
    wrong = text[numbers.isna() & text.notna()]
    if len(wrong):
        raise InvalidParameterError(
            f"{counted(len(wrong), 'value')} of the {what} instead of numbers "
            f"({examples(wrong.tolist())}; the first in row {wrong.index[0] + 1})",
            "Give pixels as numbers, and nothing where there is no box",
        )
    return numbers


def refuse(wrong: Sequence[object], problem: str, remedy: str) -> None:
    """InvalidParameterError with some of what is wrong, if anything is."""
    if wrong:
        raise InvalidParameterError(f"{problem} ({examples(wrong)})", remedy)


def one_row_each(found: Annotations) -> Annotations:
    """Annotations as they are or, if there is no box at all, with a row for each file.

    Its labels are in order of the alphabet, joined by commas.
    """
    if found.has_boxes:
        return found
    rows = found.table.drop_duplicates("filename").set_index("filename")
    rows["label"] = joined_texts(found.table["filename"], found.table["label"])
    return replace(found, table=rows.reset_index()[list(COLUMNS)])


def joined_texts(keys: pd.Series, texts: pd.Series) -> pd.Series:
    """For each key its different texts, in order of the alphabet, joined by commas; by key."""
    pairs = pd.DataFrame({"key": keys, "text": "," + texts}).dropna().drop_duplicates()
    return pairs.sort_values("text").groupby("key")["text"].sum().str[1:]
