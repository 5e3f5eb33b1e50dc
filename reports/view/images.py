"""Images as the report names and shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgvet.reports import limits
from imgvet.reports.text import file_size, shorten, similarity, visible
from imgvet.search.image_table import ImageTable

_TIMES = "\u00d7"
_DIGEST_LENGTH = 8
_NAMES = ("name", "folder")
_COLUMNS = ("filename", "digest", "file_size", "stats.width", "stats.height")


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
class Item:
    """An item that can be chosen: its number and its file's name."""

    id: int
    name: FileName


@dataclass(frozen=True)
class Image(Item):
    """An item that is shown.

    Attributes:
        digest: its content digest, None if it was never read.
        facts: size in pixels, size of the file, as far as known.
    """

    digest: str | None
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """Two images that look alike.

    Attributes:
        first: the one listed first.
        second: the other.
        similarity: in words.
        differences: what differs between them, and its value of each, in words.
    """

    first: Image
    second: Image
    similarity: str
    differences: tuple[tuple[str, str, str], ...]


def split_name(filename: str) -> tuple[str, str]:
    """Folder and name of a path or URI; the folder ends in its separator or is empty."""
    separator = "/" if "/" in filename else "\\"
    folder, end, base = filename.rpartition(separator)
    return (folder + end, base) if base else ("", filename)


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


class Album:
    """Looks up images by item id.

    Attributes:
        root: the folder that all images share, with its separator at the end, or empty.
    """

    def __init__(self, images: ImageTable) -> None:
        self._images = images
        self.root = common_folder(images["filename"].to_pylist())

    @property
    def ids(self) -> NDArray[np.int64]:
        """Ids of all items."""
        return self._images.ids

    def file_name(self, item: int) -> FileName:
        """The file's name for the page."""
        return name_of(self._known(item)["filename"], self.root)

    def item(self, item: int) -> Item:
        """The item with this id, without its picture."""
        return Item(item, self.file_name(item))

    def image(self, item: int) -> Image:
        """The image with this id.

        Raises:
            KeyError: no item has this id.
        """
        known = self._known(item)
        sizes = (_pixels(known), _file_size(known))
        return Image(
            id=item,
            name=name_of(known["filename"], self.root),
            digest=known.get("digest"),
            facts=tuple(size for size in sizes if size),
        )

    def images(self, items: Iterable[int]) -> tuple[Image, ...]:
        """The images with these ids, in this order."""
        return tuple(self.image(item) for item in items)

    def pair(self, first: int, second: int, value: float) -> Pair:
        """Two images, how similar they are (0..1), and what differs of what is known of both."""
        one, other = _traits(self._known(first)), _traits(self._known(second))
        return Pair(
            first=self.image(first),
            second=self.image(second),
            similarity=similarity(value),
            differences=tuple(
                (trait, _short(trait, one[trait]), _short(trait, other[trait]))
                for trait in one
                if one[trait] and other[trait] and one[trait] != other[trait]
            ),
        )

    def _known(self, item: int) -> dict[str, Any]:
        known = self._images.facts(item, _COLUMNS)
        if known is None:
            raise KeyError(item)
        return known


def _traits(known: dict[str, Any]) -> dict[str, str]:
    folder, base = split_name(known["filename"])
    return {
        "bytes": known.get("digest", ""),
        "size in pixels": _pixels(known),
        "file size": _file_size(known),
        "name": base,
        "folder": folder,
    }


def _short(trait: str, text: str) -> str:
    """A value that differs, short: of a digest its beginning, of a name what is safe to show."""
    if trait == "bytes":
        return text[:_DIGEST_LENGTH]
    return shorten(visible(text), limits.BASE_LENGTH) if trait in _NAMES else text


def _pixels(known: dict[str, Any]) -> str:
    if not {"stats.width", "stats.height"} <= known.keys():
        return ""
    return f"{known['stats.width']} {_TIMES} {known['stats.height']}"


def _file_size(known: dict[str, Any]) -> str:
    return file_size(known["file_size"]) if "file_size" in known else ""
