"""Archives as inputs: tar, gzipped tar and zip, the content deciding which.

Two ways, chosen by what the format can do:

- **tar and zip are read where they lie.** Both let a member be found by its place, so an index of
  places is made once for each state of an archive (walking the headers of a tar, reading the
  directory of a zip), and each member is then one read. It takes no room on disk.
- **Gzipped tars are unpacked into the store.** Gzip can be read only from its start, so a member
  in the middle costs the unpacking of all before it. They are unpacked once, in one pass.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from imgvet.reasons import Failure, Reason
from imgvet.sources.containers import FILE_ITSELF, Container, Containers, Member, Parts
from imgvet.sources.kinds import Kind, kind_of_file
from imgvet.sources.sidecars import is_kept, settle, split_of_shard

INDEX_VERSION = 2
"""Raised when members are judged in another way."""

OPEN_ARCHIVES = 4
"""Archives of which the index is kept in memory, about 20 MB for 100,000 members."""

HEAD_BYTES = tarfile.BLOCKSIZE
"""How many first bytes tell what an archive is: one block of a tar archive."""

_LARGEST_HEADER = 16 << 20
"""No single header (a long name, pax records) is larger; contents are read in smaller steps."""
_STEP = 1 << 18
_FAR = 1 << 20
_MIB, _GIB, _TIB = 1 << 20, 1 << 30, 1 << 40

_ENCRYPTED = 0x1
_UNIX = 3
_NESTED = {Kind.ARCHIVE: Reason.NESTED_ARCHIVE, Kind.VIDEO: Reason.NESTED_VIDEO}


def identify_archive(head: bytes) -> Literal["tar", "gzipped tar", "zip"] | None:
    """The kind of archive, None if it is not one.

    What gzip holds is seen only when it is unpacked, so all of it counts as a gzipped tar.

    Args:
        head: the first :data:`HEAD_BYTES` bytes of the file, fewer if it is shorter.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzipped tar"
    try:
        tarfile.TarInfo.frombuf(head[:HEAD_BYTES], "utf-8", "surrogateescape")
    except tarfile.TarError:
        # An empty archive consists of zeros.
        return "tar" if head[:HEAD_BYTES] == bytes(HEAD_BYTES) else None
    return "tar"


@dataclass(frozen=True)
class ExtractLimits:
    """How much one archive may unpack to, in bytes: what protects a run from archive bombs.

    An honest archive of images hardly shrinks them: JPEG, PNG and WebP are compressed already, and
    even uncompressed drawings seldom shrink to a hundredth. A bomb unpacks to a thousand times its
    size or more. All members count, those that are no images too, as they have to be unpacked to
    reach the next one. What was unpacked before a limit was reached is kept; the archive gets a
    row.
    """

    ratio: float = 100.0
    """For each byte of the archive."""
    ratio_from: int = 256 * _MIB
    """From where the ratio counts, as a small archive does no harm."""
    total: int = _TIB
    member: int = _GIB
    """Of one image, as it is read into memory."""
    members: int = 10_000_000
    """Members of any kind."""

    def problem(self, unpacked: int, packed: int, members: int = 0) -> str | None:
        """Which limit is passed when ``packed`` bytes of an archive gave so much."""
        if unpacked > self.total:
            return f"unpacks to more than {self.total} bytes"
        if unpacked > self.ratio_from and unpacked > self.ratio * packed:
            return f"unpacks to more than {self.ratio:g} times its size"
        return f"has more than {self.members} members" if members > self.members else None


class Archives(Containers):
    """Archives of which the store keeps the indexes, and unpacked what has to be.

    Args:
        store: ``store/extracted`` of a work dir.
        limits: how much one of them may unpack to.
    """

    changed = "the archive has changed since it was indexed"

    def __init__(self, store: Path, limits: ExtractLimits | None = None) -> None:
        super().__init__(store, str(INDEX_VERSION), OPEN_ARCHIVES)
        self._limits = limits or ExtractLimits()

    def place(self, path: str, name: str) -> dict[str, Any]:
        """A member's name, and the split that the archive's name tells."""
        return {"member": name or None, "split": split_of_shard(path)}

    def open_up(self, container: Container, *, resume: bool) -> tuple[list[Member], int]:
        """Index an archive, or unpack it: what becomes items, and how many had been unpacked."""
        members: Iterable[Member]
        resumed, most = 0, self._limits.member
        try:
            with open(container.path, "rb") as stream:
                head = stream.read(HEAD_BYTES)
                kind = identify_archive(head)
                if kind == "tar":
                    stream.seek(0)
                    walked = walk_tar(ForwardStream(stream), container.size, most)
                    members = list(self._allowed(walked, container, counts_bytes=False))
                elif kind == "zip":
                    members = self._allowed(walk_zip(container.path, most), container)
                elif kind == "gzipped tar":
                    members, resumed = self._unpack(container, resume=resume)
                elif head:
                    detail = f"starts with {head[:8].hex(' ')}"
                    members = [_archive_row(Reason.NOT_AN_ARCHIVE, detail)]
                else:
                    members = [_archive_row(Reason.EMPTY_FILE, "0 bytes")]
        except PermissionError as error:
            return [_archive_row(Reason.UNREADABLE, error.strerror or "")], 0
        return settle(members, container.read), resumed

    def _allowed(
        self, members: Iterable[Member], container: Container, *, counts_bytes: bool = True
    ) -> Iterator[Member]:
        """The members up to the one that passes a limit, and then the row of the archive.

        Their bytes count where they are unpacked; those of a plain tar are read where they lie.
        """
        unpacked = 0
        for count, member in enumerate(members, 1):
            unpacked += member.size if counts_bytes else 0
            problem = self._limits.problem(unpacked, container.size, count)
            if problem is not None:
                yield _archive_row(Reason.ARCHIVE_BOMB, problem)
                return
            yield member

    def _unpack(self, container: Container, *, resume: bool) -> tuple[list[Member], int]:
        """Unpack the images of a gzipped tar, and the sidecars that may belong to them.

        Damage ends the unpacking and becomes a row of the archive; what came before it is kept.
        Resuming, members are unpacked again, as gzip can't be entered in the middle, but not
        written again.
        """

        def check(position: int) -> str | None:
            return self._limits.problem(position, container.size)

        with gzip.open(container.path) as raw, Parts(container, resume=resume) as parts:
            # Read a piece at a time: small reads of gzip are slow.
            buffered = io.BufferedReader(cast("io.RawIOBase", raw), _FAR)
            stream = ForwardStream(buffered, check)
            walked = walk_tar(stream, None, self._limits.member)
            count = 0
            for member in self._allowed(walked, container, counts_bytes=False):
                count += 1
                if count > parts.done and is_kept(member):
                    _keep(member, stream, parts)
                if parts.full:
                    parts.close_part(count)
            parts.close_part(count)
            return parts.members, parts.resumed


def _keep(member: Member, stream: ForwardStream, parts: Parts) -> None:
    content = b""
    if member.status is Reason.OK:
        try:
            content = stream.content(member.size)
        except StreamError as error:
            # The stream fails again at the next member, which gives the row of the archive.
            bomb = error.reason is Reason.ARCHIVE_BOMB
            status = Reason.ARCHIVE_BOMB if bomb else Reason.ARCHIVE_DAMAGED
            member = replace(member, status=status, detail=f"the archive ends in it: {error}")
    parts.add(member, content)


class StreamError(Exception):
    """An archive can't be read further, or unpacks to more than is allowed; becomes a row."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class ForwardStream:
    """A tar that is only ever read forward, and refuses what no honest one asks for.

    Args:
        raw: where the bytes come from.
        check: where they have to be unpacked, tells what is wrong with having got so many.

    Attributes:
        last: the bytes that were read last.
    """

    def __init__(
        self, raw: io.BufferedIOBase, check: Callable[[int], str | None] | None = None
    ) -> None:
        self._raw = raw
        self._check = check
        self._position = 0
        self._error: StreamError | None = None
        self.last = b""

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes; fewer only at the end.

        Raises:
            StreamError: they can't be had; once raised, it is raised again and again.
        """
        if self._error is None:
            self._error = self._read(size)
        if self._error is not None:
            raise self._error
        return self.last

    def _read(self, size: int) -> StreamError | None:
        if not 0 <= size <= _LARGEST_HEADER:
            return StreamError(Reason.ARCHIVE_BOMB, f"a header of {size} bytes")
        try:
            self.last = self._raw.read(size)
        except (EOFError, OSError, zlib.error) as error:
            system = isinstance(error, OSError) and error.errno is not None
            reason = Reason.UNREADABLE if system else Reason.ARCHIVE_DAMAGED
            return StreamError(reason, _message(error))
        self._position += len(self.last)
        problem = self._check(self._position) if self._check else None
        return StreamError(Reason.ARCHIVE_BOMB, problem) if problem else None

    def seek(self, position: int, whence: int = 0) -> int:
        """Go forward to a position."""
        if whence or position < self._position:
            raise ValueError("a header that leads backwards")
        if self._check is None and position - self._position > _FAR:
            self._position = self._raw.seek(position)
        while self._position < position:
            if not self.read(min(_STEP, position - self._position)):
                break
        return self._position

    def content(self, size: int) -> bytes:
        """The next ``size`` bytes, exactly."""
        chunks = []
        while size > 0:
            chunks.append(self.read(min(size, _STEP)))
            if not self.last:
                raise StreamError(Reason.ARCHIVE_DAMAGED, "the archive ends before the member does")
            size -= len(self.last)
        return b"".join(chunks)

    def finish(self) -> None:
        """Unpack the rest, so that the last checksum is compared."""
        while self._check and self.read(_STEP):
            pass


def walk_tar(stream: ForwardStream, length: int | None, most: int) -> Iterator[Member]:
    """The members, in order, folders left out; then a row of the archive if it is damaged.

    When a member is yielded the stream stands at its content, which may be read or not.

    Args:
        stream: the archive.
        length: its bytes, None if unknown; a member that reaches beyond it is truncated.
        most: greatest content of an image that is read, in bytes.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
            while (header := archive.next()) is not None:
                archive.members = []  # It would keep a header for each member until the end.
                if not header.isdir():
                    yield _tar_member(header, length, most)
        # An archive ends with a block of zeros.
        if len(stream.last) < tarfile.BLOCKSIZE:
            detail = "no end marker, so members may be missing"
            yield _archive_row(Reason.ARCHIVE_DAMAGED, detail)
        elif any(stream.last):
            detail = f"a bad header at byte {stream.tell() - tarfile.BLOCKSIZE}"
            yield _archive_row(Reason.ARCHIVE_DAMAGED, detail)
        else:
            stream.finish()
    except StreamError as error:
        yield _archive_row(error.reason, str(error))
    except (tarfile.TarError, EOFError, ValueError, OverflowError, struct.error) as error:
        yield _archive_row(Reason.ARCHIVE_DAMAGED, str(error))


def _tar_member(header: tarfile.TarInfo, length: int | None, most: int) -> Member:
    at, size = header.offset_data, header.size
    member = Member(_shown(header.name), offset=at, size=size, stored=size)
    member = _judged(member, header.name, _special_in_tar(header), most)
    if length is None or at + size <= length or member.status is not Reason.OK:
        return member
    detail = "the archive ends before the member does"
    return replace(member, status=Reason.ARCHIVE_DAMAGED, detail=detail)


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


def walk_zip(path: str, most: int) -> Iterator[Member]:
    """The members in order of the central directory, or one row if the archive is damaged.

    Args:
        path: the archive.
        most: greatest content of an image that is read, in bytes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            headers = archive.infolist()
    except (
        *(zipfile.BadZipFile, OSError, NotImplementedError, ValueError, OverflowError),
        *(struct.error, EOFError),
    ) as error:
        # The directory is the last part of a zip.
        cut = _message(error) == "File is not a zip file"
        detail = "the zip ends before its directory" if cut else _message(error)
        yield _archive_row(Reason.ARCHIVE_DAMAGED, detail)
        return
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
            yield _judged(member, header.filename, _special_in_zip(header), most)


def _special_in_zip(header: zipfile.ZipInfo) -> Failure | None:
    if header.flag_bits & _ENCRYPTED:
        return Failure(Reason.ENCRYPTED, "extract it with its password first")
    mode = header.external_attr >> 16
    if header.create_system == _UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
        return Failure(Reason.NOT_A_FILE, what)
    if header.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        detail = f"compressed in way {header.compress_type} of zip; 0 and 8 are read"
        return Failure(Reason.UNSUPPORTED, detail)
    return None


def _judged(member: Member, stated_name: str, special: Failure | None, most: int) -> Member:
    """The member with the reason why it can't or must not be read, if there is one."""
    if not member.name:  # It can't have a row of its own.
        return _archive_row(Reason.ARCHIVE_DAMAGED, "a member without a name")
    problem = special or _unsafe(stated_name)
    nested = _NESTED.get(kind_of_file(member.name))
    if problem is None and nested is not None:
        problem = Failure(nested, "extract it first")
    if problem is None and member.size > most:
        problem = Failure(Reason.TOO_LARGE, f"{member.size} bytes, at most {most} are read")
    if problem is None:
        return member
    return replace(member, status=problem.reason, detail=problem.detail)


def _unsafe(name: str) -> Failure | None:
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[/\\]", name):
        return Failure(Reason.UNSAFE_NAME, "the path is absolute")
    if ".." in re.split(r"[/\\]", name):
        return Failure(Reason.UNSAFE_NAME, "the path leads out of the archive")
    return None


def _shown(name: str) -> str:
    """A member's name as valid UTF-8 (other bytes in hexadecimal), without a leading ``./``."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    while text.startswith("./"):
        text = text[2:].lstrip("/")
    return text


def _archive_row(status: Reason, detail: str) -> Member:
    """The row that tells of a problem of the whole archive."""
    return Member(FILE_ITSELF, status=status, detail=detail[:300])


def _message(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
