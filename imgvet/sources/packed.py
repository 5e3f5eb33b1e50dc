"""What is taken out of an archive or a video, and the index that says where each member lies.

For each state of a file (path, size, time of the last change) there is one folder in the store with
an index in Parquet. What can't be read where it lies is kept beside it, back to back in
``part-00000.bin``, ``part-00001.bin``, ...: a few large files instead of a million small ones.
Beside each part lies a Parquet file with its rows, renamed into place last, so that a part is
complete or absent and whoever continues later starts after the last complete one. Names inside an
archive never become names on disk, so nothing can be written outside the folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from imgvet.reasons import Reason
from imgvet.store.references import digest_bytes
from imgvet.tables import read_if_sound
from imgvet.workdir import write_atomically

FILE_ITSELF = ""
"""Name of the row that tells of a problem of the whole archive or video."""

IN_FILE = -1
"""Value of ``part`` for content that lies in the archive itself."""

PART_BYTES = 64 << 20
"""A part is closed when it holds this many bytes."""

PART_MEMBERS = 1000
"""A part is closed when it has this many rows."""

_DONE = b"done"


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive, or one frame of a video.

    Attributes:
        name: name in the archive, as valid UTF-8, without a leading ``./``; milliseconds of a
            frame.
        part: number of the part with its content, :data:`IN_FILE` for the archive itself.
        offset: where the content (in a zip: the header before it) starts there, in bytes.
        size: bytes of the content.
        stored: bytes it takes in the file.
        method: 0 stored as it is, 8 deflated (the codes of zip).
        crc: CRC-32 of the content, None if none is stated.
        status: ok, or why it can't be read.
        detail: more about the status.
        label: its label, if a sidecar tells one.
        metadata: what its sidecars say, a JSON object, None if it has none.
    """

    name: str
    part: int = IN_FILE
    offset: int = 0
    size: int = 0
    stored: int = 0
    method: int = 0
    crc: int | None = None
    status: Reason = Reason.OK
    detail: str = ""
    label: str | None = None
    metadata: str | None = None

    def failed(self, status: Reason, detail: str) -> Member:
        """The member with the reason why it can't be read; the first reason stays."""
        return self if self.status is not Reason.OK else replace(self, status=status, detail=detail)


_FIELDS = [field.name for field in fields(Member)]
_TEXTS = {"name", "status", "detail", "label", "metadata"}
MEMBER_SCHEMA = pa.schema(
    [(name, pa.string() if name in _TEXTS else pa.int64()) for name in _FIELDS]
)
"""One row per member: the fields of :class:`Member`."""


@dataclass(frozen=True)
class Packed:
    """One state of an archive or a video, and where its index and parts lie.

    Attributes:
        path: the file itself, an absolute path.
        size: its bytes.
        mtime_ns: time of its last change in nanoseconds since 1970.
        folder: where index and parts lie.
    """

    path: str
    size: int
    mtime_ns: int
    folder: Path

    @classmethod
    def of(cls, path: Path, store: Path, chosen: str) -> Packed:
        """The present state of a file.

        Args:
            path: the file, an absolute path.
            store: where all such folders are.
            chosen: how members are judged and chosen; each such text has a folder of its own.

        Raises:
            OSError: the file can't be looked at.
        """
        status = path.stat()
        state = digest_bytes(f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode())
        folder = store / digest_bytes(f"{state} {chosen}".encode())
        return cls(str(path), status.st_size, status.st_mtime_ns, folder)

    @property
    def index(self) -> Path:
        """The index."""
        return self.folder / "index.parquet"

    def part(self, number: int) -> Path:
        """The file with the contents of one part."""
        return self.folder / f"part-{number:05d}.bin"

    def members(self) -> list[Member] | None:
        """What the index holds, None if it is not there or damaged, and so has to be made again."""
        try:
            table = read_if_sound(self.index, _FIELDS)
        except FileNotFoundError:
            return None
        return None if table is None else _members_in(table)

    def write(self, members: Iterable[Member]) -> None:
        """Write the index, atomically."""
        table = _table_of(members)
        write_atomically(self.index, lambda draft: pq.write_table(table, draft, compression="zstd"))


def _table_of(members: Iterable[Member]) -> pa.Table:
    rows = list(members)
    columns = [[getattr(member, name) for member in rows] for name in _FIELDS]
    return pa.table(columns, schema=MEMBER_SCHEMA)


def _members_in(table: pa.Table) -> list[Member]:
    columns = {name: table.column(name).to_pylist() for name in _FIELDS}
    columns["status"] = [Reason(status) for status in columns["status"]]
    return [Member(*values) for values in zip(*columns.values(), strict=True)]


class PackedReport(BaseModel):
    """What preparing one archive or video gave.

    Attributes:
        path: the file.
        items: members or frames that can be read.
        failed: those that can't be, and the file itself if it is damaged.
        resumed: members that an interrupted run had already unpacked.
        reused: whether nothing had to be done, as the file has not changed.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    items: int
    failed: int
    resumed: int = 0
    reused: bool = False

    @classmethod
    def of(
        cls, packed: Packed, members: list[Member], *, resumed: int = 0, reused: bool = False
    ) -> PackedReport:
        """The report of what the index holds."""
        items = sum(member.status is Reason.OK for member in members)
        failed = len(members) - items
        return cls(path=packed.path, items=items, failed=failed, resumed=resumed, reused=reused)


@dataclass(frozen=True)
class CompleteParts:
    """What complete parts hold.

    Attributes:
        members: the rows of all complete parts, in order.
        number: number of complete parts.
        done: how far the work was when the last of them was closed; 0 at the start.
    """

    members: list[Member]
    number: int = 0
    done: int = 0


def start_parts(packed: Packed, *, resume: bool) -> CompleteParts:
    """Make a folder ready to be filled; ``resume`` keeps the complete parts that are there."""
    if not resume:
        shutil.rmtree(packed.folder, ignore_errors=True)
    packed.folder.mkdir(parents=True, exist_ok=True)
    members: list[Member] = []
    done = number = 0
    while (table := _complete_part(packed.part(number))) is not None:
        members.extend(_members_in(table))
        done = int((table.schema.metadata or {}).get(_DONE, b"0"))
        number += 1
    return CompleteParts(members, number, done)


def _complete_part(path: Path) -> pa.Table | None:
    """The rows of a part, None if it is not complete or is damaged, and so is filled again."""
    try:
        table = read_if_sound(path.with_suffix(".parquet"))
        if table is not None and path.stat().st_size == sum(table["stored"].to_pylist()):
            return table
    except FileNotFoundError:
        pass
    return None


class PartWriter:
    """Fills one part after the other; use it in a ``with`` block.

    Args:
        packed: what is filled.
        first: number of the first part to fill.
    """

    def __init__(self, packed: Packed, first: int) -> None:
        self._packed = packed
        self._number = first
        self._members: list[Member] = []
        self._size = 0
        self._draft = packed.folder / ".part.tmp"
        self._stream = self._draft.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._draft.unlink(missing_ok=True)

    @property
    def full(self) -> bool:
        """Whether the part should be closed."""
        return self._size >= PART_BYTES or len(self._members) >= PART_MEMBERS

    def add(self, member: Member, content: Iterable[bytes]) -> Member:
        """Add a member with its content, and return its row.

        If the content raises, nothing of it stays.
        """
        start, written = self._size, False
        try:
            for chunk in content:
                self._size += self._stream.write(chunk)
            written = True
        finally:
            if not written:
                self._size = start
                self._stream.seek(start)
                self._stream.truncate()
        size = self._size - start
        row = replace(member, part=self._number, offset=start, size=size, stored=size, method=0)
        self._members.append(row)
        return row

    def note(self, member: Member) -> Member:
        """Add a member without content, and return its row."""
        row = replace(member, part=self._number, offset=self._size, stored=0)
        self._members.append(row)
        return row

    def close_part(self, done: int) -> None:
        """Put the part into its place and begin the next one.

        Args:
            done: how far the work is; :func:`start_parts` tells it to whoever continues.
        """
        if not self._members:
            return
        self._stream.close()
        path = self._packed.part(self._number)
        self._draft.replace(path)
        table = _table_of(self._members).replace_schema_metadata({_DONE: str(done).encode()})
        write_atomically(path.with_suffix(".parquet"), lambda draft: pq.write_table(table, draft))
        self._number, self._members, self._size = self._number + 1, [], 0
        self._stream = self._draft.open("wb")
