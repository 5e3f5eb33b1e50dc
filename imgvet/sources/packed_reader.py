"""Read members in any order, from several threads, each archive being opened once.

Zips are read by the places of their index, too: Python's zipfile would parse the directory anew
for each shard of files, and lets one thread read at a time.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from imgvet.reasons import Failure, Reason
from imgvet.sources.packed import IN_FILE, Member, Packed
from imgvet.tables import read_if_sound

OPEN_FILES = 16
"""Parts of one archive that are kept open."""

_PLACE = ["name", "part", "offset", "size", "stored", "method", "crc"]
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_SLACK = 1024
"""Bytes read beyond a zip's member, for a local header longer than the central one."""

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Keeps the values used last; may be used from several threads.

    A value that is dropped while a thread still uses it lives on until that thread is done.

    Args:
        keep: how many values are kept.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        """The value of a key, made if it is not there; what ``make`` raises is passed on."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            self._values.move_to_end(key)
            if len(self._values) > self._keep:
                self._values.popitem(last=False)
            return self._values[key]


class OpenFile:
    """A file open for reading at any place; closed when nobody holds it any more."""

    def __init__(self, path: str | Path) -> None:
        self.descriptor = -1
        self.descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def __del__(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


class PackedFiles:
    """The open files of one archive: itself and its parts."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        self._files: Recent[OpenFile] = Recent(OPEN_FILES)

    def read(self, member: Member) -> bytes | Failure:
        """The content of one member, or why it can't be had."""
        inside = member.part == IN_FILE
        path = self._packed.path if inside else self._packed.part(member.part)
        try:
            file = self._files.get(str(member.part), lambda: OpenFile(path))
            if inside and member.crc is not None:
                return _read_zipped(file.descriptor, member)
            data = os.pread(file.descriptor, member.size, member.offset)
        except OSError as error:
            return Failure(Reason.UNREADABLE, error.strerror or str(error))
        if len(data) == member.size:
            return data
        if inside:
            return _damaged("the archive ends before the member does")
        return Failure(Reason.UNREADABLE, "the copy of it in the work dir's store has been cut")


def _read_zipped(descriptor: int, member: Member) -> bytes | Failure:
    guess = _LOCAL_HEADER.size + len(member.name.encode()) + member.stored + _SLACK
    block = os.pread(descriptor, guess, member.offset)
    if len(block) < _LOCAL_HEADER.size or not block.startswith(b"PK\x03\x04"):
        return _damaged("no header where the zip's directory says")
    _, name_length, extra_length = _LOCAL_HEADER.unpack_from(block)
    start = _LOCAL_HEADER.size + name_length + extra_length
    if start + member.stored > guess:
        block, start = os.pread(descriptor, member.stored, member.offset + start), 0
    packed = memoryview(block)[start : start + member.stored]
    if len(packed) < member.stored:
        return _damaged("the archive ends before the member does")
    try:
        # One byte more than stated would come out only if the directory lies.
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        stored = member.method == zipfile.ZIP_STORED
        data = bytes(packed) if stored else unpacker.decompress(packed, member.size + 1)
    except zlib.error as error:
        return _damaged(str(error))
    if len(data) != member.size:
        return _damaged(f"not the {member.size} bytes that are stated")
    return data if zlib.crc32(data) == member.crc else _damaged("wrong checksum (CRC-32)")


def _damaged(detail: str) -> Failure:
    return Failure(Reason.ARCHIVE_DAMAGED, detail)


class DamagedIndexError(Exception):
    """An index is not what was written; the next run makes it again."""


class OpenPacked:
    """The index of one archive in memory, and its open files.

    Raises:
        OSError: there is no index.
        DamagedIndexError: its content is damaged.
    """

    def __init__(self, packed: Packed) -> None:
        table = read_if_sound(packed.index, [*_PLACE, "status"])
        if table is None:
            raise DamagedIndexError
        names, status = table["name"].to_pylist(), table["status"].to_pylist()
        self._rows = {
            name: row
            for row, (name, state) in enumerate(zip(names, status, strict=True))
            if state == Reason.OK.value
        }
        self._places = table.select(_PLACE).combine_chunks()
        self._files = PackedFiles(packed)

    def read(self, name: str) -> bytes | Failure:
        """The content of one member, or why it can't be had."""
        row = self._rows.get(name)
        if row is None:
            return Failure(Reason.MISSING, "the archive holds no such image")
        (place,) = self._places.slice(row, 1).to_pylist()
        data = self._files.read(Member(**place))
        return data if data != b"" else Failure(Reason.EMPTY_FILE, "0 bytes")


class PackedReader:
    """Reads members of many archives by name; may be used from several threads.

    Args:
        find: tells where the index and the parts of a file lie.
        keep: of how many archives the index is kept in memory.
    """

    def __init__(self, find: Callable[[Path], Packed], keep: int) -> None:
        self._find = find
        self._open: Recent[OpenPacked] = Recent(keep)

    def read(self, path: str, name: str) -> bytes | Failure:
        """The content of one member, or why it can't be had."""
        try:
            opened = self._open.get(path, lambda: OpenPacked(self._find(Path(path))))
        except FileNotFoundError:
            return Failure(Reason.MISSING, "it is gone or has changed since it was listed")
        except DamagedIndexError:
            return Failure(Reason.UNREADABLE, "its index in the store is damaged; run again")
        except OSError as error:
            return Failure(Reason.UNREADABLE, error.strerror or str(error))
        return opened.read(name)
