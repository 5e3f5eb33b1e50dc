"""Unpack a gzipped tar once, from front to back, into parts that can be read in any order."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from imgvet.reasons import Reason
from imgvet.sources.archive_index import FileState
from imgvet.sources.archive_limits import ExtractLimits, LimitExceededError, bomb_row
from imgvet.sources.archive_member import (
    ARCHIVE_ITSELF,
    MAX_SIDECAR_BYTES,
    Member,
    Role,
    role_of,
)
from imgvet.sources.archive_parts import PartWriter, start_parts
from imgvet.sources.archive_tar import (
    STREAM_ERRORS,
    DamagedStreamError,
    ForwardStream,
    walk_tar,
)

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Unpacked:
    """What unpacking gave.

    Attributes:
        members: the rows of all members that are kept, in order of the archive.
        resumed: how many members an earlier, interrupted run had already unpacked.
    """

    members: list[Member]
    resumed: int


def unpack_tar_gz(
    archive: FileState, folder: Path, limits: ExtractLimits, *, resume: bool
) -> Unpacked:
    """Unpack the images of a gzipped tar, and the sidecars that may belong to them.

    Members that are no images are skipped. Damage ends the unpacking and becomes a row of the
    archive; what came before it is kept.

    Args:
        archive: the archive.
        folder: where the parts go.
        limits: how much it may unpack to.
        resume: continue where an interrupted run stopped; its members are unpacked again, as gzip
            can't be entered in the middle, but not written again.

    Raises:
        OSError: the archive can't be read or the folder not be written to.
    """
    before = start_parts(folder, resume=resume)
    members = list(before.members)
    with open(archive.path, "rb") as packed, PartWriter(folder, before.parts) as writer:
        unpacked = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=packed)), _CHUNK)
        stream = _limited(cast("BinaryIO", unpacked), archive.size, limits)
        count = 0
        for count, member in enumerate(walk_tar(stream, None, limits.member), 1):
            if count > limits.members:
                members.append(writer.note(bomb_row(f"has more than {limits.members} members")))
                break
            if count > before.done and _is_kept(member):
                members.append(_keep(member, stream, writer))
            if writer.full:
                writer.close_part(count)
        writer.close_part(count)
    return Unpacked(members, before.done)


def _limited(raw: BinaryIO, packed: int, limits: ExtractLimits) -> ForwardStream:
    def check(position: int) -> None:
        problem = limits.problem(position, packed)
        if problem is not None:
            raise LimitExceededError(problem)

    return ForwardStream(raw, can_skip=False, check=check)


def _is_kept(member: Member) -> bool:
    if member.name == ARCHIVE_ITSELF:
        return True
    role = role_of(member.name)
    if role is Role.SIDECAR:
        return member.status is Reason.OK and member.size <= MAX_SIDECAR_BYTES
    return role is not Role.OTHER


def _keep(member: Member, stream: ForwardStream, writer: PartWriter) -> Member:
    if member.status is not Reason.OK:
        return writer.note(member)
    try:
        return writer.add(member, _content(stream, member.size))
    except STREAM_ERRORS as error:
        # The stream fails again at the next member, which gives the row of the archive.
        bomb = isinstance(error, LimitExceededError)
        status = Reason.ARCHIVE_BOMB if bomb else Reason.ARCHIVE_DAMAGED
        return writer.note(member.failed(status, f"the archive ends in it: {error}"))


def _content(stream: ForwardStream, size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = stream.read(min(size, _CHUNK))
        if not chunk:
            raise DamagedStreamError(EOFError("the archive ends before the member does"))
        size -= len(chunk)
        yield chunk
