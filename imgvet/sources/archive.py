"""Archives as inputs: tar, gzipped tar, zip and tables of pictures, the content deciding which.

tar and zip are read where they lie: the headers of a tar, or the directory of a zip, are read once
and tell the places of all members. Gzip can be read only from its start, so a member in the middle
costs the unpacking of all before it; gzipped tars are unpacked into the store once, in one pass.
So are tables of pictures, by a process of its own, as their reader crashes on some damage.
The frames of videos in them lie where those of other videos do.
"""

from __future__ import annotations

import errno
import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from imgvet.format import message_of
from imgvet.images.formats import beginning
from imgvet.images.isolation import each_isolated
from imgvet.reasons import Failure, Reason
from imgvet.sources.containers import CUT_SHORT, FILE_ITSELF, Container, Containers, Member, Parts
from imgvet.sources.kinds import Kind, kind_of_file
from imgvet.sources.listing import MOST_FILE_BYTES, Entry, too_many_bytes
from imgvet.sources.local import failure_of
from imgvet.sources.picture_table import MAGIC, pictures_in
from imgvet.sources.sidecars import is_kept, settle, split_of_shard
from imgvet.sources.video import Videos

INDEX_VERSION = 8
"""Raised when members are judged in another way."""

HEAD_BYTES = tarfile.BLOCKSIZE
"""How many first bytes tell what an archive is: one block of a tar archive."""

MOST_RATIO, RATIO_FROM = 100, 256 << 20
"""An archive unpacks to at most so many bytes for each of its own, as soon as they are so many: an
honest one hardly shrinks images, a bomb unpacks to a thousand times its size or more."""

MOST_BYTES, MOST_MEMBERS = 1 << 40, 10_000_000
"""What one archive unpacks to at most, whatever its size; members of any kind count."""

_LARGEST_HEADER = 16 << 20
"""No single header (a long name, pax records) is larger; contents are read in smaller steps."""
_STEP, _UNIX = 1 << 18, 3
_DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError,
    OverflowError, struct.error,
)  # fmt: skip


def identify_archive(head: bytes) -> Literal["tar", "gzipped tar", "zip", "table"] | None:
    """The kind of archive that begins so; all of gzip counts as a gzipped tar."""
    if head.startswith(MAGIC):
        return "table"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzipped tar"
    block = head[:HEAD_BYTES]
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return "tar" if block == bytes(HEAD_BYTES) else None  # An empty one consists of zeros.
    return "tar"


class ArchiveError(Exception):
    """An archive can't be read further, or unpacks to more than is allowed; becomes a row."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Archives(Containers):
    """Archives of which indexes, and what had to be unpacked, lie in ``store/extracted``."""

    def __init__(self, store: Path, videos: Videos) -> None:
        super().__init__(store, str(INDEX_VERSION))
        self._videos = videos

    def place(self, path: str, name: str) -> dict[str, Any]:
        """A member's name, and the split that the archive's name tells."""
        return {"member": name or None, "split": split_of_shard(path)}

    def prepare(self, path: Path) -> int:
        """As for all containers; the videos in an archive are decoded."""
        count = super().prepare(path)
        for name in self._videos_in(path) if count else ():
            read = partial(self.read, str(path), name)
            count += self._videos.prepare_member(path, name, read) - 1
        return count

    def _videos_in(self, path: Path) -> list[str]:
        members = self.find(path).members() or ()
        return [one.name for one in members if one.status is Reason.OK and _is_video(one.name)]

    def forget(self, path: Path, member: str | None = None) -> None:
        """Remove what is kept of an archive and of the videos in it."""
        for name in self._videos_in(path):
            self._videos.forget(path, name)
        super().forget(path, member)

    def entries(self, itself: Entry, copy: Path | None = None) -> Iterator[Entry]:
        """The members of an archive, and in place of a video its frames."""
        for entry in super().entries(itself, copy):
            if entry.status is Reason.OK and _is_video(entry.member or ""):
                yield from self._videos.entries(entry, copy)
            else:
                yield entry

    def open_up(self, container: Container) -> list[Member]:
        """Index an archive, or unpack it."""
        with open(container.path, "rb") as raw:
            head = raw.read(HEAD_BYTES)
            raw.seek(0)
            kind = identify_archive(head)
            if kind == "table":
                return _unpack_table(container)
            if kind == "gzipped tar":
                members = _unpack(container)
            elif kind == "tar":
                walked = _walk_tar(ForwardStream(raw), container.size)
                members = list(_allowed(walked, container))
            elif kind == "zip":
                walked = _walk_zip(raw, container.size)
                members = list(_allowed(walked, container, counts_bytes=True))
            else:
                members = [_archive_row(Reason.NOT_AN_ARCHIVE, beginning(head))]
        return settle(members, container.read)


class _Pieces(gzip.GzipFile):
    """A gzip that gives what it has at once, so that all that lies before damage can be had."""

    readinto = io.BufferedIOBase.readinto1


def _unpack(container: Container) -> list[Member]:
    # To go on, members are unpacked again, as gzip can't be entered in the middle, but not written.
    parts = Parts(container)
    with _Pieces(container.path) as raw:
        # Read a piece at a time: small reads of gzip are slow.
        buffered = io.BufferedReader(cast("io.RawIOBase", raw), 1 << 20)
        stream = ForwardStream(buffered, lambda position: _passed_limit(position, container))
        kept = filter(is_kept, _allowed(_walk_tar(stream), container))
        for member in islice(kept, len(parts.members), None):
            parts.add(*_with_content(member, stream))
    parts.close_part()
    return parts.members


def _unpack_table(container: Container) -> list[Member]:
    parts, content = Parts(container), b""

    def walked() -> Iterator[Member]:
        nonlocal content
        for found in each_isolated(pictures_in, container.path):
            if isinstance(found, Failure):
                raise ArchiveError(found.reason, found.detail)
            member, content = found
            yield member

    for member in islice(
        _allowed(walked(), container, counts_bytes=True), len(parts.members), None
    ):
        parts.add(member, content[: member.size])  # The row of the archive has none.
    parts.close_part()
    return parts.members


def _allowed(
    members: Iterator[Member], container: Container, *, counts_bytes: bool = False
) -> Iterator[Member]:
    """The members up to a limit or damage, and then the row of the archive that says so."""
    unpacked = 0
    try:
        for count, member in enumerate(members, 1):
            unpacked += member.size if counts_bytes else 0
            problem = _passed_limit(unpacked, container, count)
            if problem is not None:
                yield _archive_row(Reason.ARCHIVE_BOMB, problem)
                return
            yield member
    except ArchiveError as error:
        yield _archive_row(error.reason, str(error))
    except _DAMAGE as error:
        yield _archive_row(_reason_of(error), message_of(error))


def _reason_of(error: Exception) -> Reason:
    """The archive is damaged, unless the system could not read it (EINVAL: not at that place)."""
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return failure_of(error).reason
    return Reason.ARCHIVE_DAMAGED


def _passed_limit(unpacked: int, container: Container, members: int = 0) -> str | None:
    if unpacked > MOST_BYTES:
        return f"unpacks to more than {MOST_BYTES} bytes"
    if unpacked > RATIO_FROM and unpacked > MOST_RATIO * container.size:
        return f"unpacks to more than {MOST_RATIO} times its size"
    return f"has more than {MOST_MEMBERS} members" if members > MOST_MEMBERS else None


def _with_content(member: Member, stream: ForwardStream) -> tuple[Member, bytes]:
    if member.status is not Reason.OK:
        return member, b""
    try:
        return member, stream.content(member.size)
    except ArchiveError as error:
        # The stream fails again at the next member, which gives the row of the archive.
        return replace(member, status=error.reason, detail=f"the archive ends in it: {error}"), b""


class ForwardStream:
    """A tar that is only ever read forward, and refuses what no honest one asks for.

    If its bytes have to be unpacked, ``check`` tells what is wrong with having got so many.
    """

    last = b""

    def __init__(
        self, raw: io.BufferedIOBase, check: Callable[[int], str | None] | None = None
    ) -> None:
        self._raw, self._check = raw, check
        self._error: ArchiveError | None = None

    def tell(self) -> int:
        """The position, in bytes."""
        return self._raw.tell()

    def read(self, size: int = -1) -> bytes:
        """The next bytes, fewer only at the end; an ArchiveError comes again at each call."""
        if self._error is None:
            self._error = self._read(size)
        if self._error is not None:
            raise self._error
        return self.last

    def _read(self, size: int) -> ArchiveError | None:
        if not 0 <= size <= _LARGEST_HEADER:
            return ArchiveError(Reason.ARCHIVE_BOMB, f"a header of {size} bytes")
        try:
            self.last = self._raw.read(size)
        except (EOFError, OSError, zlib.error) as error:
            return ArchiveError(_reason_of(error), message_of(error))
        problem = self._check(self.tell()) if self._check else None
        return ArchiveError(Reason.ARCHIVE_BOMB, problem) if problem else None

    def seek(self, position: int, whence: int = 0) -> int:
        """Go forward to a position."""
        if whence or position < self.tell():
            raise ValueError("a header that leads backwards")
        if self._check is None:
            return self._raw.seek(position)
        while self.tell() < position and self.read(min(_STEP, position - self.tell())):
            pass
        return self.tell()

    def content(self, size: int) -> bytes:
        """The next ``size`` bytes, exactly."""
        chunks = []
        while size > 0:
            chunks.append(self.read(min(size, _STEP)))
            if not self.last:
                raise ArchiveError(Reason.ARCHIVE_DAMAGED, CUT_SHORT)
            size -= len(self.last)
        return b"".join(chunks)


def _walk_tar(stream: ForwardStream, length: int | None = None) -> Iterator[Member]:
    """The members, in order, folders left out, the stream at their content; damage is raised.

    Where the archive's length is known, members that reach beyond it are truncated.
    """
    with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
        while (header := archive.next()) is not None:
            archive.members = []  # It would keep a header for each member until the end.
            if not header.isdir():
                at, size = header.offset_data, header.size
                cut = length is not None and at + size > length
                link = _shown(header.linkname) if header.islnk() else None
                member = Member(_shown(header.name), offset=at, size=size, stored=size, link=link)
                yield _judged(member, header.name, _special_in_tar(header), cut=cut)
    # An archive ends with a block of zeros.
    if len(stream.last) < tarfile.BLOCKSIZE:
        raise ArchiveError(Reason.ARCHIVE_DAMAGED, "no end marker, so members may be missing")
    if any(stream.last):
        at = stream.tell() - tarfile.BLOCKSIZE
        raise ArchiveError(Reason.ARCHIVE_DAMAGED, f"a bad header at byte {at}")
    while stream.read(_STEP):  # The last checksum of a gzip is compared at its end.
        if stream.last.strip(b"\0"):
            detail = "more follows its end marker, such as another archive: 'tar -i' unpacks that"
            raise ArchiveError(Reason.ARCHIVE_DAMAGED, detail)


def _special_in_tar(header: tarfile.TarInfo) -> Failure | None:
    if header.issparse():
        return Failure(Reason.UNSUPPORTED, "a sparse file")
    if header.isreg():
        return None
    kinds = {
        tarfile.SYMTYPE: f"a symbolic link to {_shown(header.linkname)}",
        tarfile.LNKTYPE: f"a hard link to {_shown(header.linkname)}",
        tarfile.FIFOTYPE: "a pipe",
        tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device",
    }
    return Failure(Reason.NOT_A_FILE, kinds.get(header.type, "not a regular file"))


def _walk_zip(raw: BinaryIO, length: int) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(raw) as archive:
            headers = archive.infolist()
    except zipfile.BadZipFile as error:
        # The directory is the last part of a zip.
        cut = str(error) == "File is not a zip file"
        detail = "the zip ends before its directory" if cut else message_of(error)
        raise ArchiveError(Reason.ARCHIVE_DAMAGED, detail) from None
    for header in headers:
        # ZipInfo.is_dir fails on an empty name.
        if not header.filename or not header.is_dir():
            member = Member(
                _shown(header.filename),
                offset=header.header_offset,
                size=header.file_size,
                stored=header.compress_size,
                method=header.compress_type,
                crc=header.CRC,
            )
            cut = not 0 <= member.offset <= length - member.stored
            yield _judged(member, header.filename, _special_in_zip(header), cut=cut)


def _special_in_zip(header: zipfile.ZipInfo) -> Failure | None:
    if header.flag_bits & 1:
        return Failure(Reason.ENCRYPTED, "extract it with its password first")
    mode = header.external_attr >> 16
    if header.create_system == _UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
        return Failure(Reason.NOT_A_FILE, what)
    if header.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        detail = f"compressed in way {header.compress_type} of zip; 0 and 8 are read"
        return Failure(Reason.UNSUPPORTED, detail)
    return None


def _judged(
    member: Member, stated_name: str, special: Failure | None, *, cut: bool = False
) -> Member:
    if not member.name:  # It can't have a row of its own.
        return _archive_row(Reason.ARCHIVE_DAMAGED, "a member without a name")
    if special is not None:
        problem = special
    elif stated_name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[/\\]", stated_name):
        problem = Failure(Reason.UNSAFE_NAME, "the path is absolute")
    elif ".." in re.split(r"[/\\]", stated_name):
        problem = Failure(Reason.UNSAFE_NAME, "the path leads out of the archive")
    elif kind_of_file(member.name) is Kind.ARCHIVE:
        problem = Failure(Reason.NESTED_ARCHIVE, "extract it first")
    elif member.size < 0:
        problem = Failure(Reason.ARCHIVE_DAMAGED, f"a size of {member.size} bytes")
    elif member.size > MOST_FILE_BYTES:
        problem = too_many_bytes(member.size)
    elif cut:
        problem = Failure(Reason.ARCHIVE_DAMAGED, CUT_SHORT)
    else:
        return member
    return replace(member, status=problem.reason, detail=problem.detail)


def _is_video(name: str) -> bool:
    return kind_of_file(name) is Kind.VIDEO


def _shown(name: str) -> str:
    """A member's name as valid UTF-8 (other bytes in hexadecimal), without a leading ``./``."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return re.sub(r"^(\./+)+", "", text)


def _archive_row(status: Reason, detail: str) -> Member:
    return Member(FILE_ITSELF, status=status, detail=detail[:300])
