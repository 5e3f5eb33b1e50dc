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
from imgvet.tables import read_if_sound, to_frame, with_none
from imgvet.workdir import write_bytes

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


FILE_KEY = list(FileKey._fields)
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

    def load(self) -> pd.DataFrame:
        """A row for each file, with the columns of :data:`SCHEMA`."""
        rows = pa.concat_tables([SCHEMA.empty_table(), *self._read()])
        return to_frame(rows).drop_duplicates(FILE_KEY, keep="last", ignore_index=True)

    def digests(self) -> set[str]:
        """The content digests that some file had."""
        return {digest for rows in self._read([DIGEST]) for digest in rows[DIGEST].to_pylist()}

    def version_of(self, path: str) -> str:
        """The version of a remote file that was read last; empty if none was."""
        parts = (rows.filter(pc.field("path") == path) for rows in self._read(["path", "version"]))
        return next((str(rows["version"][-1]) for rows in parts if len(rows)), "")

    def add(self, rows: pa.Table) -> Path | None:
        """Add a table of :data:`SCHEMA` as one part and return its file, None if it is empty."""
        if not len(rows):
            return None
        stream = pa.BufferOutputStream()
        pq.write_table(rows.sort_by([(name, "ascending") for name in SCHEMA.names]), stream)
        data = stream.getvalue().to_pybytes()
        path = self.folder / f"{digest_bytes(data)}.parquet"
        write_bytes(path, data)
        return path

    def compact(self, gone: frozenset[str] = frozenset()) -> None:
        """Merge all parts into one, without the files of some contents."""
        old = self._parts()
        if len(old) < 2 and gone.isdisjoint(self.digests()):
            return
        known = self.load()
        kept = known[~known[DIGEST].isin(gone)]
        merged = self.add(pa.Table.from_pandas(kept, SCHEMA, preserve_index=False))
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
