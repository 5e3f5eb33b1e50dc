"""Annotations in the form of COCO: one JSON object with images, annotations and categories.

Source: https://cocodataset.org/#format-data . Read are ``images`` (id, file_name), ``annotations``
(image_id, category_id, bbox, iscrowd) and ``categories`` (id, name); all else is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from imgvet.annotations.joining import joined_texts
from imgvet.annotations.normalise import from_columns
from imgvet.annotations.schema import Annotations
from imgvet.errors import InvalidParameterError
from imgvet.format import counted, examples
from imgvet.tables import BOX_COLUMNS

_FORM = "COCO has lists called images, annotations and categories"
_KEYS = "images have an id and a file_name, annotations an image_id and categories an id"


@dataclass(frozen=True)
class _Rows:
    """One row per annotation, and one per image without any.

    Attributes:
        image: position of the image among ``images``, int64.
        label: name of the category, None if there is none.
        boxes: x, y, width, height as float64, shape (n, 4); NaN where there is no box.
    """

    image: NDArray[np.int64]
    label: list[str | None]
    boxes: NDArray[np.float64]


def read_coco(content: Mapping[str, Any], source: str) -> Annotations:
    """Annotations from COCO's images, annotations and categories.

    The name of the category is the label. Boxes around crowds are left out. An annotation without
    a box, such as a segmentation alone, gives its image a label but no crop; an image without an
    annotation is annotated with nothing. If there is no box at all, each image is one row, with the
    names of its categories in order of the alphabet, joined by commas.

    Args:
        content: the JSON object.
        source: what a message calls the annotations.

    Raises:
        InvalidParameterError: a list is missing or has another form, an id comes twice, or an
            annotation leads to no image or category; the message counts them and shows some.
    """
    images, entries, categories = (
        _objects(content, key, source, required=key == "images")
        for key in ("images", "annotations", "categories")
    )
    names = _required(images, "images", "file_name", source)
    place_of = _places(_required(images, "images", "id", source), "images", source)
    class_of = _places(_required(categories, "categories", "id", source), "categories", source)
    titles = [str(entry.get("name", entry["id"])) for entry in categories]
    single = [entry for entry in entries if not entry.get("iscrowd")]
    found = _Rows(
        _found(_required(single, "annotations", "image_id", source), place_of, "image_id", source),
        _labels([entry.get("category_id") for entry in single], class_of, titles, source),
        _boxes([entry.get("bbox") or () for entry in single], source),
    )
    table = _table(_with_all_images(found, len(images)), names, source)
    return Annotations(table, source, crowds=len(entries) - len(single))


def _objects(
    content: Mapping[str, Any], key: str, source: str, *, required: bool
) -> list[Mapping[str, Any]]:
    value = content.get(key)
    if value is None and not required:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        problem = "is missing from" if value is None else "is no list of objects in"
        raise InvalidParameterError(f"{key} {problem} {source}", _FORM)
    return value


def _required(
    entries: Sequence[Mapping[str, Any]], where: str, key: str, source: str
) -> list[str | int]:
    """One value of each entry: a text or a whole number."""
    values = [entry.get(key) for entry in entries]
    if all(map((str, int).__contains__, map(type, values))):
        return values  # type: ignore[return-value]
    wrong = [entry for entry, value in zip(entries, values, strict=True) if not _is_key(value)]
    raise InvalidParameterError(
        f"{len(wrong)} of the {len(entries)} {where} of {source} have no {key} "
        f"({examples([dict(entry) for entry in wrong])})",
        f"In COCO, {_KEYS}",
    )


def _is_key(value: object) -> bool:
    return type(value) in (str, int)


def _places(ids: Sequence[str | int], where: str, source: str) -> dict[str | int, int]:
    """The position of each id, which must be there once."""
    place_of = {key: place for place, key in enumerate(ids)}
    if len(place_of) < len(ids):
        repeated = pd.Series(ids, dtype=object)
        twice = repeated[repeated.duplicated()].drop_duplicates().tolist()
        raise InvalidParameterError(
            f"{counted(len(twice), 'id')} of {where} of {source} come more than once "
            f"({examples(twice)})",
            "Give every one its own id",
        )
    return place_of


def _found(
    ids: Sequence[Any], place_of: Mapping[str | int, int], key: str, source: str
) -> NDArray[np.int64]:
    """The position that each id leads to; None leads to -1."""
    places = [-1 if value is None else place_of.get(value) for value in ids]
    if None in places:
        lost = [value for value, place in zip(ids, places, strict=True) if place is None]
        distinct = list(dict.fromkeys(lost))
        where = "images" if key == "image_id" else "categories"
        raise InvalidParameterError(
            f"{counted(len(lost), 'annotation')} of {source} with a {key} that no entry of {where} "
            f"has ({examples(distinct)})",
            f"Add these ids to {where}, or remove their annotations",
        )
    return np.array(places, np.int64)


def _labels(
    ids: Sequence[Any], class_of: Mapping[str | int, int], titles: list[str], source: str
) -> list[str | None]:
    wrong = [value for value in ids if value is not None and not _is_key(value)]
    if wrong:
        raise InvalidParameterError(
            f"{counted(len(wrong), 'annotation')} of {source} with a category_id that is none "
            f"({examples(wrong)})",
            "Give the id of one category",
        )
    by_place = [*titles, None]  # -1 is the last
    return [by_place[place] for place in _found(ids, class_of, "category_id", source)]


def _boxes(boxes: Sequence[Sequence[float]], source: str) -> NDArray[np.float64]:
    """The boxes as an array; an empty one is NaN."""
    empty = (None,) * len(BOX_COLUMNS)
    try:
        array = np.array([box if len(box) else empty for box in boxes], np.float64)
    except (TypeError, ValueError, OverflowError):
        raise _wrong_boxes(boxes, source) from None
    if len(boxes) and array.shape != (len(boxes), len(BOX_COLUMNS)):
        raise _wrong_boxes(boxes, source)
    return array.reshape(-1, len(BOX_COLUMNS))


def _wrong_boxes(boxes: Sequence[object], source: str) -> InvalidParameterError:
    wrong = [box for box in boxes if not _is_box(box)]
    return InvalidParameterError(
        f"{counted(len(wrong), 'bbox', 'bboxes')} of {source} are not four numbers "
        f"({examples(wrong)})",
        "In COCO, a bbox is [x, y, width, height] in pixels, or empty",
    )


def _is_box(box: object) -> bool:
    return isinstance(box, Sequence) and (
        len(box) == 0
        or (len(box) == len(BOX_COLUMNS) and all(type(value) in (int, float) for value in box))
    )


def _with_all_images(rows: _Rows, images: int) -> _Rows:
    """The rows by image, in the order of ``images``, and one for each image without any."""
    bare = np.setdiff1d(np.arange(images), rows.image)
    image = np.concatenate([rows.image, bare])
    order = np.argsort(image, kind="stable")
    labels = [*rows.label, *[None] * len(bare)]
    boxes = np.concatenate([rows.boxes, np.full((len(bare), len(BOX_COLUMNS)), np.nan)])
    return _Rows(image[order], [labels[place] for place in order], boxes[order])


def _table(rows: _Rows, names: Sequence[str | int], source: str) -> pa.Table:
    labels = pa.array(rows.label, pa.string())
    image = rows.image
    given: dict[str, Any] = {}
    if np.isnan(rows.boxes).all():
        joined = joined_texts(image, labels)
        image = np.unique(image)
        labels = pa.array([joined.get(place) for place in image.tolist()], pa.string())
    else:
        given = {name: pa.array(rows.boxes[:, i]) for i, name in enumerate(BOX_COLUMNS)}
    filenames = pa.array([str(name) for name in names], pa.string()).take(pa.array(image))
    return from_columns({"filename": filenames, "label": labels, **given}, source)
