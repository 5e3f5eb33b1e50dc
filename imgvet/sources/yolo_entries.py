"""The images of a YOLOv5 data set, each with its split and with the label its label file tells."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from imgvet.errors import InputUnreadableError
from imgvet.sources.entry import Entry
from imgvet.sources.local import split_ending, walk_file, walk_folder
from imgvet.sources.yolo import YoloSet

_IMAGES, _LABELS = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"


@dataclass(frozen=True)
class BoxLabel:
    """What a label file tells.

    Attributes:
        label: the classes of its boxes: names in order of the alphabet, each once, joined by
            commas; None if there is no box or no label file.
        problem: what is wrong with the file, empty if nothing is.
    """

    label: str | None
    problem: str = ""


def yolo_entries(dataset: YoloSet, source: str) -> Iterator[Entry]:
    """The images of all splits, in the order of the splits.

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
                found = label_of_image(entry.path, dataset.names)
                detail = entry.detail or found.problem
                yield replace(entry, split=split, label=found.label, detail=detail)


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


def label_file_of(filename: str) -> str:
    """The label file of an image: .txt, the last folder ``images`` of the path being ``labels``."""
    stem = split_ending(filename)[0]
    return _LABELS.join(stem.rsplit(_IMAGES, 1)) + ".txt"


def label_of_image(filename: str, names: Mapping[int, str]) -> BoxLabel:
    """What the label file of an image tells; a class without a name is called by its number.

    Args:
        filename: the image, an absolute path.
        names: name of each class.
    """
    path = label_file_of(filename)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return BoxLabel(None)
    except (OSError, UnicodeError) as error:
        return BoxLabel(None, f"label file: {error}")
    classes: set[str] = set()
    for number, row in enumerate(text.splitlines(), 1):
        fields = row.split()
        if not fields:
            continue
        if len(fields) < 5 or not fields[0].isdecimal():
            return BoxLabel(None, f"label file: row {number} is not a class and a box")
        classes.add(names.get(int(fields[0]), fields[0]))
    return BoxLabel(",".join(sorted(classes)) or None)
