"""Data sets in the form of YOLOv5: a YAML file that names images, and text files with their boxes.

Source: https://docs.ultralytics.com/datasets/detect/ and /datasets/segment/; the keys are ``path``,
``train``, ``val``, ``test`` and ``names``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from imgvet.errors import InputNotFoundError, InputUnreadableError, InvalidParameterError
from imgvet.sources.entry import Entry
from imgvet.sources.kinds import split_ending
from imgvet.sources.local import walk_file, walk_folder

SPLITS = ("train", "val", "test")
"""Keys that name images; the key becomes the split."""

_IMAGES, _LABELS = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
_BOX_FIELDS = 5
_POLYGON_FIELDS = 7


@dataclass(frozen=True)
class YoloSet:
    """What a YAML file names.

    Attributes:
        file: the YAML file.
        places: for each split its folders, lists and images, as absolute paths that exist.
        names: name of each class, by its number.
    """

    file: Path
    places: Mapping[str, tuple[Path, ...]]
    names: Mapping[int, str]


def read_yolo(file: Path) -> YoloSet:
    """Read a YAML file and find what it names.

    A relative ``path`` starts at the file's folder or, as in YOLOv5, at the current one; relative
    ``train``, ``val`` and ``test`` start at ``path``, or at the file's folder if there is none.

    Raises:
        InputUnreadableError: the file may not be read or is not YAML.
        InvalidParameterError: it has another form than a data set.
        InputNotFoundError: it names a folder or a list that does not exist.
    """
    content = _load(file)
    root = _root(content.get("path"), file)
    places = {
        split: tuple(
            _place(name, root, file, split) for name in _strings(content[split], split, file)
        )
        for split in SPLITS
        if content.get(split)
    }
    if not places:
        raise InvalidParameterError(
            f"{file} names no images", f"Give it one of the keys {', '.join(SPLITS)}"
        )
    return YoloSet(file, places, _class_names(content.get("names"), file))


def _load(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise InputUnreadableError(
            f"The data set {file} can't be read ({error.strerror})", "Check its permissions"
        ) from None
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        message = " ".join(str(error).split())[:200]
        raise InputUnreadableError(f"{file} is not YAML ({message})", "Correct it") from None
    if not isinstance(content, dict):
        raise InvalidParameterError(
            f"{file} is not a data set", f"Give it the keys path, {', '.join(SPLITS)} and names"
        )
    return content


def _root(stated: object, file: Path) -> Path:
    folder = file.absolute().parent
    if stated is None:
        return folder
    if not isinstance(stated, str):
        raise InvalidParameterError(f"path of {file} is not a text", "Give it a folder")
    candidates = [folder / Path(stated).expanduser(), Path(stated).expanduser().absolute()]
    return next((place for place in candidates if place.is_dir()), candidates[0])


def _strings(value: object, key: str, file: Path) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) for entry in values):
        raise InvalidParameterError(
            f"{key} of {file} is neither a path nor a list of paths",
            "Give it folders, or text files of images",
        )
    return [str(entry) for entry in values]


def _place(name: str, root: Path, file: Path, split: str) -> Path:
    # Some exporters write ../train/images into a file that lies beside train/.
    candidates = [root / name, root / name.removeprefix("../")]
    for place in candidates:
        if place.exists():
            return Path(os.path.normpath(place))
    raise InputNotFoundError(
        f"{file} names {candidates[0]} as {split}, which does not exist",
        f"Correct path or {split} in {file}",
    )


def _class_names(stated: object, file: Path) -> dict[int, str]:
    if stated is None:
        return {}
    if isinstance(stated, list):
        return {number: str(name) for number, name in enumerate(stated)}
    if isinstance(stated, dict):
        try:
            return {int(number): str(name) for number, name in stated.items()}
        except (TypeError, ValueError):
            pass
    raise InvalidParameterError(
        f"names of {file} is neither a list nor numbers with names",
        "Give the name of each class",
    )


def yolo_entries(dataset: YoloSet, source: str) -> Iterator[Entry]:
    """The images of all splits, in the order of the splits, with the classes of their boxes.

    Each split is a folder (read recursively), a text file of images (relative ones start at the
    text file's folder) or an image. An image in two splits comes twice.

    Args:
        dataset: what the YAML file names.
        source: the input as the user wrote it.

    Raises:
        InputUnreadableError: a folder or a list may not be read.
    """
    for split, places in dataset.places.items():
        for place in places:
            for entry in _entries_of(place, source):
                label, problem = _label_of(entry.path, dataset.names)
                detail = entry.detail or problem
                yield replace(entry, split=split, label=label, detail=detail)


def _entries_of(place: Path, source: str) -> Iterator[Entry]:
    if place.is_dir():
        yield from walk_folder(place, source)
    elif place.suffix.lower() == ".txt":
        for name in _listed(place):
            yield walk_file(Path(name), source)
    else:
        yield walk_file(place, source)


def _listed(file: Path) -> list[str]:
    """The absolute paths that a text file of images lists."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputUnreadableError(
            f"The list {file} can't be read ({error.strerror})", "Check its permissions"
        ) from None
    rows = (row.strip() for row in text.split("\n"))
    return [os.path.normpath(file.parent / row) for row in rows if row]


def label_file_of(path: str) -> str:
    """The label file of an image: .txt, the last folder ``images`` of the path being ``labels``."""
    stem = split_ending(path)[0]
    return _LABELS.join(stem.rsplit(_IMAGES, 1)) + ".txt"


def _rows_of(path: str) -> list[list[str]]:
    """The rows of an image's label file, split at spaces; blank ones are empty."""
    text = Path(label_file_of(path)).read_text(encoding="utf-8-sig")
    return [row.split() for row in text.splitlines()]


def _label_of(path: str, names: Mapping[int, str]) -> tuple[str | None, str]:
    """The classes of an image's boxes, in order, each once, joined by commas; and what is wrong."""
    try:
        rows = _rows_of(path)
    except FileNotFoundError:
        return None, ""
    except (OSError, UnicodeError) as error:
        return None, f"label file: {error}"
    classes: set[str] = set()
    for number, row in enumerate(rows, 1):
        if row and (len(row) < _BOX_FIELDS or not row[0].isdecimal()):
            return None, f"label file: row {number} is not a class and a box"
        classes.update(names.get(int(field), field) for field in row[:1])
    return ",".join(sorted(classes)) or None, ""


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


def boxes_of_image(path: str, names: Mapping[int, str]) -> tuple[RelativeBox, ...]:
    """The boxes that the label file of an image tells, in its order; none if it has no such file.

    Rows are ``class x_centre y_centre width height``, shares of the image; rows with more numbers
    outline the object by a polygon, whose box is taken. A file that can't be read, or is not as it
    should be, gives none: listing its image says so.

    Args:
        path: the image, an absolute path.
        names: name of each class; a class without a name is called by its number.
    """
    try:
        return tuple(_box(row, names) for row in _rows_of(path) if row)
    except (OSError, ValueError):
        return ()


def _box(row: Sequence[str], names: Mapping[int, str]) -> RelativeBox:
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
