"""Archives and videos: files with items inside, of which an index says where each one lies.

For each state of such a file (path, size, time of the last change) there is one folder in the store
with an index. What can't be read where it lies is kept beside it, back to back in a few large
parts, ``part-00000.bin`` and so on. The rows of a part are written last, so that a part is complete
or absent. Names inside an archive never become names on disk.
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
from typing import Any, BinaryIO

import cv2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imgvet.images.isolation import FLEETING
from imgvet.reasons import Failure, Reason
from imgvet.sources.listing import Entry
from imgvet.sources.local import failure_of, read_bytes, walk_file
from imgvet.store.references import digest_bytes
from imgvet.tables import read_if_sound
from imgvet.workdir import write_atomically

FILE_ITSELF = ""
"""Name of the row that tells of a problem of the whole archive or video."""

IN_FILE = -1
"""The part of content that lies in the archive itself."""

PART_BYTES, PART_MEMBERS = 32 << 20, 1000
"""A part is closed when it holds this many bytes, or has so many rows."""

CUT_SHORT = "the archive ends before the member does"

_TWICE = f", twice with OpenCV {cv2.__version__}: not tried again until that or the file changes"
"""Ends the detail of a video that would otherwise be decoded up to there in every run."""

_PLACE = ["name", "part", "offset", "size", "stored", "method", "crc"]
_LOCAL_HEADER = struct.Struct("<4s22xHH")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive or a frame of a video, and where its content lies, in bytes."""

    name: str
    """That in the archive, as valid UTF-8 without a leading ``./``, or a frame's milliseconds."""
    part: int = IN_FILE
    offset: int = 0
    """In a zip, that of the header which the content follows."""
    size: int = 0
    stored: int = 0
    """Bytes it takes where it lies."""
    method: int = 0
    """0 stored as it is, 8 deflated (the codes of zip)."""
    crc: int | None = None
    """CRC-32 of the content; None outside of zips."""
    status: Reason = Reason.OK
    detail: str = ""
    label: str | None = None
    metadata: str | None = None
    """What its sidecars say, a JSON object."""
    link: str | None = None
    """The name of the member that a hard link in a tar stands for."""


_TEXTS = {"name", "status", "detail", "label", "metadata", "link"}
MEMBER_SCHEMA = pa.schema(
    [(field.name, pa.string() if field.name in _TEXTS else pa.int64()) for field in fields(Member)]
)


def _write_rows(path: Path, rows: Sequence[Member]) -> None:
    columns = [[getattr(member, name) for member in rows] for name in MEMBER_SCHEMA.names]
    table = pa.table(columns, schema=MEMBER_SCHEMA)
    write_atomically(path, lambda draft: pq.write_table(table, draft, compression="zstd"))


def _read_rows(path: Path) -> list[Member] | None:
    """The rows of a file; None if it is gone or damaged."""
    table = read_if_sound(path, MEMBER_SCHEMA.names) if path.exists() else None
    if table is None:
        return None
    columns = {name: table.column(name).to_pylist() for name in MEMBER_SCHEMA.names}
    columns["status"] = [Reason(status) for status in columns["status"]]
    return [Member(*values) for values in zip(*columns.values(), strict=True)]


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
        return _read_rows(self.index)

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
            return failure_of(error)
        if len(data) == member.size:
            return data
        if inside:
            return _damaged(CUT_SHORT)
        return Failure(Reason.UNREADABLE, "the copy of it in the work dir's store has been cut")


def _unzipped(stream: BinaryIO, member: Member) -> bytes | Failure:
    # Python's zipfile would parse the whole directory once for each shard of files.
    header = stream.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        return _damaged("no header where the zip's directory says")
    _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    stream.seek(name_length + extra_length, os.SEEK_CUR)
    data = stream.read(member.stored)
    if len(data) < member.stored:
        return _damaged(CUT_SHORT)
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
    """The parts of a container; the complete ones of a run that did not come to its index stay."""

    def __init__(self, container: Container) -> None:
        if container.index.exists():
            shutil.rmtree(container.folder, ignore_errors=True)
        self._container = container
        self.members: list[Member] = []
        self._number = 0
        while (rows := self._complete_part()) is not None:
            self.members += rows
            self._number += 1
        self._contents: list[bytes] = []
        self._size = 0

    def _complete_part(self) -> list[Member] | None:
        content = self._container.part(self._number)
        rows = _read_rows(content.with_suffix(".parquet"))
        if rows is None or not content.exists():
            return None
        return rows if content.stat().st_size == sum(row.stored for row in rows) else None

    def add(self, member: Member, content: bytes = b"") -> None:
        """Add a member with its content, none if it can't be read; a full part is closed."""
        place = replace(member, part=self._number, offset=self._size, stored=len(content))
        self.members.append(place)
        self._contents.append(content)
        self._size += len(content)
        if self._size >= PART_BYTES or len(self._contents) >= PART_MEMBERS:
            self.close_part()

    def close_part(self) -> None:
        """Write the present part, if it has rows, and begin the next one."""
        if not self._contents:
            return
        path, rows = self._container.part(self._number), self.members[-len(self._contents) :]
        write_atomically(path, lambda draft: draft.write_bytes(b"".join(self._contents)))
        _write_rows(path.with_suffix(".parquet"), rows)
        self._number, self._size, self._contents = self._number + 1, 0, []


def open_index(container: Container) -> Callable[[str], Member | None]:
    """What finds the readable members of a container by name; an OSError if there is no index."""
    table = read_if_sound(container.index, [*_PLACE, "status"])
    if table is None:
        raise OSError("its index in the store is damaged; run again")
    # Arrow needs a tenth of the room that a million objects would.
    places = table.filter(pc.equal(table["status"], Reason.OK.value)).select(_PLACE)
    places = places.combine_chunks()
    rows = {name: row for row, name in enumerate(places["name"].to_pylist())}

    def find(name: str) -> Member | None:
        row = rows.get(name)
        return None if row is None else Member(**places.slice(row, 1).to_pylist()[0])

    return find


def _may_do_better(member: Member) -> bool:
    if member.status is Reason.UNREADABLE:
        return True
    return member.status in FLEETING and not member.detail.endswith(_TWICE)


class Containers(ABC):
    """Archives, or videos with one choice of frames; may be used from several threads.

    How members are chosen and judged are the ``rules``, a text; for each there are other folders.
    """

    def __init__(self, store: Path, rules: str) -> None:
        self._store, self._rules, self._lock = store, rules, Lock()
        self._open = lru_cache(8)(open_index)  # One takes about 20 MB for 100,000 members.

    @abstractmethod
    def open_up(self, container: Container) -> list[Member]:
        """The members that become items, and what is wrong with the container as a whole."""

    @abstractmethod
    def place(self, path: str, name: str) -> dict[str, Any]:
        """The attributes of an entry that follow from the paths of container and member."""

    def find(self, path: Path, member: str | None = None) -> Container:
        """The present state of a file, an absolute path, or of a ``member`` with items inside.

        An OSError if the file can't be looked at.
        """
        status = path.stat()
        state = f"{path}\0{status.st_size}\0{status.st_mtime_ns}"
        state = digest_bytes((state if member is None else f"{state}\0{member}").encode())
        folder = self._store / digest_bytes(f"{state} {self._rules}".encode())
        return Container(str(path), status.st_size, folder)

    def prepare(self, path: Path) -> int:
        """Index a container, an absolute path, and unpack what can't be read where it lies.

        A damaged, empty or unreadable one is a row, not an error; a store that can't be written to
        is an OSError. One whose decoder crashed or hung is tried once more. Returned is how many
        items can be read.
        """

        def open_up() -> list[Member] | Failure:
            first = read_bytes(path, at_most=1)
            return first if isinstance(first, Failure) else self.open_up(container)

        if walk_file(path, "").status is not Reason.OK:
            return 0
        container = self.find(path)
        return self.prepared(container, open_up)

    def prepared(self, container: Container, open_up: Callable[[], list[Member] | Failure]) -> int:
        """How many items of a container can be read; it is opened up if that is not known."""
        members = container.members()
        lost = {member.status for member in members or () if member.status in FLEETING}
        # What could not be read may be readable now, though it has not changed.
        if members is None or any(map(_may_do_better, members)):
            found = open_up()
            if isinstance(found, Failure):
                found = [Member(FILE_ITSELF, status=found.reason, detail=found.detail)]
            found = [
                replace(member, detail=member.detail + _TWICE) if member.status in lost else member
                for member in found
            ]
            _write_rows(container.index, found)
            members = found
        return sum(member.status is Reason.OK for member in members)

    def forget(self, path: Path, member: str | None = None) -> None:
        """Remove what is kept of a file, or of its ``member``."""
        shutil.rmtree(self.find(path, member).folder, ignore_errors=True)

    def entries(self, itself: Entry, copy: Path | None = None) -> Iterator[Entry]:
        """The members of a container that was prepared; the ``copy`` is where that of a URI lies.

        A problem of the container as a whole is an entry of the container ``itself``.
        """
        if itself.status is not Reason.OK:
            yield itself
            return
        members = self.find(copy or Path(itself.path), itself.member).members()
        if members is None:
            yield replace(
                itself, status=Reason.MISSING, detail="it has changed since it was opened up"
            )
            return
        for member in members:
            yield replace(
                itself,
                file_size=itself.file_size if member.name == FILE_ITSELF else member.size,
                status=member.status,
                detail=member.detail,
                label=itself.label if member.label is None else member.label,
                metadata=itself.metadata if member.metadata is None else member.metadata,
                **self.place(itself.path, member.name),
            )

    def read(self, path: str, name: str, member: str | None = None) -> bytes | Failure:
        """The content of one item in a file, or in its ``member``, or why it can't be had."""
        try:
            container = self.find(Path(path), member)
            with self._lock:
                lookup = self._open(container)
        except FileNotFoundError:
            why = "it is gone, or it or imgvet has changed since it was listed: run again"
            return Failure(Reason.MISSING, why)
        except OSError as error:
            return failure_of(error)
        found = lookup(name)
        if found is None:
            return Failure(Reason.MISSING, "the archive holds no such image")
        data = container.read(found)
        return data if data != b"" else Failure(Reason.EMPTY_FILE, "0 bytes")
