"""Walk a tar archive from front to back, plain or while it is being unpacked."""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from imgvet.reasons import Reason
from imgvet.sources.archive_limits import LimitExceededError, bomb_row
from imgvet.sources.archive_member import (
    ARCHIVE_ITSELF,
    Member,
    judged,
    row_without_name,
    shown_name,
)

_LARGEST_HEADER = 16 << 20
"""No single header (a long name, pax records) is larger; contents are read in smaller steps."""

_FAR = 1 << 20
_SKIP = 1 << 18
_TAR_ERRORS = (tarfile.TarError, EOFError, ValueError, OverflowError, struct.error)
_RAW_ERRORS = (EOFError, OSError, zlib.error)


class DamagedStreamError(Exception):
    """What lies under the tar archive can't be read further; becomes a row.

    Attributes:
        status: damaged, or unreadable if the file system failed.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(" ".join(str(error).split()) or type(error).__name__)
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
                    yield _member(header, length, max_bytes)
        problem = _ending_problem(stream)
    except LimitExceededError as error:
        problem = bomb_row(str(error))
    except DamagedStreamError as error:
        problem = _damage(str(error), error.status)
    except _TAR_ERRORS as error:
        problem = _damage(str(error))
    if problem is not None:
        yield problem


def _member(header: tarfile.TarInfo, length: int | None, max_bytes: int) -> Member:
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
    if len(block) == tarfile.BLOCKSIZE and not any(block):
        stream.finish()
        return None
    if len(block) == tarfile.BLOCKSIZE:
        return _damage(f"a bad header at byte {stream.tell() - tarfile.BLOCKSIZE}")
    return _damage("no end marker, so members may be missing")


def _damage(message: str, status: Reason = Reason.ARCHIVE_DAMAGED) -> Member:
    return Member(ARCHIVE_ITSELF, status=status, detail=message[:300])
