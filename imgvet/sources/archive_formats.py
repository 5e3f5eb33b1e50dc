"""The members of tar and zip archives, as their headers and directories state them."""

from __future__ import annotations

import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from imgvet.reasons import Reason
from imgvet.sources.archive_members import archive_row, judged, row_without_name, shown_name
from imgvet.sources.packed import Member

HEAD_BYTES = 512
"""How many first bytes tell what an archive is: one block of a tar archive."""

_CHECKSUM = slice(148, 156)
_LARGEST_HEADER = 16 << 20
"""No single header (a long name, pax records) is larger; contents are read in smaller steps."""
_FAR = 1 << 20
_SKIP = 1 << 18
_TAR_ERRORS = (tarfile.TarError, EOFError, ValueError, OverflowError, struct.error)
_RAW_ERRORS = (EOFError, OSError, zlib.error)

_ENCRYPTED = 0x1
_UNIX = 3
_ZIP_ERRORS = (
    zipfile.BadZipFile, OSError, NotImplementedError, ValueError, OverflowError, struct.error,
    EOFError,
)  # fmt: skip


class ArchiveFormat(StrEnum):
    """A kind of archive that content can be recognised as."""

    TAR = "tar"
    TAR_GZ = "gzipped tar"
    ZIP = "zip"


def identify_archive(head: bytes) -> ArchiveFormat | None:
    """The kind of archive, None if it is not one.

    What gzip holds is seen only when it is unpacked, so all of it counts as a gzipped tar.

    Args:
        head: the first :data:`HEAD_BYTES` bytes of the file, fewer if it is shorter.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ArchiveFormat.ZIP
    if head.startswith(b"\x1f\x8b\x08"):
        return ArchiveFormat.TAR_GZ
    return ArchiveFormat.TAR if _is_tar_block(head) else None


def _is_tar_block(head: bytes) -> bool:
    """Whether it is a header with the right checksum, or the zeros that an empty archive has.

    Source: POSIX.1-2017, pax, "ustar Interchange Format"; the checksum counts its own field as
    spaces.
    """
    block = head[:HEAD_BYTES]
    if len(block) < HEAD_BYTES:
        return False
    if not any(block):
        return True
    try:
        stated = int(block[_CHECKSUM].strip(b" \0") or b"-1", 8)
    except ValueError:
        return False
    return stated == sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" ")


class LimitExceededError(Exception):
    """An archive unpacks to more than is allowed; becomes a row."""


class DamagedStreamError(Exception):
    """What lies under the tar archive can't be read further; becomes a row.

    Attributes:
        status: damaged, or unreadable if the file system failed.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(_message(error))
        system = isinstance(error, OSError) and error.errno is not None
        self.status = Reason.UNREADABLE if system else Reason.ARCHIVE_DAMAGED


STREAM_ERRORS = (DamagedStreamError, LimitExceededError)
"""Raised by :class:`ForwardStream`, again and again once it was raised."""


class ForwardStream:
    """A stream that is only ever read forward, and refuses what no honest archive asks for.

    Args:
        raw: where the bytes come from.
        can_skip: whether ``raw`` can jump forward; otherwise bytes are read to skip them.
        check: called with the position after each step; raises :class:`LimitExceededError`.

    Attributes:
        last: the bytes that were read last.
    """

    def __init__(
        self, raw: BinaryIO, *, can_skip: bool, check: Callable[[int], None] = lambda _: None
    ) -> None:
        self._raw = raw
        self._can_skip = can_skip
        self._check = check
        self._position = 0
        self._error: Exception | None = None
        self.last = b""

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes; fewer only at the end.

        Raises:
            DamagedStreamError: they can't be read.
            LimitExceededError: they are more than is allowed.
        """
        if self._error is None:
            try:
                self._read(size)
            except STREAM_ERRORS as error:
                self._error = error
        if self._error is not None:
            raise self._error
        return self.last

    def _read(self, size: int) -> None:
        if not 0 <= size <= _LARGEST_HEADER:
            raise LimitExceededError(f"a header of {size} bytes")
        try:
            self.last = self._raw.read(size)
        except _RAW_ERRORS as error:
            raise DamagedStreamError(error) from None
        self._position += len(self.last)
        self._check(self._position)

    def seek(self, position: int, whence: int = 0) -> int:
        """Go forward to a position."""
        if whence or position < self._position:
            raise ValueError("a header that leads backwards")
        if self._can_skip and position - self._position > _FAR:
            self._raw.seek(position)
            self._position = position
        while self._position < position:
            if not self.read(min(_SKIP, position - self._position)):
                break
        return self._position

    def finish(self) -> None:
        """Read to the end where nothing can be skipped, so that the last checksum is compared."""
        while not self._can_skip and self.read(_SKIP):
            pass


def walk_tar(stream: ForwardStream, length: int | None, max_bytes: int) -> Iterator[Member]:
    """The members, in order, folders left out; then a row of the archive if it is damaged.

    When a member is yielded the stream stands at its content, which may be read or not.

    Args:
        stream: the archive.
        length: its bytes, None if unknown; a member that reaches beyond it is truncated.
        max_bytes: greatest content of an image that is read.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
            while (header := archive.next()) is not None:
                archive.members = []  # It would keep a header for each member until the end.
                if not header.isdir():
                    yield _tar_member(header, length, max_bytes)
        problem = _ending_problem(stream)
    except LimitExceededError as error:
        problem = archive_row(Reason.ARCHIVE_BOMB, str(error))
    except DamagedStreamError as error:
        problem = archive_row(error.status, str(error))
    except _TAR_ERRORS as error:
        problem = archive_row(Reason.ARCHIVE_DAMAGED, str(error))
    if problem is not None:
        yield problem


def _tar_member(header: tarfile.TarInfo, length: int | None, max_bytes: int) -> Member:
    name = shown_name(header.name)
    if not name:
        return row_without_name()
    member = Member(name, offset=header.offset_data, size=header.size, stored=header.size)
    kind = _special_kind(header)
    if kind is not None:
        return member.failed(Reason.NOT_A_FILE, kind)
    if header.issparse():
        return member.failed(Reason.UNSUPPORTED, "a sparse file")
    member = judged(member, header.name, max_bytes)
    if length is not None and header.offset_data + header.size > length:
        return member.failed(Reason.ARCHIVE_DAMAGED, "the archive ends before the member does")
    return member


def _special_kind(header: tarfile.TarInfo) -> str | None:
    """What a member is that is not a regular file, None for a regular one."""
    if header.issym():
        return f"a symbolic link to {shown_name(header.linkname)}"
    if header.islnk():
        return f"a hard link to {shown_name(header.linkname)}"
    if header.isfifo():
        return "a pipe"
    if header.isdev():
        return "a device"
    return None if header.isreg() else "not a regular file"


def _ending_problem(stream: ForwardStream) -> Member | None:
    """A row if the archive does not end as it should: with a block of zeros."""
    block = stream.last
    if len(block) < tarfile.BLOCKSIZE:
        detail = "no end marker, so members may be missing"
        return archive_row(Reason.ARCHIVE_DAMAGED, detail)
    if any(block):
        detail = f"a bad header at byte {stream.tell() - tarfile.BLOCKSIZE}"
        return archive_row(Reason.ARCHIVE_DAMAGED, detail)
    stream.finish()
    return None


def walk_zip(path: Path, max_bytes: int) -> Iterator[Member]:
    """The members in order of the central directory, or one row if the archive is damaged.

    Args:
        path: the archive.
        max_bytes: greatest content of an image that is read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            headers = archive.infolist()
    except _ZIP_ERRORS as error:
        # The directory is the last part of a zip.
        cut = _message(error) == "File is not a zip file"
        detail = "the zip ends before its directory" if cut else _message(error)
        yield archive_row(Reason.ARCHIVE_DAMAGED, detail)
        return
    for header in headers:
        # ZipInfo.is_dir fails on an empty name.
        if not header.filename or not header.is_dir():
            yield _zip_member(header, max_bytes)


def _zip_member(header: zipfile.ZipInfo, max_bytes: int) -> Member:
    name = shown_name(header.filename)
    if not name:
        return row_without_name()
    member = Member(
        name,
        offset=header.header_offset,
        size=header.file_size,
        stored=header.compress_size,
        method=header.compress_type,
        crc=header.CRC,
    )
    if header.flag_bits & _ENCRYPTED:
        return member.failed(Reason.ENCRYPTED, "extract it with its password first")
    mode = header.external_attr >> 16
    if header.create_system == _UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
        return member.failed(Reason.NOT_A_FILE, what)
    if header.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        detail = f"compressed in way {header.compress_type} of zip; 0 and 8 are read"
        return member.failed(Reason.UNSUPPORTED, detail)
    return judged(member, header.filename, max_bytes)


def _message(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
