"""Read members in any order, from several threads, each archive being opened once."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from imgvet.reasons import Failure, Reason
from imgvet.sources.archive_member import IN_ARCHIVE, Member
from imgvet.sources.archive_parts import part_path
from imgvet.sources.archive_zip import read_zip_member
from imgvet.tables import read_if_sound

OPEN_FILES = 16
"""Parts of one archive that are kept open."""

_PLACE = ["part", "offset", "size", "stored", "method"]

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


@dataclass(frozen=True)
class Packed:
    """A file whose members can be read.

    Attributes:
        original: the archive or video itself.
        folder: where its index and its parts lie.
        index: the index.
    """

    original: str
    folder: Path
    index: Path


class PackedFiles:
    """The open files of one archive: itself and its parts."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        self._files: Recent[OpenFile] = Recent(OPEN_FILES)

    def read(self, member: Member) -> bytes | Failure:
        """The content of one member, or why it can't be had."""
        inside = member.part == IN_ARCHIVE
        folder, original = self._packed.folder, self._packed.original
        path = original if inside else part_path(folder, member.part)
        try:
            file = self._files.get(str(member.part), lambda: OpenFile(path))
            if inside and member.crc is not None:
                return read_zip_member(file.descriptor, member)
            data = os.pread(file.descriptor, member.size, member.offset)
        except OSError as error:
            return Failure(Reason.UNREADABLE, error.strerror or str(error))
        if len(data) < member.size:
            return _cut(inside=inside)
        return data


def _cut(*, inside: bool) -> Failure:
    """Why fewer bytes came than the index states."""
    if inside:
        return Failure(Reason.ARCHIVE_DAMAGED, "the archive ends before the member does")
    return Failure(Reason.UNREADABLE, "the copy of it in the work dir's store has been cut")


class DamagedIndexError(Exception):
    """An index is not what was written; the next run makes it again."""


class OpenPacked:
    """The index of one archive in memory, and its open files.

    Raises:
        OSError: there is no index.
        DamagedIndexError: its content is damaged.
    """

    def __init__(self, packed: Packed) -> None:
        table = read_if_sound(packed.index, ["name", "crc", "status", *_PLACE])
        if table is None:
            raise DamagedIndexError
        names, status = table.column("name").to_pylist(), table.column("status").to_pylist()
        self._rows = {
            name: row
            for row, (name, state) in enumerate(zip(names, status, strict=True))
            if state == Reason.OK.value
        }
        columns = [table.column(name).to_numpy() for name in _PLACE]
        self._places: NDArray[np.int64] = np.stack(columns, axis=1)
        self._crc = table.column("crc").combine_chunks()
        self._files = PackedFiles(packed)

    def read(self, name: str) -> bytes | Failure:
        """The content of one member, or why it can't be had."""
        row = self._rows.get(name)
        if row is None:
            return Failure(Reason.MISSING, "the archive holds no such image")
        part, offset, size, stored, method = (int(value) for value in self._places[row])
        crc = self._crc[row].as_py()
        data = self._files.read(Member(name, part, offset, size, stored, method, crc))
        return data if data != b"" else Failure(Reason.EMPTY_FILE, "0 bytes")


class PackedReader:
    """Reads members of many archives by name; may be used from several threads.

    Args:
        find: tells where the index and the parts of a file lie.
        keep: of how many archives the index is kept in memory.
    """

    def __init__(self, find: Callable[[str], Packed], keep: int) -> None:
        self._find = find
        self._open: Recent[OpenPacked] = Recent(keep)

    def read(self, path: str, name: str) -> bytes | Failure:
        """The content of one member, or why it can't be had."""
        try:
            opened = self._open.get(path, lambda: OpenPacked(self._find(path)))
        except FileNotFoundError:
            return Failure(Reason.MISSING, "it is gone or has changed since it was listed")
        except DamagedIndexError:
            return Failure(Reason.UNREADABLE, "its index in the store is damaged; run again")
        except OSError as error:
            return Failure(Reason.UNREADABLE, error.strerror or str(error))
        return opened.read(name)
