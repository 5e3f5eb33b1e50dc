"""The boxes in YOLO's label files: ``class x_centre y_centre width height``, shares of the image.

Rows with more numbers outline the object by a polygon, as for segmentation; its box is taken.
Source: https://docs.ultralytics.com/datasets/detect/ and /datasets/segment/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgvet.sources.yolo_entries import label_file_of

_BOX_FIELDS = 5
_POLYGON_FIELDS = 7


@dataclass(frozen=True, slots=True)
class RelativeBox:
    """A box in shares of the image's width and height.

    Attributes:
        label: name of its class.
        x: left edge, 0..1.
        y: upper edge, 0..1.
        width: width, 0..1.
        height: height, 0..1.
    """

    label: str
    x: float
    y: float
    width: float
    height: float


def boxes_of_image(filename: str, names: Mapping[int, str]) -> tuple[RelativeBox, ...]:
    """The boxes that the label file of an image tells, in its order; none if it has no such file.

    A file that can't be read, or is not as it should be, gives none: listing its image says so.

    Args:
        filename: the image, an absolute path.
        names: name of each class; a class without a name is called by its number.
    """
    try:
        text = Path(label_file_of(filename)).read_text(encoding="utf-8-sig")
        rows = [row.split() for row in text.splitlines()]
        return tuple(_box(row, names) for row in rows if row)
    except (OSError, ValueError):
        return ()


def _box(row: Sequence[str], names: Mapping[int, str]) -> RelativeBox:
    """One row as a box.

    Raises:
        ValueError: it is none.
    """
    number, values = int(row[0]), [float(value) for value in row[1:]]
    label = names.get(number, row[0])
    if len(row) >= _POLYGON_FIELDS and len(row) % 2:
        across, down = values[0::2], values[1::2]
        left, top = min(across), min(down)
        return RelativeBox(label, left, top, max(across) - left, max(down) - top)
    if len(row) < _BOX_FIELDS:
        raise ValueError(f"{len(row)} numbers")
    x, y, width, height = values[:4]
    return RelativeBox(label, x - width / 2, y - height / 2, width, height)
