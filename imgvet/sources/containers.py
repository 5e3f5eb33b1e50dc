"""Archives and videos: files with items inside, of which an index says where each one lies.

For each state of such a file (path, size, time of the last change) there is one folder in the store
with an index in Parquet. What can't be read where it lies is kept beside it, back to back in
``part-00000.bin``, ``part-00001.bin``, ...: a few large files instead of a million small ones.
Beside each part lies a Parquet file with its rows, renamed into place last, so that a part is
complete or absent and whoever continues later starts after the last complete one. Names inside an
archive never become names on disk, so nothing can be written outside the folder.
"""

from __future__ import annotations

import os
import shutil
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, ClassVar, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imgvet.reasons import Failure, Reason
from imgvet.sources.entry import Entry
from imgvet.sources.local import walk_file
from imgvet.store.references import digest_bytes
from imgvet.tables import read_if_sound
from imgvet.workdir import write_atomically

FILE_ITSELF = ""
"""Name of the row that tells of a problem of the whole archive or video."""

IN_FILE = -1
"""Value of ``part`` for content that lies in the archive itself."""

PART_BYTES, PART_MEMBERS = 64 << 20, 1000
"""A part is closed when it holds this many bytes, or has this many rows."""

_DONE = b"done"
_PLACE = ["name", "part", "offset", "size", "stored", "method", "crc"]
_LOCAL_HEADER = struct.Struct("<4s22xHH")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive or a frame of a video, and where its content lies, in bytes.

    ``name`` is that in the archive, as valid UTF-8 without a leading ``./``, or the milliseconds
    of a frame. In a zip, the content follows the header at ``offset``.
    """

    name: str
    part: int = IN_FILE
    offset: int = 0
    size: int = 0
    stored: int = 0
    """Bytes it takes where it lies."""
    method: int = 0
    """0 stored as it is, 8 deflated (the codes of zip)."""
    crc: int | None = None
    """CRC-32 of the content; None if none is stated, as outside of zips."""
    status: Reason = Reason.OK
    detail: str = ""
    label: str | None = None
    metadata: str | None = None
    """What its sidecars say, a JSON object."""


_TEXTS = {"name", "status", "detail", "label", "metadata"}
MEMBER_SCHEMA = pa.schema(
    [(field.name, pa.string() if field.name in _TEXTS else pa.int64()) for field in fields(Member)]
)
"""One row per member: the fields of :class:`Member`."""


def _write_rows(path: Path, rows: Sequence[Member], done: int = 0) -> None:
    columns = [[getattr(member, name) for member in rows] for name in MEMBER_SCHEMA.names]
    schema = MEMBER_SCHEMA.with_metadata({_DONE: str(done)})
    table = pa.table(columns, schema=schema)
    write_atomically(path, lambda draft: pq.write_table(table, draft, compression="zstd"))


def _read_rows(path: Path) -> tuple[list[Member], int] | None:
    """Rows and how far the work was; None if they are gone or damaged, so have to be made again."""
    try:
        table = read_if_sound(path, MEMBER_SCHEMA.names)
    except FileNotFoundError:
        return None
    if table is None:
        return None
    columns = {name: table.column(name).to_pylist() for name in MEMBER_SCHEMA.names}
    columns["status"] = [Reason(status) for status in columns["status"]]
    done = (table.schema.metadata or {}).get(_DONE, 0)
    return [Member(*values) for values in zip(*columns.values(), strict=True)], int(done)


@dataclass(frozen=True)
class Container:
    """One state of an archive or a video, and the folder with its index and parts."""

    path: str
    size: int
    folder: Path

    @property
    def index(self) -> Path:
        """The rows of its members; written last."""
        return self.folder / "index.parquet"

    def part(self, number: int) -> Path:
        """The contents of one part."""
        return self.folder / f"part-{number:05d}.bin"

    def members(self) -> list[Member] | None:
        """What the index holds, None if it is not there or damaged."""
        found = _read_rows(self.index)
        return None if found is None else found[0]

    def read(self, member: Member) -> bytes | Failure:
        """The content of one member, or why it can't be had."""
        inside = member.part == IN_FILE
        try:
            with open(self.path if inside else self.part(member.part), "rb") as stream:
                stream.seek(member.offset)
                if inside and member.crc is not None:
                    return _unzipped(stream, member)
                data = stream.read(member.size)
        except OSError as error:
            return Failure(Reason.UNREADABLE, error.strerror or str(error))
        if len(data) == member.size:
            return data
        if inside:
            return _damaged("the archive ends before the member does")
        return Failure(Reason.UNREADABLE, "the copy of it in the work dir's store has been cut")


def _unzipped(stream: BinaryIO, member: Member) -> bytes | Failure:
    """The content of a zip's member, at whose header the stream stands.

    Python's zipfile would parse the whole directory once for each shard of files.
    """
    header = stream.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        return _damaged("no header where the zip's directory says")
    _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    stream.seek(name_length + extra_length, os.SEEK_CUR)
    data = stream.read(member.stored)
    if len(data) < member.stored:
        return _damaged("the archive ends before the member does")
    if member.method != zipfile.ZIP_STORED:
        try:
            # One byte more than stated would come out only if the directory lies.
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.size + 1)
        except zlib.error as error:
            return _damaged(str(error))
    if len(data) != member.size:
        return _damaged(f"not the {member.size} bytes that are stated")
    return data if zlib.crc32(data) == member.crc else _damaged("wrong checksum (CRC-32)")


def _damaged(detail: str) -> Failure:
    return Failure(Reason.ARCHIVE_DAMAGED, detail)


class Parts:
    """The parts of a container, filled one after the other; use it in a ``with`` block.

    Args:
        container: what is opened up.
        resume: keep the complete parts that an interrupted run left.

    Attributes:
        members: the rows of all parts so far, in order.
        resumed: how many of them there were at first.
        done: how far the work was when the last complete part was closed, 0 at the start.
    """

    def __init__(self, container: Container, *, resume: bool) -> None:
        if not resume:
            shutil.rmtree(container.folder, ignore_errors=True)
        container.folder.mkdir(parents=True, exist_ok=True)
        self._container = container
        self._number = self._size = self.done = 0
        self.members: list[Member] = []
        while (found := self._complete_part()) is not None:
            rows, self.done = found
            self.members += rows
            self._number += 1
        self.resumed = self._begin = len(self.members)
        self._draft = container.folder / ".part.tmp"
        self._stream = self._draft.open("wb")

    def _complete_part(self) -> tuple[list[Member], int] | None:
        """The rows of the present part, None if it is not complete or damaged."""
        content = self._container.part(self._number)
        found = _read_rows(content.with_suffix(".parquet"))
        if found is None or not content.exists():
            return None
        return found if content.stat().st_size == sum(row.stored for row in found[0]) else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._draft.unlink(missing_ok=True)

    @property
    def full(self) -> bool:
        """Whether the present part should be closed."""
        return self._size >= PART_BYTES or len(self.members) - self._begin >= PART_MEMBERS

    def add(self, member: Member, content: bytes = b"") -> None:
        """Add a member with its content, none if it can't be read."""
        self._stream.write(content)
        place = replace(member, part=self._number, offset=self._size, stored=len(content))
        self.members.append(place)
        self._size += len(content)

    def close_part(self, done: int) -> None:
        """Put the present part into its place, if it has rows, and begin the next one.

        Args:
            done: how far the work is, for whoever continues.
        """
        if len(self.members) == self._begin:
            return
        self._stream.close()
        content = self._container.part(self._number)
        self._draft.replace(content)
        _write_rows(content.with_suffix(".parquet"), self.members[self._begin :], done)
        self._number, self._begin, self._size = self._number + 1, len(self.members), 0
        self._stream = self._draft.open("wb")


def open_index(container: Container) -> Callable[[str], Member | None]:
    """What finds the readable members of a container by name.

    Raises:
        OSError: there is no index, or it is damaged.
    """
    table = read_if_sound(container.index, [*_PLACE, "status"])
    if table is None:
        raise OSError("its index in the store is damaged; run again")
    sound = table.filter(pc.equal(table["status"], Reason.OK.value)).combine_chunks()
    # Arrow needs a tenth of the room that a million objects would.
    rows, places = (
        {name: row for row, name in enumerate(sound["name"].to_pylist())},
        sound.select(_PLACE),
    )

    def find(name: str) -> Member | None:
        row = rows.get(name)
        return None if row is None else Member(**places.slice(row, 1).to_pylist()[0])

    return find


@dataclass(frozen=True)
class Prepared:
    """What preparing a container gave.

    ``items`` can be read, ``failed`` can't, the file itself counting if it is damaged; ``resumed``
    had been unpacked by an interrupted run. If the file has not changed, all is ``reused``.
    """

    items: int
    failed: int
    resumed: int = 0
    reused: bool = False


class Containers(ABC):
    """Archives, or videos with one choice of frames; may be used from several threads.

    Args:
        store: where indexes and parts are kept.
        rules: how members are chosen and judged; each such text has folders of its own.
        keep: of how many containers the index is kept in memory.
    """

    changed: ClassVar[str]
    """What is said of one that has changed since it was prepared."""

    def __init__(self, store: Path, rules: str, keep: int) -> None:
        self._store, self._rules, self._lock = store, rules, Lock()
        self._open = lru_cache(keep)(open_index)

    @abstractmethod
    def open_up(self, container: Container, *, resume: bool) -> tuple[list[Member], int]:
        """The members that become items, and how many of them an earlier run had unpacked."""

    @abstractmethod
    def place(self, path: str, name: str) -> dict[str, Any]:
        """The attributes of an entry that follow from the paths of container and member."""

    def find(self, path: Path) -> Container:
        """The present state of a file, an absolute path.

        Raises:
            OSError: the file can't be looked at.
        """
        status = path.stat()
        state = digest_bytes(f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode())
        folder = self._store / digest_bytes(f"{state} {self._rules}".encode())
        return Container(str(path), status.st_size, folder)

    def prepare(self, path: Path, *, resume: bool = False) -> Prepared:
        """Index a container, and unpack what can't be read where it lies.

        A damaged, empty or unreadable one is a row, not an error.

        Args:
            path: the file, an absolute path.
            resume: continue an unpacking that was interrupted instead of starting again.

        Raises:
            OSError: the store can't be written to.
        """
        if walk_file(path, "").status is not Reason.OK:
            return Prepared(items=0, failed=1)
        container = self.find(path)
        members, resumed, reused = container.members(), 0, True
        if members is None:
            (members, resumed), reused = self.open_up(container, resume=resume), False
            _write_rows(container.index, members)
        items = sum(member.status is Reason.OK for member in members)
        return Prepared(items, len(members) - items, resumed, reused)

    def entries(self, itself: Entry, copy: Path | None = None) -> Iterator[Entry]:
        """The members of a container that was prepared, in its order, with their reasons.

        A problem of the container as a whole is an entry of the container itself.

        Args:
            itself: its own entry.
            copy: where it lies, if its path is a URI.
        """
        if itself.status is not Reason.OK:
            yield itself
            return
        members = self.find(copy or Path(itself.path)).members()
        if members is None:
            yield replace(itself, status=Reason.MISSING, detail=self.changed)
            return
        for member in members:
            yield replace(
                itself,
                file_size=itself.file_size if member.name == FILE_ITSELF else member.size,
                status=member.status,
                detail=member.detail,
                label=member.label,
                metadata=member.metadata,
                **self.place(itself.path, member.name),
            )

    def read(self, path: str, name: str) -> bytes | Failure:
        """The content of one member, or why it can't be had."""
        try:
            container = self.find(Path(path))
            with self._lock:
                lookup = self._open(container)
        except FileNotFoundError:
            return Failure(Reason.MISSING, "it is gone or has changed since it was listed")
        except OSError as error:
            return Failure(Reason.UNREADABLE, error.strerror or str(error))
        member = lookup(name)
        if member is None:
            return Failure(Reason.MISSING, "the archive holds no such image")
        data = container.read(member)
        return data if data != b"" else Failure(Reason.EMPTY_FILE, "0 bytes")
