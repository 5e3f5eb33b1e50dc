"""One member of an archive, and what its name and type say about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from imgvet.reasons import Reason
from imgvet.sources.local import (
    IMAGE_EXTENSIONS,
    is_archive_name,
    is_video_name,
    split_ending,
)

ARCHIVE_ITSELF = ""
"""Name of the row that tells of a problem of the whole archive."""

IN_ARCHIVE = -1
"""Value of ``part`` for content that lies in the archive itself."""

SIDECAR_ENDINGS = frozenset({".json", ".txt", ".cls"})
"""Endings of the members that say something about an image of the same stem (WebDataset)."""

MAX_SIDECAR_BYTES = 64 * 1024
"""Greater sidecars are not read: a file about one image is small, one about all of them is not."""


class Role(StrEnum):
    """What a member is to us, by its name."""

    IMAGE = "image"
    SIDECAR = "sidecar"
    VIDEO = "video"
    ARCHIVE = "archive"
    OTHER = "other"


_NESTED = {Role.ARCHIVE: Reason.NESTED_ARCHIVE, Role.VIDEO: Reason.NESTED_VIDEO}


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive.

    Attributes:
        name: name in the archive, as valid UTF-8, without a leading ``./``.
        part: number of the file with its content, :data:`IN_ARCHIVE` for the archive itself.
        offset: where the content (in a zip: the header before it) starts in that file, in bytes.
        size: bytes of the content.
        stored: bytes it takes in the file.
        method: 0 stored as it is, 8 deflated (the codes of zip).
        crc: CRC-32 of the content, None if none is stated.
        status: ok, or why it can't be read.
        detail: more about the status.
        label: its label, if a sidecar tells one.
        metadata: what its sidecars say, a JSON object, None if it has none.
    """

    name: str
    part: int = IN_ARCHIVE
    offset: int = 0
    size: int = 0
    stored: int = 0
    method: int = 0
    crc: int | None = None
    status: Reason = Reason.OK
    detail: str = ""
    label: str | None = None
    metadata: str | None = None

    def failed(self, status: Reason, detail: str) -> Member:
        """The member with the reason why it can't be read; the first reason stays."""
        return self if self.status is not Reason.OK else replace(self, status=status, detail=detail)


def role_of(name: str) -> Role:
    """What a member is to us; macOS' ``__MACOSX/`` holds no images, whatever its names say."""
    if name.startswith("__MACOSX/"):
        return Role.OTHER
    ending = split_ending(name)[1]
    if ending in IMAGE_EXTENSIONS:
        return Role.IMAGE
    if ending in SIDECAR_ENDINGS:
        return Role.SIDECAR
    if is_archive_name(name):
        return Role.ARCHIVE
    return Role.VIDEO if is_video_name(name) else Role.OTHER


def shown_name(name: str) -> str:
    """A member's name as valid UTF-8 (other bytes in hexadecimal), without a leading ``./``."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    while text.startswith("./"):
        text = text[2:].lstrip("/")
    return text


def name_problem(name: str) -> str | None:
    """Why a name is unsafe, None if it is not."""
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[/\\]", name):
        return "the path is absolute"
    if ".." in re.split(r"[/\\]", name):
        return "the path leads out of the archive"
    return None


def row_without_name() -> Member:
    """The row of an archive with a member that has no name, so can't have a row of its own."""
    return Member(ARCHIVE_ITSELF, status=Reason.ARCHIVE_DAMAGED, detail="a member without a name")


def judged(member: Member, stated_name: str, max_bytes: int) -> Member:
    """The member with a reason if its name, role or size forbids reading it.

    Args:
        member: the member.
        stated_name: its name as the archive has it.
        max_bytes: greatest content that is read.
    """
    problem = name_problem(stated_name)
    if problem is not None:
        return member.failed(Reason.UNSAFE_NAME, problem)
    nested = _NESTED.get(role_of(member.name))
    if nested is not None:
        return member.failed(nested, "extract it first")
    if member.size > max_bytes:
        detail = f"{member.size} bytes, at most {max_bytes} are read"
        return member.failed(Reason.TOO_LARGE, detail)
    return member
