"""How an item inside another file is named: ``photos.tar!cats/1.jpg``, ``film.mp4#t=12.0``.

The name of a loose file is its path, unchanged. ``!`` after an archive's ending leads to a member,
``#t=`` after a video's ending, at the end of a name, leads to a frame; both may follow each other,
as in ``films.zip!a/film.mp4#t=12.0``. Only a name in which the same characters stand by chance is
written differently, so that every name has one meaning:

    a file   old.tar!new.jpg    is written  old.tar%21new.jpg
    a file   old.tar%21new.jpg  is written  old.tar%2521new.jpg
    a file   film.mp4#t=1.0     is written  film.mp4%23t=1.0

No other name is escaped, whatever spaces, percent signs or line breaks it holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ARCHIVE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".zip")
"""Endings (any case) of the names of archives. The content decides which kind of archive it is."""

VIDEO_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
"""Endings (any case) of the names of videos. The content decides which kind of video it is."""


def _one_of(endings: tuple[str, ...]) -> str:
    return f"(?i:{'|'.join(re.escape(ending) for ending in endings)})"


_ARCHIVE, _VIDEO = _one_of(ARCHIVE_ENDINGS), _one_of(VIDEO_ENDINGS)
_SECONDS = r"[0-9]+\.[0-9]{1,3}"
_MEMBER_MARK = re.compile(f"({_ARCHIVE})!")
_TIME_MARK = re.compile(rf"({_VIDEO})#t=({_SECONDS})\Z")
_LITERAL_MEMBER_MARK = re.compile(f"({_ARCHIVE})(!|%(?:25)*21)")
_LITERAL_TIME_MARK = re.compile(rf"({_VIDEO})(#|%(?:25)*23)(?=t={_SECONDS}\Z)")
_ESCAPED_MEMBER_MARK = re.compile(f"({_ARCHIVE})%((?:25)*)21")
_ESCAPED_TIME_MARK = re.compile(rf"({_VIDEO})%((?:25)*)23(?=t={_SECONDS}\Z)")


@dataclass(frozen=True, slots=True)
class Location:
    """Where an item lies.

    Attributes:
        path: the file, an absolute path or URI.
        member: name inside the archive ``path``, None outside of archives.
        time_ms: presentation time of a frame in milliseconds, None outside of videos.

    Raises:
        ValueError: a member of what is not named as an archive, a frame of what is not named as a
            video, an empty name, a negative time, or a name that can't be written as UTF-8.
    """

    path: str
    member: str | None = None
    time_ms: int | None = None

    def __post_init__(self) -> None:
        for name in (self.path, self.member):
            if name is not None:
                name.encode()
        if not self.path or self.member == "":
            raise ValueError("a location needs a name")
        if self.member is not None and not is_archive_name(self.path):
            raise ValueError(f"{self.path} is not named as an archive")
        if self.time_ms is not None and not (self.time_ms >= 0 and is_video_name(self._last)):
            raise ValueError(f"{self._last} has no frame at {self.time_ms} ms")

    @property
    def _last(self) -> str:
        return self.path if self.member is None else self.member

    def __str__(self) -> str:
        text = self.path
        # Looking for a character first spares nearly every name the regular expressions.
        if "!" in text or "%" in text:
            text = _LITERAL_MEMBER_MARK.sub(_escape_member_mark, text)
        if self.member is not None:
            text = f"{text}!{self.member}"
        if self.time_ms is not None:
            return f"{text}#t={seconds_text(self.time_ms)}"
        return _LITERAL_TIME_MARK.sub(_escape_time_mark, text) if "t=" in text else text


def parse_location(text: str) -> Location:
    """The location that a name stands for; the inverse of ``str(location)``."""
    time_ms = None
    if "t=" in text:
        if found := _TIME_MARK.search(text):
            text, time_ms = text[: found.end(1)], time_of_text(found[2])
        else:
            text = _ESCAPED_TIME_MARK.sub(_unescape_time_mark, text)
    member = None
    if "!" in text and (found := _MEMBER_MARK.search(text)):
        text, member = text[: found.end(1)], text[found.end() :]
        if not member:
            raise ValueError(f"{text}! names no member")
    if "%" in text:
        text = _ESCAPED_MEMBER_MARK.sub(_unescape_member_mark, text)
    return Location(text, member, time_ms)


def seconds_text(time_ms: int) -> str:
    """Milliseconds as seconds, with as many decimals as needed but at least one: 12.0, 12.033."""
    text = f"{time_ms // 1000}.{time_ms % 1000:03d}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def time_of_text(seconds: str) -> int:
    """Milliseconds of what :func:`seconds_text` wrote."""
    whole, _, decimals = seconds.partition(".")
    return 1000 * int(whole) + int(decimals.ljust(3, "0"))


def split_ending(name: str) -> tuple[str, str]:
    """A name without its ending, and the ending in lower case: ``a/b.c.JPG`` is a/b.c and .jpg."""
    dot = name.rfind(".")
    # A dot that begins a name begins no ending.
    return (name[:dot], name[dot:].lower()) if dot > name.rfind("/") + 1 else (name, "")


def is_archive_name(name: str) -> bool:
    """Whether a name ends as that of an archive."""
    return name.lower().endswith(ARCHIVE_ENDINGS)


def is_video_name(name: str) -> bool:
    """Whether a name ends as that of a video."""
    return name.lower().endswith(VIDEO_ENDINGS)


def is_frame_name(name: str) -> bool:
    """Whether a name ends as that of a frame of a video."""
    return "#t=" in name and _TIME_MARK.search(name) is not None


def _escape_member_mark(found: re.Match[str]) -> str:
    return found[1] + ("%21" if found[2] == "!" else f"%25{found[2][1:]}")


def _escape_time_mark(found: re.Match[str]) -> str:
    return found[1] + ("%23" if found[2] == "#" else f"%25{found[2][1:]}")


def _unescape_member_mark(found: re.Match[str]) -> str:
    return found[1] + (f"%{found[2][2:]}21" if found[2] else "!")


def _unescape_time_mark(found: re.Match[str]) -> str:
    return found[1] + (f"%{found[2][2:]}23" if found[2] else "#")
