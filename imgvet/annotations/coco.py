"""Annotations in the form of COCO: one JSON object with images, annotations and categories.

Source: https://cocodataset.org/#format-data . Read are ``images`` (id, file_name or, as in LVIS,
coco_url), ``annotations`` (image_id, category_id, bbox, polygons of segmentation, iscrowd) and
``categories`` (id, name); all else is ignored. Ids are numbers or text: ``"7"`` and ``7.0`` are
``7``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import NoneType
from typing import Any

import pandas as pd

from imgvet.annotations.schema import Annotations, from_frame, one_row_each, refuse
from imgvet.errors import InvalidParameterError
from imgvet.format import counted, storable
from imgvet.tables import BOX_COLUMNS

_Entries = Sequence[Mapping[str, Any]]
_KEY = (str, int, float)


def from_coco(content: Mapping[str, Any], source: str) -> Annotations:
    """Annotations from COCO's images, annotations and categories, in the order of the images.

    The name of the category is the label. Boxes around crowds are left out. Polygons without a
    bbox have the box around them; an annotation of neither, such as a mask of run lengths alone,
    gives its image a label but no crop. If there is no box at
    all, each image is one row, with its categories in order of the alphabet, joined by commas.

    InvalidParameterError if a list is missing or has another form, an id comes twice, or an
    annotation leads to no image or category.
    """
    images, annotations, categories = (
        _objects(content, key, source) for key in ("images", "annotations", "categories")
    )
    files = _ids(images, "images", source).to_frame("image_id")
    named = [{**image, "file_name": file_name_of(image)} for image in images]
    files["filename"] = _keys(named, "images", "file_name", source)
    classes = _ids(categories, "categories", source).to_frame("category_id")
    names = [storable(str(row.get("name", row["id"]))) for row in categories]
    classes["label"] = pd.Series(names, dtype=str)
    boxes = _boxes_of([row for row in annotations if not row.get("iscrowd")], source)
    _require_known(boxes["image_id"], files["image_id"], "images", source)
    _require_known(boxes["category_id"].dropna(), classes["category_id"], "categories", source)
    rows = files.merge(boxes, "left", "image_id").merge(classes, "left", "category_id")
    found = from_frame(rows.drop(columns=["image_id", "category_id"]), source)
    return replace(one_row_each(found), classes=tuple(names))


def file_name_of(image: Mapping[str, Any]) -> Any:
    """The name of the file of an entry in ``images``; None if it has none."""
    return image.get("file_name", image.get("coco_url"))


def as_id(value: Any) -> Any:
    """An id in one form, whatever wrote it: a whole number as such, though it is text or 7.0."""
    if isinstance(value, str) and re.fullmatch(r"0|[1-9]\d{,17}", value, re.ASCII):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _objects(content: Mapping[str, Any], key: str, source: str) -> _Entries:
    value = content.get(key)
    if value is None and key != "images":
        return []
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise InvalidParameterError(
            f"{key} is no list of objects in {source}",
            "COCO has lists called images, annotations and categories",
        )
    return value


def _keys(entries: _Entries, where: str, key: str, source: str) -> pd.Series:
    wrong = [dict(entry) for entry in entries if type(entry.get(key)) not in _KEY]
    refuse(
        wrong,
        f"{len(wrong)} of the {len(entries)} {where} of {source} without {key}",
        "In COCO, images have an id and a file_name, annotations an image_id and categories an id",
    )
    return pd.Series([as_id(entry.get(key)) for entry in entries], dtype=object)


def _ids(entries: _Entries, where: str, source: str) -> pd.Series:
    ids = _keys(entries, where, "id", source)
    twice = ids[ids.duplicated()].unique().tolist()
    problem = f"{counted(len(twice), 'id')} given more than once to {where} of {source}"
    refuse(twice, problem, "Give every one its own id")
    return ids


def _boxes_of(entries: _Entries, source: str) -> pd.DataFrame:
    categories = [as_id(entry.get("category_id")) for entry in entries]
    wrong = [value for value in categories if type(value) not in (NoneType, *_KEY)]
    problem = f"{counted(len(wrong), 'annotation')} of {source} with a category_id that is none"
    refuse(wrong, problem, "Give the id of one category")
    numbers = [
        entry.get("bbox") or _around(entry.get("segmentation")) or (None,) * len(BOX_COLUMNS)
        for entry in entries
    ]
    wrong = [box for box in numbers if not _is_box(box)]
    refuse(
        wrong,
        f"{counted(len(wrong), 'bbox', 'bboxes')} of {source} without four numbers",
        "In COCO, a bbox is [x, y, width, height] in pixels, or empty",
    )
    boxes = pd.DataFrame(numbers, columns=list(BOX_COLUMNS), dtype=float)
    boxes["image_id"] = _keys(entries, "annotations", "image_id", source)
    boxes["category_id"] = pd.Series(categories, dtype=object)
    return boxes


def _around(polygons: object) -> list[float] | None:
    """The box around polygons, x1, y1, x2, y2, ... of each; None of anything else."""
    if not isinstance(polygons, list) or not all(map(_is_polygon, polygons)):
        return None
    across, down = ([number for one in polygons for number in one[start::2]] for start in range(2))
    if not across:
        return None
    left, top = min(across), min(down)
    return [left, top, max(across) - left, max(down) - top]


def _is_polygon(numbers: object) -> bool:
    return (
        isinstance(numbers, list)
        and len(numbers) % 2 == 0
        and all(type(number) in (int, float) for number in numbers)
    )


def _is_box(box: object) -> bool:
    return (
        isinstance(box, Sequence)
        and len(box) == len(BOX_COLUMNS)
        and all(type(value) in (int, float, NoneType) for value in box)
    )


def _require_known(ids: pd.Series, known: pd.Series, where: str, source: str) -> None:
    unknown = ids[~ids.isin(known)]
    whose = f"{counted(len(unknown), 'annotation')} of {source} whose {ids.name}"
    remedy = f"Add these ids to {where}, or remove their annotations"
    refuse(unknown.unique().tolist(), f"{whose} no entry of {where} has", remedy)
