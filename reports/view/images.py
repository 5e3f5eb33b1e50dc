"""Images as the report names and shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.text import file_size, shorten, visible

_TIMES = "\u00d7"
_DIGEST_LENGTH = 8
_NAMES = ("name", "folder")
_SIZE = ["id", "width", "height"]


@dataclass(frozen=True)
class FileName:
    """A file's name, made safe to read.

    Attributes:
        folder: its folder below the one that all images share, shortened; empty if there is none.
        base: the name in that folder, shortened.
        whole: the whole name.
    """

    folder: str
    base: str
    whole: str


@dataclass(frozen=True)
class ImageView:
    """One image.

    Attributes:
        id: the item's number.
        name: its file's name.
        digest: its content digest, None if it was never read.
        facts: size in pixels, size of the file, as far as known.
    """

    id: int
    name: FileName
    digest: str | None
    facts: tuple[str, ...]


def split_name(filename: str) -> tuple[str, str]:
    """Folder and name of a path or URI; the folder ends in its separator or is empty."""
    separator = "/" if "/" in filename else "\\"
    folder, found, base = filename.rpartition(separator)
    return (folder + found, base) if base else ("", filename)


def common_folder(filenames: Iterable[str]) -> str:
    """The folder that all files share, with its separator at the end; empty if there is none."""
    names = list(filenames)
    if not names:
        return ""
    first, last = min(names), max(names)
    shared = next(
        (i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other),
        min(len(first), len(last)),
    )
    end = first[:shared] if first != last else first
    return end[: max(end.rfind("/"), end.rfind("\\")) + 1]


def name_of(filename: str, root: str = "") -> FileName:
    """A file's name for the page; ``root`` is the folder that goes without saying."""
    folder, base = split_name(filename)
    return FileName(
        folder=shorten(visible(folder.removeprefix(root)), limits.FOLDER_LENGTH),
        base=shorten(visible(base), limits.BASE_LENGTH),
        whole=visible(filename),
    )


def _short(trait: str, text: str) -> str:
    """A value that differs, short: of a digest its beginning, of a name what is safe to show."""
    if trait == "bytes":
        return text[:_DIGEST_LENGTH]
    return shorten(visible(text), limits.BASE_LENGTH) if trait in _NAMES else text


class Album:
    """Looks up images by item id."""

    def __init__(self, items: pd.DataFrame, stats: pd.DataFrame) -> None:
        """Take tables ``items`` and ``stats``; of the latter, columns may be missing."""
        self.root = common_folder(items["filename"])
        known = items.set_index("id")
        self._names: pd.Series[str] = known["filename"]
        self._digests = known["digest"].dropna()
        self._bytes = known["file_size"].dropna().astype(np.int64)
        has_size = {"id", "width", "height"} <= set(stats.columns)
        sizes = (stats if has_size else pd.DataFrame(columns=_SIZE)).set_index("id")[_SIZE[1:]]
        self._pixels = sizes.dropna().astype(np.int64)

    @property
    def known(self) -> pd.Index:
        """Ids of all items."""
        return self._names.index

    def image(self, item: int) -> ImageView:
        """The image with this id.

        Raises:
            KeyError: no item has this id.
        """
        return ImageView(
            id=item,
            name=self.file_name(item),
            digest=str(self._digests[item]) if item in self._digests.index else None,
            facts=tuple(fact for fact in (self._pixels_of(item), self._bytes_of(item)) if fact),
        )

    def images(self, items: Iterable[int]) -> tuple[ImageView, ...]:
        """The images with these ids, in this order."""
        return tuple(self.image(item) for item in items)

    def file_name(self, item: int) -> FileName:
        """The file's name for the page."""
        return name_of(self._names[item], self.root)

    def traits(self, first: int, second: int) -> dict[str, tuple[str, str]]:
        """What is known of both of two images and differs: trait -> its value of each, in words."""
        folder, base = split_name(self._names[first])
        other_folder, other_base = split_name(self._names[second])
        sizes = [str(self._bytes.get(item, "")) for item in (first, second)]
        traits = {
            "bytes": (str(self._digests.get(first, "")), str(self._digests.get(second, ""))),
            "size in pixels": (self._pixels_of(first), self._pixels_of(second)),
            "file size": (self._bytes_of(first), self._bytes_of(second))
            if sizes[0] != sizes[1]
            else ("", ""),
            "name": (base, other_base),
            "folder": (folder, other_folder),
        }
        return {
            trait: (_short(trait, one), _short(trait, other))
            for trait, (one, other) in traits.items()
            if one and other and one != other
        }

    def _pixels_of(self, item: int) -> str:
        if item not in self._pixels.index:
            return ""
        width, height = self._pixels.loc[item]
        return f"{width} {_TIMES} {height}"

    def _bytes_of(self, item: int) -> str:
        return file_size(int(self._bytes[item])) if item in self._bytes.index else ""
