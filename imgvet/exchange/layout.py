"""What the layouts of data sets with pictures share: classes, folders and how files are written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Self

from imgvet.exchange.names import portable_names
from imgvet.exchange.pictures import Picture
from imgvet.images.geometry import Region
from imgvet.workdir import WorkDir

UNNAMED = "object"
"""The class of a box without a label."""

Read = Iterable[tuple[Picture, bytes]]
"""Pictures, and their bytes unless they were placed or stay where they are."""


class Layout:
    """A folder of pictures with their labels."""

    as_boxes: ClassVar[bool] = True
    """Whether the crops of a picture are boxes on it; else each is a picture."""
    by_split: ClassVar[bool] = True
    """Whether each split has a folder, so that names need only be unique in it."""
    flat: ClassVar[bool] = False
    """Whether names have no folders."""
    references: ClassVar[bool] = True
    """Whether it may name pictures that lie elsewhere."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        """Take the pictures that will be written, as far as they can be read."""
        self.has_boxes = any(picture.box_labels for picture in pictures)
        labels = {picture.label for picture in pictures if picture.label is not None}
        if self.has_boxes:
            labels = {label or UNNAMED for one in pictures for label in one.box_labels}
        self.classes = sorted(labels)
        self.number = {label: number for number, label in enumerate(self.classes)}
        self.folder_of = folders_of(picture.split for picture in pictures)

    @classmethod
    def of(cls, pictures: Sequence[Picture], work: WorkDir) -> Self:  # noqa: ARG003
        """The layout of pictures of a run."""
        return cls(pictures)

    def place(self, picture: Picture) -> str | None:
        """Where in the folder a picture is put; None if :meth:`write` stores its bytes."""
        raise NotImplementedError

    def write(self, read: Read, folder: Path) -> None:
        """Write everything but pictures that are placed."""
        raise NotImplementedError


def bbox_of(region: Region) -> list[float]:
    """Left, top, width and height of a box in pixels."""
    box = region.box
    return [box.x, box.y, box.width, box.height]


def folders_of(names: Iterable[str | None]) -> dict[str | None, str]:
    """The folder of each split or class, under a name that any file system takes; none has none."""
    known = sorted({name for name in names if name is not None})
    fit = portable_names(known, [None] * len(known), flat=True)
    return {None: "", **dict(zip(known, fit, strict=True))}


def place_of(first: str, second: str, picture: Picture) -> str:
    """Where a picture lies in two folders, of which the second may be none."""
    return "/".join(filter(None, [first, second, picture.name]))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text, the same bytes on every machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def write_json(path: Path, content: object) -> None:
    """Write JSON in one line, the same bytes for the same content."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    write_lines(path, [text, "\n"])
