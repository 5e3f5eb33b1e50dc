"""Data sets in the form of YOLOv5: a YAML file that names images, and text files with their boxes.

Source: https://docs.ultralytics.com/datasets/detect/ and /datasets/segment/; the keys are ``path``,
``train``, ``val`` (some write ``valid`` or ``validation``), ``test``, ``names`` and ``kpt_shape``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from imgvet.errors import InputNotFoundError, InputUnreadableError, InvalidParameterError
from imgvet.format import counted, message_of
from imgvet.sources.kinds import Kind, kind_of_name, split_ending
from imgvet.sources.listing import Entry
from imgvet.sources.local import read_rows, unreadable, walk, walk_file

SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
"""The splits, and the keys that may name their images: the first that does counts."""

_IMAGES, _LABELS = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"


@dataclass(frozen=True)
class YoloSet:
    """What a YAML file names."""

    places: Mapping[str, Sequence[Path]]
    """By split the folders, lists and images it consists of, as absolute paths that exist."""
    names: Mapping[int, str]
    """The names of classes by number; one without a name is called by its number."""
    keypoints: int = 0
    """How many numbers tell the keypoints of an object, after its box."""


def read_yolo(file: Path) -> YoloSet:
    """Read a YAML file and find what it names.

    A relative ``path`` starts at the file's folder or, as in YOLOv5, at the current one; relative
    ``train``, ``val`` and ``test`` start at ``path``, or at the file's folder if there is none, as
    on another machine than that which it was written on.

    InputUnreadableError if the file may not be read or is not YAML, InvalidParameterError if it has
    another form, InputNotFoundError if it names a folder or a list that does not exist.
    """
    content = _load(file)
    stated = content.get("path", "")
    if not isinstance(stated, str | None):
        raise InvalidParameterError(f"path of {file} is not a text", "Give it a folder")
    path, beside = Path(stated or "").expanduser(), file.absolute().parent
    root = next(filter(Path.is_dir, (beside / path, path.absolute())), beside)
    stated = {
        split: next(filter(None, map(content.get, keys)), None) for split, keys in SPLITS.items()
    }
    places = {split: _places(value, split, root, file) for split, value in stated.items() if value}
    if not places:
        raise InvalidParameterError(
            f"{file} names no images", f"Give it one of the keys {', '.join(SPLITS)}"
        )
    names, shape = _class_names(content.get("names"), file), content.get("kpt_shape") or [0]
    if not (isinstance(shape, list) and all(isinstance(number, int) for number in shape)):
        raise InvalidParameterError(
            f"kpt_shape of {file} is no list of numbers", "Give it as in [17, 3]"
        )
    return YoloSet(places, names, math.prod(shape))


def _load(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise unreadable(f"The data set {file}", error) from None
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        message = message_of(error)[:200]
        raise InputUnreadableError(f"{file} is not YAML ({message})", "Correct it") from None
    if not isinstance(content, dict):
        raise InvalidParameterError(
            f"{file} is not a data set", f"Give it the keys path, {', '.join(SPLITS)} and names"
        )
    return content


def _places(value: Any, split: str, root: Path, file: Path) -> list[Path]:
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) for name in names):
        raise InvalidParameterError(
            f"{split} of {file} is neither a path nor a list of paths",
            "Give it folders, or text files of images",
        )
    places = []
    for name in names:
        # Some exporters write ../train/images into a file that lies beside train/.
        candidates = (root / name, root / name.removeprefix("../"))
        found = next((place for place in candidates if place.exists()), None)
        if found is None:
            raise InputNotFoundError(
                f"{file} names {candidates[0]} as {split}, which does not exist",
                f"Correct path or {split} in {file}, or leave {split} out",
            )
        places.append(Path(os.path.normpath(found)))
    return places


def _class_names(stated: Any, file: Path) -> dict[int, str]:
    names = stated if stated is not None else {}
    if isinstance(names, list):
        names = dict(enumerate(names))
    try:
        return {int(number): _class_name(name) for number, name in names.items()}
    except (AttributeError, TypeError, ValueError):
        raise InvalidParameterError(
            f"names of {file} is neither a list nor numbers with names",
            "Give the name of each class",
        ) from None


def _class_name(name: object) -> str:
    if isinstance(name, (list, dict)):  # of few bytes, it may say more than the memory holds
        raise TypeError
    return str(name)


def yolo_entries(dataset: YoloSet, source: str) -> Iterator[Entry]:
    """The images of all splits, with the classes of their boxes; one in two splits comes twice.

    Relative paths in a text file of images start at the file's folder.
    """
    for split, places in dataset.places.items():
        for place in places:
            for entry in _entries_of(place, source):
                names = [name for name, _ in boxes_of_image(entry.path, dataset)]
                label, detail = ",".join(sorted(set(filter(None, names)))) or None, entry.detail
                if not detail and None in names:
                    wrong = f"{names.count(None)} of {counted(len(names), 'row')}"
                    detail = f"label file: no class and box in {wrong}"
                yield replace(entry, split=split, label=label, detail=detail)


def _entries_of(place: Path, source: str) -> Iterable[Entry]:
    if place.suffix.lower() != ".txt" or place.is_dir():
        return walk(place, source)
    paths = (os.path.normpath(place.parent / row) for row in read_rows(place))
    return (walk_file(path, source) for path in paths)


def label_file_of(path: str) -> str:
    """The label file of an image: .txt, the last folder ``images`` of the path being ``labels``."""
    stem = split_ending(path)[0]
    return _LABELS.join(stem.rsplit(_IMAGES, 1)) + ".txt"


LabelledBox = tuple[str | None, list[float | None]]
"""The class of a box; and its left edge, upper edge, width and height in shares of the image."""
_NO_BOX: LabelledBox = None, [None] * 4


def boxes_of_image(path: str, dataset: YoloSet) -> list[LabelledBox]:
    """The boxes that the label file of an image tells, in its order; none if it has no such file.

    Rows are ``class x_centre y_centre width height``, shares of the image, and maybe keypoints;
    other rows with more numbers outline the object by a polygon, whose box is taken. A row that is
    none of these, or a file that can't be read, gives a box of which nothing is known.
    """
    try:
        text = Path(label_file_of(path)).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError):
        return [_NO_BOX]
    return [_box(row, dataset) for row in map(str.split, text.splitlines()) if row]


def yolo_sets(inputs: Iterable[str]) -> dict[str, YoloSet]:
    """The YOLO data sets among inputs; raises as the reader."""
    names = (name for name in inputs if kind_of_name(name) is Kind.YOLO)
    return {name: read_yolo(Path(name).expanduser().absolute()) for name in names}


def boxes_of_images(
    paths: Iterable[str], sources: Iterable[str], inputs: Iterable[str]
) -> list[list[LabelledBox]]:
    """The boxes of images, each found through a source, one of the inputs; raises as the reader."""
    sets = yolo_sets(inputs)
    places = zip(paths, sources, strict=True)
    return [boxes_of_image(path, sets[name]) if name in sets else [] for path, name in places]


def _box(row: Sequence[str], dataset: YoloSet) -> LabelledBox:
    try:
        number, *values = map(float, row)
    except ValueError:
        return _NO_BOX
    is_sound = number >= 0 and number.is_integer() and all(map(math.isfinite, values))
    if len(values) < 4 or not is_sound:
        return _NO_BOX
    label = dataset.names.get(int(number), str(int(number)))
    if len(row) >= 7 and len(row) % 2 and len(values) != 4 + dataset.keypoints:
        across, down = values[0::2], values[1::2]
        left, top = min(across), min(down)
        return label, [left, top, max(across) - left, max(down) - top]
    x, y, width, height = values[:4]
    return label, [x - width / 2, y - height / 2, width, height]
