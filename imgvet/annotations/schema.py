"""The one form that every kind of annotation is read into."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from imgvet.errors import InvalidParameterError
from imgvet.options import DataType
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS, Column, Table

TEXT_COLUMNS = ("filename", "label", "split")
NUMBER_COLUMNS = (*BOX_COLUMNS, *CORNER_COLUMNS)

_MEANINGS = {
    "filename": "the image as the annotations name it",
    "label": "its class, or that of the box; null if none is given",
    "split": "train, test, ...; null if none is given",
    "col_x": "left edge of the box, in pixels",
    "row_y": "upper edge of the box, in pixels",
    "width": "width of the box, in pixels",
    "height": "height of the box, in pixels",
}

ANNOTATIONS = Table(
    "annotations",
    "one row per annotation, in the order given; a row without a box is about the whole image",
    (
        *(Column(name, pa.string(), _MEANINGS[name]) for name in TEXT_COLUMNS),
        *(Column(name, pa.float64(), _MEANINGS[name]) for name in BOX_COLUMNS),
        *(
            Column(name, pa.float64(), f"{name[0]} of corner {name[1]} of a rotated box, in pixels")
            for name in CORNER_COLUMNS
        ),
    ),
)


@dataclass(frozen=True, eq=False)
class Annotations:
    """Annotations, wherever they came from.

    Attributes:
        table: rows of :data:`ANNOTATIONS`; in every row ``filename`` is a text that is not empty.
        source: what a message calls them: the file, or "annotations" for values from Python.
        crowds: boxes around crowds (COCO's ``iscrowd``) that were left out.
        ignored: columns that were given and mean nothing here.
    """

    table: pa.Table
    source: str
    crowds: int = 0
    ignored: tuple[str, ...] = ()

    @property
    def has_boxes(self) -> bool:
        """Whether any row has a box, upright or rotated, even an incomplete one."""
        return bool(pc.any(boxed_rows(self.table)).as_py())


def boxed_rows(table: pa.Table) -> pa.ChunkedArray:
    """Which rows of :data:`ANNOTATIONS` have any coordinate of a box: booleans, one a row."""
    found = pc.is_valid(table[NUMBER_COLUMNS[0]])
    for name in NUMBER_COLUMNS[1:]:
        found = pc.or_(found, pc.is_valid(table[name]))
    return found


def wants_crops(annotations: Annotations, data_type: DataType) -> bool:
    """Whether the items are the annotated boxes rather than whole images.

    Raises:
        InvalidParameterError: ``data_type`` is bbox and there is no box.
    """
    if data_type == "image":
        return False
    has_boxes = annotations.has_boxes
    if data_type == "bbox" and not has_boxes:
        raise InvalidParameterError(
            f"data_type is bbox, but {annotations.source} holds no box",
            f"Give the columns {', '.join(BOX_COLUMNS)} or {', '.join(CORNER_COLUMNS)}",
        )
    return has_boxes
