"""The index of an archive (or of the frames of a video): where each member's content lies.

It is a Parquet file in the store, made once for each state of a file: its name is made of the
file's path, size and time of the last change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.reasons import Reason
from imgvet.sources.archive_member import Member, Role, role_of
from imgvet.sources.archive_sidecars import ReadMember, with_sidecars
from imgvet.store.references import digest_bytes
from imgvet.tables import read_if_sound
from imgvet.workdir import write_atomically

MEMBER_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("part", pa.int64()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("stored", pa.int64()),
        ("method", pa.int64()),
        ("crc", pa.int64()),
        ("status", pa.string()),
        ("detail", pa.string()),
        ("label", pa.string()),
        ("metadata", pa.string()),
    ]
)
"""One row per member: the fields of :class:`Member`."""

_FIELDS = [field.name for field in fields(Member)]


@dataclass(frozen=True)
class FileState:
    """One state of a file.

    Attributes:
        path: absolute path.
        size: bytes.
        mtime_ns: time of the last change in nanoseconds since 1970.
    """

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """The present state of a file.

        Raises:
            OSError: it can't be looked at.
        """
        status = path.stat()
        return cls(str(path), status.st_size, status.st_mtime_ns)

    @property
    def digest(self) -> str:
        """A name for this state."""
        return digest_bytes(f"{self.path}\0{self.size}\0{self.mtime_ns}".encode())


def members_table(members: Iterable[Member]) -> pa.Table:
    """Members as a table of :data:`MEMBER_SCHEMA`."""
    rows = list(members)
    columns = [[getattr(member, name) for member in rows] for name in _FIELDS]
    return pa.table(columns, schema=MEMBER_SCHEMA)


def table_members(table: pa.Table) -> list[Member]:
    """The members in a table of :data:`MEMBER_SCHEMA`."""
    columns = {name: table.column(name).to_pylist() for name in _FIELDS}
    columns["status"] = [Reason(status) for status in columns["status"]]
    return [Member(*values) for values in zip(*columns.values(), strict=True)]


def write_members(path: Path, members: Iterable[Member]) -> None:
    """Write an index, atomically."""
    table = members_table(members)
    write_atomically(path, lambda draft: pq.write_table(table, draft, compression="zstd"))


def known_members(path: Path) -> list[Member] | None:
    """What an index holds, None if it is not there or is damaged and so has to be made again."""
    try:
        table = read_if_sound(path, _FIELDS)
    except FileNotFoundError:
        return None
    return None if table is None else table_members(table)


def settle(members: Iterable[Member], read: ReadMember) -> list[Member]:
    """What of an archive becomes items: images, and everything that should have been one.

    Of members with the same name the last counts, as when the archive is unpacked. Sidecars give
    their images label and metadata.

    Args:
        members: all members, in order of the archive.
        read: reads the content of a member.
    """
    last: dict[str, Member] = {}
    occurrences: Counter[str] = Counter()
    for member in members:
        if role_of(member.name) is not Role.OTHER or not member.name:
            last[member.name] = member
            occurrences[member.name] += 1
    for name, count in occurrences.items():
        if count > 1 and last[name].status is Reason.OK:
            note = f"{count} members have this name; the last one counts"
            last[name] = replace(last[name], detail=note)
    sidecars = [member for member in last.values() if role_of(member.name) is Role.SIDECAR]
    others = [member for member in last.values() if role_of(member.name) is not Role.SIDECAR]
    return with_sidecars(others, sidecars, read)
