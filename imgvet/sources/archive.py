"""Archives as inputs: tar, gzipped tar and zip, the content deciding which.

Two ways, chosen by what the format can do:

- **tar and zip are read where they lie.** Both let a member be found by its place, so an index of
  places is made once for each state of an archive (walking the headers of a tar, reading the
  directory of a zip), kept in the store, and each member is then one read from the open file.
  Nothing is copied, and it takes no room on disk.
- **Gzipped tars are unpacked into the store.** Gzip can be read only from its start, so a member
  in the middle costs the unpacking of all before it. They are unpacked once, in one pass, into a
  few large files with the same kind of index, and can be continued after an interruption.

After :func:`prepare_archive` both look the same: :func:`archive_entries` lists the members, and
:func:`archive_reader` reads them.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from imgvet.reasons import Reason
from imgvet.sources.archive_formats import (
    HEAD_BYTES,
    STREAM_ERRORS,
    ArchiveFormat,
    DamagedStreamError,
    ForwardStream,
    LimitExceededError,
    identify_archive,
    walk_tar,
    walk_zip,
)
from imgvet.sources.archive_members import (
    ExtractLimits,
    archive_row,
    is_kept,
    settle,
    split_of_shard,
    within_limits,
)
from imgvet.sources.entry import Entry
from imgvet.sources.local import walk_file
from imgvet.sources.packed import FILE_ITSELF, Member, Packed, PackedReport, PartWriter, start_parts
from imgvet.sources.packed_reader import PackedFiles, PackedReader

INDEX_VERSION = 2
"""Raised when members are judged in another way."""

OPEN_ARCHIVES = 4
"""Archives of which a reader keeps the index in memory, about 20 MB for 100,000 members."""

_CHUNK = 1 << 20


def packed_archive(path: Path, store: Path) -> Packed:
    """Where the index and the parts of the present state of an archive lie.

    Args:
        path: the archive, an absolute path.
        store: where archives are kept, ``store/extracted`` of a work dir.

    Raises:
        OSError: the archive can't be looked at.
    """
    return Packed.of(path, store, str(INDEX_VERSION))


def archive_reader(store: Path) -> PackedReader:
    """Reads members by archive and name; ``store`` as for :func:`packed_archive`."""
    return PackedReader(lambda path: packed_archive(path, store), OPEN_ARCHIVES)


def prepare_archive(
    path: Path, store: Path, limits: ExtractLimits | None = None, *, resume: bool = False
) -> PackedReport:
    """Index an archive, and unpack it if it can't be read where it lies.

    Args:
        path: the archive, an absolute path.
        store: where archives are kept, ``store/extracted`` of a work dir.
        limits: how much it may unpack to.
        resume: continue an unpacking that was interrupted instead of starting again.

    Returns:
        what it holds. A damaged, empty or unreadable archive is a row, not an error.

    Raises:
        OSError: ``store`` can't be written to.
    """
    if walk_file(path, "").status is not Reason.OK:
        return PackedReport(path=str(path), items=0, failed=1)
    packed = packed_archive(path, store)
    known = packed.members()
    if known is not None:
        return PackedReport.of(packed, known, reused=True)
    packed.folder.mkdir(parents=True, exist_ok=True)
    members, resumed = _members_of(packed, limits or ExtractLimits(), resume=resume)
    packed.write(members)
    return PackedReport.of(packed, members, resumed=resumed)


def _members_of(packed: Packed, limits: ExtractLimits, *, resume: bool) -> tuple[list[Member], int]:
    """The members that become items, and how many of them an earlier run had unpacked."""
    resumed = 0
    try:
        with open(packed.path, "rb") as stream:
            head = stream.read(HEAD_BYTES)
        kind = identify_archive(head)
        if kind is ArchiveFormat.TAR_GZ:
            members, resumed = _unpack_tar_gz(packed, limits, resume=resume)
        elif kind is ArchiveFormat.TAR:
            members = _places_in_tar(packed, limits)
        elif kind is ArchiveFormat.ZIP:
            walked = walk_zip(Path(packed.path), limits.member)
            members = list(within_limits(walked, packed.size, limits))
        elif not head:
            members = [archive_row(Reason.EMPTY_FILE, "0 bytes")]
        else:
            detail = f"starts with {head[:8].hex(' ')}"
            members = [archive_row(Reason.NOT_AN_ARCHIVE, detail)]
    except PermissionError as error:
        return [archive_row(Reason.UNREADABLE, error.strerror or "")], 0
    return settle(members, PackedFiles(packed).read), resumed


def _places_in_tar(packed: Packed, limits: ExtractLimits) -> list[Member]:
    with open(packed.path, "rb") as raw:
        walked = walk_tar(ForwardStream(raw, can_skip=True), packed.size, limits.member)
        return list(within_limits(walked, packed.size, limits, counts_bytes=False))


def _unpack_tar_gz(
    packed: Packed, limits: ExtractLimits, *, resume: bool
) -> tuple[list[Member], int]:
    """Unpack the images of a gzipped tar, and the sidecars that may belong to them.

    Members that are no images are skipped. Damage ends the unpacking and becomes a row of the
    archive; what came before it is kept. Resuming, members are unpacked again, as gzip can't be
    entered in the middle, but not written again.

    Returns:
        the rows of all members that are kept, in order of the archive; and how many of them an
        earlier, interrupted run had already unpacked.
    """
    before = start_parts(packed, resume=resume)
    members = list(before.members)
    with open(packed.path, "rb") as raw, PartWriter(packed, before.number) as writer:
        unpacked = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=raw)), _CHUNK)
        stream = _limited(cast("BinaryIO", unpacked), packed.size, limits)
        count = 0
        for count, member in enumerate(walk_tar(stream, None, limits.member), 1):
            problem = limits.problem(0, packed.size, count)
            if problem is not None:
                members.append(writer.note(archive_row(Reason.ARCHIVE_BOMB, problem)))
                break
            if count > before.done and is_kept(member):
                members.append(_keep(member, stream, writer))
            if writer.full:
                writer.close_part(count)
        writer.close_part(count)
    return members, before.done


def _limited(raw: BinaryIO, size: int, limits: ExtractLimits) -> ForwardStream:
    def check(position: int) -> None:
        problem = limits.problem(position, size)
        if problem is not None:
            raise LimitExceededError(problem)

    return ForwardStream(raw, can_skip=False, check=check)


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


def archive_entries(path: Path, source: str, store: Path) -> Iterator[Entry]:
    """The images of an archive that :func:`prepare_archive` has seen, in order of the archive.

    Members that can't be read have their reason. A problem of the archive as a whole is an entry
    of the archive itself.

    Args:
        path: the archive, an absolute path.
        source: the input it was found through, as the user wrote it.
        store: where archives are kept, ``store/extracted`` of a work dir.
    """
    itself = walk_file(path, source)
    if itself.status is not Reason.OK:
        yield itself
        return
    members = packed_archive(path, store).members()
    if members is None:
        detail = "the archive has changed since it was indexed"
        yield replace(itself, status=Reason.MISSING, detail=detail)
        return
    split = split_of_shard(path.name)
    for member in members:
        is_member = member.name != FILE_ITSELF
        yield replace(
            itself,
            file_size=member.size if is_member else itself.file_size,
            status=member.status,
            detail=member.detail,
            label=member.label,
            split=split,
            metadata=member.metadata,
            member=member.name if is_member else None,
        )
