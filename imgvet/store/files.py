"""The file index: which content a file had when it was last read.

An unchanged file is recognised by path, size, time and version without reading it. Shards add
small parts while they run, so that a killed run loses little; a finished run merges them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.store.references import digest_bytes
from imgvet.workdir import WorkDir, write_atomically

SCHEMA = pa.schema(
    [
        ("filename", pa.string()),
        ("file_size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("version", pa.string()),
        ("digest", pa.string()),
    ]
)


class FileKey(NamedTuple):
    """What an unchanged file is recognised by.

    Attributes:
        filename: absolute path or URI.
        file_size: bytes.
        mtime_ns: time of the last change in nanoseconds since 1970.
        version: what the source calls this version of the content, such as an ETag; may be empty.
    """

    filename: str
    file_size: int
    mtime_ns: int
    version: str = ""


SETTLED_NS = 2_000_000_000
"""A file changed less than this long before it was read could change again within one tick of a
coarse file system's clock, so it is not remembered (2 s is the tick of FAT)."""


@dataclass(frozen=True)
class FileIndex:
    """The index of one store."""

    folder: Path

    @classmethod
    def of(cls, work: WorkDir) -> FileIndex:
        """The index in the store of a work dir."""
        return cls(work.store / "files")

    def load(self) -> dict[FileKey, str]:
        """Content digest by file key."""
        known: dict[FileKey, str] = {}
        for path in self._parts():
            rows = pq.read_table(path)
            *keys, digests = (rows.column(name).to_pylist() for name in SCHEMA.names)
            known.update(zip(map(FileKey, *keys), digests, strict=True))
        return known

    def add(self, known: dict[FileKey, str]) -> None:
        """Add one part."""
        if known:
            self._write(known)

    def digests(self) -> set[str]:
        """The content digests that some file had."""
        return {
            digest
            for path in self._parts()
            for digest in pq.read_table(path, columns=["digest"]).column("digest").to_pylist()
        }

    def compact(self, gone: frozenset[str] = frozenset()) -> None:
        """Merge all parts into one, without the files of some contents."""
        old = self._parts()
        if len(old) < 2 and gone.isdisjoint(self.digests()):
            return
        known = {key: digest for key, digest in self.load().items() if digest not in gone}
        merged = self._write(known) if known else None
        for path in old:
            if path != merged:
                path.unlink(missing_ok=True)

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet"))

    def _write(self, known: dict[FileKey, str]) -> Path:
        keys = sorted(known)
        columns = [list(values) for values in zip(*keys, strict=True)]
        rows = pa.table([*columns, [known[key] for key in keys]], schema=SCHEMA)
        name = digest_bytes("\n".join(f"{key}{known[key]}" for key in keys).encode())
        path = self.folder / f"{name}.parquet"
        write_atomically(path, lambda temporary: pq.write_table(rows, temporary))
        return path


@dataclass(frozen=True)
class FileToRead:
    """A file whose content is not known or not measured yet."""

    id: int
    filename: str
    file_size: int | None
    mtime_ns: int | None
    version: str = ""

    @property
    def key(self) -> FileKey:
        """What the file is recognised by when it is listed again."""
        return FileKey(self.filename, self.file_size or 0, self.mtime_ns or 0, self.version)


FILE_COLUMNS = tuple(field.name for field in fields(FileToRead))
"""The columns of a listing that a file to read is made of."""
