"""Content taken out of a file, kept as a few large files instead of a million small ones.

Contents lie back to back in ``part-00000.bin``, ``part-00001.bin``, ...; beside each lies a Parquet
file with its rows. The Parquet file is renamed into place last, so a part is complete or absent:
whoever continues later starts after the last complete part. Names inside an archive never become
names on disk, so nothing can be written outside the folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.sources.archive_index import members_table, table_members
from imgvet.sources.archive_member import Member
from imgvet.tables import read_if_sound
from imgvet.workdir import write_atomically

PART_BYTES = 64 << 20
"""A part is closed when it holds this many bytes."""

PART_MEMBERS = 1000
"""A part is closed when it has this many rows."""

_DONE = b"done"


@dataclass(frozen=True)
class Progress:
    """What complete parts hold.

    Attributes:
        members: the rows of all complete parts, in order.
        parts: number of complete parts.
        done: how far the work was when the last of them was closed; 0 at the start.
    """

    members: list[Member]
    parts: int = 0
    done: int = 0


def part_path(folder: Path, number: int) -> Path:
    """The file with the contents of one part."""
    return folder / f"part-{number:05d}.bin"


def start_parts(folder: Path, *, resume: bool) -> Progress:
    """Make a folder ready to be filled.

    Args:
        folder: where the parts lie.
        resume: whether complete parts that are there are kept.
    """
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    members: list[Member] = []
    done = number = 0
    while (table := _read_part(folder, number)) is not None:
        members.extend(table_members(table))
        done = int((table.schema.metadata or {}).get(_DONE, b"0"))
        number += 1
    return Progress(members, number, done)


def _read_part(folder: Path, number: int) -> pa.Table | None:
    """The rows of a part, None if it is not complete or is damaged, and so is filled again."""
    path = part_path(folder, number)
    try:
        table = read_if_sound(path.with_suffix(".parquet"))
        if table is None:
            return None
        expected = sum(table.column("stored").to_pylist())
        return table if path.stat().st_size == expected else None
    except FileNotFoundError:
        return None


class PartWriter:
    """Fills one part after the other; use it in a ``with`` block.

    Args:
        folder: where the parts lie.
        first: number of the first part to fill.
    """

    def __init__(self, folder: Path, first: int) -> None:
        self._folder = folder
        self._number = first
        self._members: list[Member] = []
        self._size = 0
        self._draft = folder / ".part.tmp"
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
        path = part_path(self._folder, self._number)
        self._draft.replace(path)
        table = members_table(self._members).replace_schema_metadata({_DONE: str(done).encode()})
        write_atomically(path.with_suffix(".parquet"), lambda draft: pq.write_table(table, draft))
        self._number, self._members, self._size = self._number + 1, [], 0
        self._stream = self._draft.open("wb")
