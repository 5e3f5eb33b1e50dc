"""What the layouts of data sets with pictures share: classes, names and how files are written."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain, count, zip_longest
from pathlib import Path
from typing import ClassVar

from imgvet.exchange.pictures import Picture, classes_of
from imgvet.images.formats import BY_ENDING, ENDING_OF
from imgvet.images.geometry import Region
from imgvet.search.saved_lists import RESERVED
from imgvet.sources.kinds import split_ending
from imgvet.summary import read_record
from imgvet.workdir import WorkDir, write_text

UNNAMED = "object"
"""The class of a box without a label."""

MAX_BYTES = 200
"""Of one part of a name; file systems take 255."""

_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\\u2028\u2029\ud800-\udfff]')
Read = Iterable[tuple[Picture, bytes]]
"""Pictures, and their bytes unless they were placed or stay where they are."""


class Layout:
    """A folder of pictures with their labels."""

    as_boxes: ClassVar[bool] = True
    """Whether the crops of a picture are boxes on it; else each is a picture."""
    by_split: ClassVar[bool] = True
    """Whether each split has a folder, so that names begin below what its pictures share."""
    flat: ClassVar[bool] = False
    """Whether names have no folders."""
    references: ClassVar[bool] = True
    """Whether it may name pictures that lie elsewhere."""

    def __init__(self, pictures: Sequence[Picture], work: WorkDir) -> None:
        """Take what will be written of a run; boxes are numbered by the classes of its data set."""
        self.has_boxes = any(picture.boxes for picture in pictures)
        labels = {picture.label for picture in pictures if picture.label is not None}
        if self.has_boxes:
            labels = {label or UNNAMED for one in pictures for label in one.classes}
        known = classes_of(read_record(work)) if self.has_boxes else ()
        self.classes = list(dict.fromkeys((*known, *sorted(labels))))
        self.number = {label: number for number, label in enumerate(self.classes)}
        self.folder_of = folders_of(picture.split for picture in pictures)

    def folder(self, picture: Picture) -> str | None:
        """The folder that a picture is put into; None if :meth:`write` stores its bytes."""
        raise NotImplementedError

    def place(self, picture: Picture) -> str | None:
        """Where a picture is put, if it is."""
        folder = self.folder(picture) if picture.name else None
        return None if folder is None else f"{folder}/{picture.name}"

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
    return {None: "", **dict(zip(known, portable_names(known, flat=True), strict=True))}


def write_json(path: Path, content: object) -> None:
    """Write JSON in one line, the same bytes for the same content."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    write_text(path, f"{text}\n")


def portable_names(
    names: Sequence[str],
    formats: Sequence[str | None] = (),
    folders: Sequence[str | None] = (),
    *,
    flat: bool = False,
) -> list[str]:
    """Names for files, relative to their folders, in the order given; none leads out of them.

    Characters that some file system refuses become ``_``, long parts are cut, and the ending is one
    of an image. No two places have the same stem, in any case or form of Unicode, as labels lie in
    files of the same stem. With ``flat`` names have no folders.
    """
    taken: set[str] = set()
    found = []
    for name, kind, folder in zip_longest(names, formats, folders):
        stem, ending = split_ending(name)
        if ending not in BY_ENDING:
            stem, ending = name, ENDING_OF.get(kind, "")
        parts = [part for part in stem.split("/") if part not in ("", ".", "..")]
        stem = "/".join(map(_fit, ["_".join(parts)] if flat else parts)) or "_"
        others = (f"{stem}_{number}" for number in count(2))
        stem = next(one for one in chain([stem], others) if _key(folder, one) not in taken)
        taken.add(_key(folder, stem))
        found.append(stem + ending)
    return found


def _fit(part: str) -> str:
    """A part of a path that every file system takes; Windows drops dots and spaces at its end."""
    short = _UNFIT.sub("_", part).encode()[:MAX_BYTES].decode("utf-8", "ignore")
    fit = short.rstrip(". ") or "_"
    return f"_{fit}" if RESERVED.fullmatch(fit.partition(".")[0].rstrip()) else fit


def _key(folder: str | None, stem: str) -> str:
    return unicodedata.normalize("NFC", f"{folder or ''}/{stem}").casefold()
