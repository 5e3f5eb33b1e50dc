"""Packs: immutable files of about a thousand items each, keyed by content digest.

A pack is a Parquet file with a column ``digest`` and the results of those contents; a pack of
thumbnails has a second file with their bytes, back to back. Packs of one kind and version lie in
one folder. The Parquet file is renamed into place last, so a pack is complete or absent, and its
name is made of its digests, so writing it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.errors import StaleReferenceError
from imgvet.tables import read_if_sound
from imgvet.workdir import write_atomically

PACK_ITEMS = 1000
"""Items in one pack: the unit of work, of retry and of resuming."""

DIGEST = "digest"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Packs:
    """All packs of one kind and version.

    Attributes:
        folder: where they lie.
        with_blobs: whether each pack has a second file with bytes.
    """

    folder: Path
    with_blobs: bool = False

    def write(self, rows: pa.Table, blobs: Sequence[bytes] | None = None) -> str:
        """Write one pack and return its name.

        Args:
            rows: the results, with a column ``digest``.
            blobs: bytes that are stored back to back beside them.
        """
        name = _pack_name(rows.column(DIGEST).to_pylist())
        if blobs is not None:
            write_atomically(self.blob_path(name), lambda path: path.write_bytes(b"".join(blobs)))
        write_atomically(self._table_path(name), lambda path: _write_rows(rows, path))
        return name

    def names(self) -> list[str]:
        """The names of all complete packs, sorted."""
        try:
            files = {path.name for path in self.folder.iterdir()}
        except FileNotFoundError:
            return []
        names = sorted(name.removesuffix(".parquet") for name in files if _is_table(name))
        return [name for name in names if not self.with_blobs or f"{name}.bin" in files]

    def digests(self) -> set[str]:
        """The content digests that some pack holds."""
        return set().union(*self.digests_by_name().values())

    def digests_by_name(self) -> dict[str, frozenset[str]]:
        """The content digests that each pack holds."""
        paths = {name: self._table_path(name) for name in self.names()}
        return {name: _digests_of(path, path.stat().st_mtime_ns) for name, path in paths.items()}

    def read(self, columns: list[str] | None = None) -> pa.Table | None:
        """The rows of all packs, with the pack's name in a column ``pack``; None if there is none.

        A digest that stands in two packs keeps its first row.
        """
        while True:
            try:
                found = [self.read_one(name, columns) for name in self.names()]
            except FileNotFoundError:
                continue  # A run in another process has merged packs: they are listed anew.
            parts = [rows for rows in found if rows is not None]
            return pa.concat_tables(parts) if parts else None

    def read_one(self, name: str, columns: list[str] | None = None) -> pa.Table | None:
        """The rows of one pack, with its name in a column ``pack``; None if it is damaged."""
        rows = _read_or_remove(self._table_path(name), columns)
        if rows is None:
            return None
        return rows.append_column("pack", pa.array([name] * rows.num_rows, pa.string()))

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """The rows of one pack after the other."""
        found = (_read_or_remove(self._table_path(name), columns) for name in self.names())
        return (rows for rows in found if rows is not None)

    def remove(self, names: Iterable[str]) -> None:
        """Remove some packs."""
        for name in names:
            self._table_path(name).unlink(missing_ok=True)
            self.blob_path(name).unlink(missing_ok=True)

    def remove_remains(self) -> None:
        """Remove the files that an interruption left and that belong to no complete pack."""
        names = set(self.names())
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.stem not in names:
                path.unlink(missing_ok=True)

    def require(self, wanted: Iterable[str], held: Container[str]) -> None:
        """Refuse to go on without what some pack should hold.

        Args:
            wanted: content digests.
            held: those that were found in the packs.

        Raises:
            StaleReferenceError: some are missing.
        """
        missing = sum(digest not in held for digest in wanted)
        if missing:
            raise StaleReferenceError(
                f"The stored results of {missing:,} images in {self.folder.name} are gone",
                "Run again: they are computed anew",
            )

    def blob_path(self, name: str) -> Path:
        """The file of a pack's bytes."""
        return self.folder / f"{name}.bin"

    def _table_path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"


@lru_cache(maxsize=4096)
def _digests_of(path: Path, mtime_ns: int) -> frozenset[str]:  # noqa: ARG001
    """The digests of one pack, remembered because packs never change; a rewritten one is new."""
    rows = _read_or_remove(path, [DIGEST])
    return frozenset(rows.column(DIGEST).to_pylist()) if rows is not None else frozenset()


def _read_or_remove(path: Path, columns: list[str] | None) -> pa.Table | None:
    """The rows of a pack; a damaged pack is removed, so that its items are computed again.

    Raises:
        OSError: it can't be read now, and stays.
    """
    rows = read_if_sound(path, columns)
    if rows is None:
        _logger.warning("The pack %s is damaged, its items are computed again", path)
        path.unlink(missing_ok=True)
    return rows


def _is_table(name: str) -> bool:
    return name.endswith(".parquet") and not name.startswith(".")


def _pack_name(digests: Iterable[str]) -> str:
    state = hashlib.blake2b(digest_size=12)
    for digest in digests:
        state.update(digest.encode())
    return state.hexdigest()


def _write_rows(rows: pa.Table, path: Path) -> None:
    pq.write_table(rows, path, compression="none", use_dictionary=False)
