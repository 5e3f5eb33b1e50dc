"""The file index: which content a file had when it was last read.

An unchanged file is recognised by its place, size, time and version without reading it. Shards add
small parts while they run, so that a killed run loses little; a finished run merges them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imgvet.store.packs import DIGEST
from imgvet.store.references import digest_bytes
from imgvet.tables import read_if_sound, with_none
from imgvet.workdir import write_atomically

SETTLED_NS = 2_000_000_000
"""A file changed less than this long before it was read could change again within one tick of a
coarse file system's clock, so it is not remembered (2 s is the tick of FAT)."""

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("file_size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("version", pa.string()),
        ("member", pa.string()),
        ("time_ms", pa.int64()),
        (DIGEST, pa.string()),
    ]
)

_logger = logging.getLogger(__name__)


class FileKey(NamedTuple):
    """What an unchanged file is recognised by: these attributes of :class:`FileToRead`."""

    path: str
    file_size: int
    mtime_ns: int
    version: str = ""
    member: str | None = None
    time_ms: int | None = None


@dataclass(frozen=True)
class FileToRead:
    """An item to be read: its place, and what it is recognised by; None where that is unknown.

    ``path`` is absolute or a URI, ``mtime_ns`` since 1970, ``version`` such as an ETag (may be
    empty), ``member`` a name in an archive, ``time_ms`` the time of a video's frame, and ``box``
    of a crop x, y, width, height or four corners in pixels.
    """

    id: int
    path: str
    file_size: int | None
    mtime_ns: int | None
    version: str = ""
    member: str | None = None
    time_ms: int | None = None
    box: tuple[float, ...] | None = None

    @property
    def key(self) -> FileKey:
        """What the file is recognised by when it is listed again."""
        size, mtime_ns = self.file_size or 0, self.mtime_ns or 0
        return FileKey(self.path, size, mtime_ns, self.version, self.member, self.time_ms)


FILE_COLUMNS = tuple(field.name for field in fields(FileToRead))
"""The columns of a listing that a file to read is made of."""


def files_in(rows: pd.DataFrame) -> list[FileToRead]:
    """The files to read in a frame with :data:`FILE_COLUMNS`."""
    columns = with_none(rows[list(FILE_COLUMNS)])
    columns["box"] = columns["box"].map(tuple, na_action="ignore")
    return [FileToRead(*values) for values in columns.itertuples(index=False, name=None)]


@dataclass(frozen=True)
class FileIndex:
    """The index of one store: Parquet files of one folder; damaged ones are removed."""

    folder: Path

    def load(self) -> dict[FileKey, str]:
        """Content digest by file key."""
        known: dict[FileKey, str] = {}
        for rows in self._read():
            *keys, digests = (column.to_pylist() for column in rows.columns)
            known.update(zip(map(FileKey, *keys), digests, strict=True))
        return known

    def digests(self) -> set[str]:
        """The content digests that some file had."""
        return {digest for rows in self._read([DIGEST]) for digest in rows[DIGEST].to_pylist()}

    def version_of(self, path: str) -> str:
        """The version of a remote file that was read last; empty if none was."""
        parts = (rows.filter(pc.field("path") == path) for rows in self._read(["path", "version"]))
        return next((str(rows["version"][-1]) for rows in parts if len(rows)), "")

    def add(self, known: dict[FileKey, str]) -> Path | None:
        """Add one part and return its file, None if nothing is known."""
        if not known:
            return None
        columns = zip(*((*key, digest) for key, digest in known.items()), strict=True)
        rows = pa.table([list(values) for values in columns], schema=SCHEMA)
        rows = rows.sort_by([(name, "ascending") for name in SCHEMA.names])
        path = self.folder / f"{digest_bytes(repr(rows.to_pydict()).encode())}.parquet"
        write_atomically(path, lambda temporary: pq.write_table(rows, temporary))
        return path

    def compact(self, gone: frozenset[str] = frozenset()) -> None:
        """Merge all parts into one, without the files of some contents."""
        old = self._parts()
        if len(old) < 2 and gone.isdisjoint(self.digests()):
            return
        known = self.load().items()
        merged = self.add({key: digest for key, digest in known if digest not in gone})
        for path in old:
            if path != merged:
                path.unlink(missing_ok=True)

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet"))

    def _read(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        for path in self._parts():
            rows = read_if_sound(path, columns or SCHEMA.names)
            if rows is None:
                _logger.warning("%s is damaged, the files that it knew are read again", path)
                path.unlink(missing_ok=True)
            else:
                yield rows
