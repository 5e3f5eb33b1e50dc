"""Archives as inputs: tar, gzipped tar and zip, the content deciding which.

Two ways, chosen by what the format can do:

- **tar and zip are read where they lie.** Both let a member be found by its place, so an index of
  places is made once for each state of an archive (walking the headers of a tar, reading the
  directory of a zip), kept in the store, and each member is then one read from the open file.
  Nothing is copied, and it takes no room on disk.
- **Gzipped tars are unpacked into the store.** Gzip can be read only from its start, so a member
  in the middle costs the unpacking of all before it. They are unpacked once, in one pass, into a
  few large files with the same kind of index, and can be continued after an interruption.

After :func:`prepare_archive` both look the same: :func:`archive_entries` lists the members, and an
:class:`ArchiveReader` reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from imgvet.reasons import Failure, Reason
from imgvet.sources.archive_extract import unpack_tar_gz
from imgvet.sources.archive_format import HEAD_BYTES, ArchiveFormat, identify_archive
from imgvet.sources.archive_index import FileState, known_members, settle, write_members
from imgvet.sources.archive_limits import ExtractLimits, bomb_row, within_limits
from imgvet.sources.archive_member import ARCHIVE_ITSELF, Member
from imgvet.sources.archive_reader import Packed, PackedFiles, PackedReader
from imgvet.sources.archive_sidecars import split_of_shard
from imgvet.sources.archive_tar import ForwardStream, walk_tar
from imgvet.sources.archive_zip import walk_zip
from imgvet.sources.entry import Entry
from imgvet.sources.local import walk_file
from imgvet.store.references import digest_bytes

INDEX_VERSION = 2
"""Raised when members are judged in another way."""

OPEN_ARCHIVES = 4
"""Archives of which a reader keeps the index in memory, about 20 MB for 100,000 members."""
_INDEX = "index.parquet"


class ArchiveReport(BaseModel):
    """What preparing one archive gave.

    Attributes:
        path: the archive.
        images: members that can be read.
        failed: members that can't be, and the archive itself if it is damaged.
        resumed: members that an interrupted run had already unpacked.
        reused: whether nothing had to be done, as the archive has not changed.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    images: int
    failed: int
    resumed: int = 0
    reused: bool = False


def packed_archive(path: Path, folder: Path) -> Packed:
    """Where the index and the parts of the present state of an archive lie.

    Args:
        path: the archive, an absolute path.
        folder: where archives are kept, ``store/extracted`` of a work dir.

    Raises:
        OSError: the archive can't be looked at.
    """
    return _packed(FileState.of(path), folder)


def _packed(state: FileState, folder: Path) -> Packed:
    own = folder / digest_bytes(f"{state.digest} {INDEX_VERSION}".encode())
    return Packed(state.path, own, own / _INDEX)


def prepare_archive(
    path: Path, folder: Path, limits: ExtractLimits | None = None, *, resume: bool = False
) -> ArchiveReport:
    """Index an archive, and unpack it if it can't be read where it lies.

    Args:
        path: the archive, an absolute path.
        folder: where archives are kept, ``store/extracted`` of a work dir.
        limits: how much it may unpack to.
        resume: continue an unpacking that was interrupted instead of starting again.

    Returns:
        what it holds. A damaged, empty or unreadable archive is a row, not an error.

    Raises:
        OSError: ``folder`` can't be written to.
    """
    if walk_file(path, "").status is not Reason.OK:
        return ArchiveReport(path=str(path), images=0, failed=1)
    packed = packed_archive(path, folder)
    known = known_members(packed.index)
    if known is not None:
        return _report(path, known).model_copy(update={"reused": True})
    packed.folder.mkdir(parents=True, exist_ok=True)
    limits = limits or ExtractLimits()
    members, resumed = _members_of(path, packed, limits, resume=resume)
    write_members(packed.index, members)
    return _report(path, members).model_copy(update={"resumed": resumed})


def _report(path: Path, members: list[Member]) -> ArchiveReport:
    images = sum(member.status is Reason.OK for member in members)
    return ArchiveReport(path=str(path), images=images, failed=len(members) - images)


def _members_of(
    path: Path, packed: Packed, limits: ExtractLimits, *, resume: bool
) -> tuple[list[Member], int]:
    """The members that become items, and how many of them an earlier run had unpacked."""
    resumed = 0
    try:
        state = FileState.of(path)
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
        kind = identify_archive(head)
        if kind is ArchiveFormat.TAR_GZ:
            unpacked = unpack_tar_gz(state, packed.folder, limits, resume=resume)
            members, resumed = unpacked.members, unpacked.resumed
        elif kind is ArchiveFormat.TAR:
            members = _places_in_tar(state, limits)
        elif kind is ArchiveFormat.ZIP:
            members = list(within_limits(walk_zip(path, limits.member), state.size, limits))
        else:
            members = [_not_an_archive(head)]
    except PermissionError as error:
        return [Member(ARCHIVE_ITSELF, status=Reason.UNREADABLE, detail=error.strerror or "")], 0
    return settle(members, PackedFiles(packed).read), resumed


def _places_in_tar(state: FileState, limits: ExtractLimits) -> list[Member]:
    with open(state.path, "rb") as raw:
        stream = ForwardStream(raw, can_skip=True)
        members = list(islice(walk_tar(stream, state.size, limits.member), limits.members + 1))
    if len(members) > limits.members:
        members[-1] = bomb_row(f"has more than {limits.members} members")
    return members


def _not_an_archive(head: bytes) -> Member:
    if not head:
        return Member(ARCHIVE_ITSELF, status=Reason.EMPTY_FILE, detail="0 bytes")
    detail = f"starts with {head[:8].hex(' ')}"
    return Member(ARCHIVE_ITSELF, status=Reason.NOT_AN_ARCHIVE, detail=detail)


class ArchiveReader:
    """Reads members by name, in any order; may be used from several threads.

    Each archive is opened once and its index is loaded once, however many members are read.

    Args:
        folder: where archives are kept, ``store/extracted`` of a work dir.
    """

    def __init__(self, folder: Path) -> None:
        self._reader = PackedReader(lambda path: packed_archive(Path(path), folder), OPEN_ARCHIVES)

    def read_member(self, path: str, member: str) -> bytes | Failure:
        """The content of one member, or why it can't be had."""
        return self._reader.read(path, member)


def archive_entries(path: Path, source: str, folder: Path) -> Iterator[Entry]:
    """The images of an archive that :func:`prepare_archive` has seen, in order of the archive.

    Members that can't be read have their reason. A problem of the archive as a whole is an entry
    under the archive's own name.

    Args:
        path: the archive, an absolute path.
        source: the input it was found through, as the user wrote it.
        folder: where archives are kept, ``store/extracted`` of a work dir.
    """
    itself = walk_file(path, source)
    if itself.status is not Reason.OK:
        yield itself
        return
    state = FileState.of(path)
    members = known_members(_packed(state, folder).index)
    if members is None:
        detail = "the archive has changed since it was indexed"
        yield replace(itself, status=Reason.MISSING, detail=detail)
        return
    split = split_of_shard(path.name)
    for member in members:
        yield _entry(member, state, source, split)


def _entry(member: Member, state: FileState, source: str, split: str | None) -> Entry:
    is_member = member.name != ARCHIVE_ITSELF
    return Entry(
        state.path,
        source,
        member.size if is_member else state.size,
        state.mtime_ns,
        status=member.status,
        detail=member.detail,
        label=member.label,
        split=split,
        metadata=member.metadata,
        member=member.name if is_member else None,
    )
