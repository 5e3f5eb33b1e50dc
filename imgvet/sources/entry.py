"""One listed item, before its content is known: where it lies, and how people call it.

Its file name is made of its place once, for people, and never read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imgvet.reasons import Reason


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed item; its fields are columns of the listing."""

    path: str
    """Absolute path or URI of the file that it is, or lies in."""
    source: str
    """The input it was found through, as the user wrote it."""
    file_size: int | None = None
    mtime_ns: int | None = None
    """Time of the last change in nanoseconds since 1970."""
    status: Reason = Reason.OK
    detail: str = ""
    """What the file system said, if anything."""
    version: str = ""
    """What the source itself calls this version of the content (an ETag), if anything."""
    label: str | None = None
    split: str | None = None
    metadata: str | None = None
    """What files beside it tell (webdataset), as a JSON object."""
    member: str | None = None
    """Its name in the archive ``path``, None outside of archives."""
    time_ms: int | None = None
    """Presentation time of a video's frame in milliseconds, None outside of videos."""

    @property
    def filename(self) -> str:
        """What people call it."""
        if self.member is None and self.time_ms is None:
            return self.path
        return item_name(self.path, self.member, self.time_ms)

    def checked(self, min_file_size: int) -> Entry:
        """The entry with its status set if the file is empty or smaller than allowed."""
        if self.status is not Reason.OK or self.file_size is None:
            return self
        if self.file_size == 0:
            return replace(self, status=Reason.EMPTY_FILE, detail="0 bytes")
        if self.file_size < min_file_size:
            return replace(self, status=Reason.SMALL_FILE, detail=f"{self.file_size} bytes")
        return self


@dataclass(frozen=True)
class Content:
    """The content of one item."""

    data: bytes
    version: str = ""
    """As :attr:`Entry.version`."""
    detail: str = ""
    """What was unusual but harmless."""


def item_name(
    path: str,
    member: str | None = None,
    time_ms: int | None = None,
    box: Sequence[float] | None = None,
) -> str:
    """What people call an item.

        photos.tar!a/b.jpg                       a member of an archive
        film.mp4#t=12.0                          a frame, at its time in seconds
        photo.jpg#xywh=10,20,100,80              a crop: x, y, width, height in pixels
        photo.jpg#corners=5,10,90.5,20,85,...    a rotated crop: x1, y1, ..., x4, y4
        film.mp4#t=12.0&xywh=10,20,100,80        a crop of a frame

    Source of ``t`` and ``xywh``: W3C, Media Fragments URI 1.0, section 4.2.
    """
    name = path if member is None else f"{path}!{member}"
    if time_ms is not None:
        name += f"#t={time_ms / 1000}"
    if box is not None:
        mark, kind = "#" if time_ms is None else "&", "xywh" if len(box) == 4 else "corners"
        name += f"{mark}{kind}={','.join(map(_three_decimals, box))}"
    return name


def _three_decimals(value: float) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
