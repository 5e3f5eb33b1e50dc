"""Packs: immutable files of about a thousand items each, keyed by content digest.

A pack is a Parquet file with a column ``digest`` and the results of those contents; a pack of
measures has a second file with their thumbnails, back to back. Packs of one kind and version lie
in one folder. The Parquet file is renamed into place last, so a pack is complete or absent, and
its name is made of its digests, so writing it twice changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.errors import StaleReferenceError
from imgvet.store.references import digest_bytes
from imgvet.tables import read_if_sound
from imgvet.workdir import write_atomically

PACK_ITEMS = 1000
"""Items in one pack: the unit of work, of retry and of resuming."""

DIGEST = "digest"
THUMBNAIL_PLACE = ("thumbnail_offset", "thumbnail_size")
"""Columns of a pack with thumbnails: where each one begins in the second file, and its bytes."""

PLACE_COLUMNS = [DIGEST, "pack", *THUMBNAIL_PLACE]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Packs:
    """All packs of one kind and version; those with thumbnails have a second file each."""

    folder: Path
    with_thumbnails: bool = False

    def write(self, rows: pa.Table, thumbnails: Sequence[bytes] | None = None) -> str:
        """Write one pack, with a thumbnail for each row if it holds them, and return its name."""
        name = pack_name(rows)
        if thumbnails is not None:
            sizes = np.array([len(thumbnail) for thumbnail in thumbnails], np.int64)
            places = dict(zip(THUMBNAIL_PLACE, (np.cumsum(sizes) - sizes, sizes), strict=True))
            rows = pa.table(dict(zip(rows.column_names, rows.columns, strict=True)) | places)
            joined = b"".join(thumbnails)
            write_atomically(self.thumbnails_path(name), lambda path: path.write_bytes(joined))
        write_atomically(
            self.table_path(name),
            lambda path: pq.write_table(
                rows, path, compression="none", use_dictionary=False, write_page_checksum=True
            ),
        )
        return name

    def names(self) -> list[str]:
        """The names of all complete packs, sorted."""
        try:
            files = {path.name for path in self.folder.iterdir()}
        except FileNotFoundError:
            return []
        tables = (name for name in files if name.endswith(".parquet") and name[0] != ".")
        names = sorted(name.removesuffix(".parquet") for name in tables)
        return [name for name in names if not self.with_thumbnails or f"{name}.bin" in files]

    def digests(self) -> set[str]:
        """The content digests that some pack holds."""
        return set().union(*self.digests_by_name().values())

    def hold(self, digests: pd.Series) -> pd.Series:
        """Which of some content digests some pack holds; none holds what is missing."""
        # As objects: text in Arrow's arrays is compared after converting each value by itself.
        return digests.astype(object).isin(self.digests())

    def digests_by_name(self) -> dict[str, frozenset[str]]:
        """The content digests that each pack holds."""
        paths = {name: self.table_path(name) for name in self.names()}
        return {name: _digests_of(path, path.stat().st_mtime_ns) for name, path in paths.items()}

    def read(self, columns: list[str]) -> pa.Table:
        """The rows of all packs, with the pack's name in a column ``pack``.

        Where packs were being merged, a content may stand in two of them, with the same results.
        """
        while True:
            try:
                tables = list(self.tables(self.names(), columns))
            except FileNotFoundError:
                continue  # A run in another process has merged packs: they are listed anew.
            nothing = pa.table({name: [] for name in [*columns, "pack"]})
            return pa.concat_tables(tables) if tables else nothing

    def tables(self, names: Iterable[str], columns: list[str] | None = None) -> Iterator[pa.Table]:
        """The rows of one pack after the other, each with its name in a column ``pack``."""
        tables = (self.read_one(name, columns) for name in names)
        return (rows for rows in tables if rows is not None)

    def read_one(self, name: str, columns: list[str] | None = None) -> pa.Table | None:
        """The rows of one pack, with its name in a column ``pack``; None if it is damaged."""
        rows = _read_or_remove(self.table_path(name), columns)
        if rows is None:
            return None
        return rows.append_column("pack", pa.array([name] * rows.num_rows, pa.string()))

    def keep_only(self, names: Container[str]) -> None:
        """Remove all but these packs, and what an interruption left."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.stem not in names:
                path.unlink(missing_ok=True)

    def require(self, digests: Iterable[str], held: Container[str]) -> None:
        """Raise StaleReferenceError if some of the digests that are needed are not held."""
        missing = sum(digest not in held for digest in digests)
        if missing:
            raise StaleReferenceError(
                f"The stored results of {missing:,} images in {self.folder.name} are gone",
                "Run again: they are computed anew",
            )

    def thumbnails_path(self, name: str) -> Path:
        """The file of a pack's thumbnails."""
        return self.folder / f"{name}.bin"

    def table_path(self, name: str) -> Path:
        """The file of a pack's rows."""
        return self.folder / f"{name}.parquet"


def pack_name(rows: pa.Table) -> str:
    """What the pack with these rows is called."""
    digests = "".join(rows.column(DIGEST).to_pylist())
    return digest_bytes(digests.encode(), 12)


@cache
def _digests_of(path: Path, mtime_ns: int) -> frozenset[str]:  # noqa: ARG001
    """The digests of one pack, remembered because packs never change; a rewritten one is new."""
    rows = _read_or_remove(path, [DIGEST])
    return frozenset(rows.column(DIGEST).to_pylist()) if rows is not None else frozenset()


def _read_or_remove(path: Path, columns: list[str] | None) -> pa.Table | None:
    """The rows of a pack; a damaged one is removed, one that can't be read now (OSError) stays."""
    rows = read_if_sound(path, columns)
    if rows is None:
        _logger.warning("The pack %s is damaged, its items are computed again", path)
        path.unlink(missing_ok=True)
    return rows


class ThumbnailPlace(NamedTuple):
    """Where the thumbnail of one content lies; offset and size are in bytes."""

    digest: str
    pack: str
    offset: int
    size: int


def places_in(rows: pa.Table | pd.DataFrame) -> list[ThumbnailPlace]:
    """The places in a table with the columns of :data:`PLACE_COLUMNS`."""
    frame = rows if isinstance(rows, pd.DataFrame) else rows.select(PLACE_COLUMNS).to_pandas()
    return list(map(ThumbnailPlace, *(frame[name].tolist() for name in PLACE_COLUMNS)))


def read_thumbnail(packs: Packs, place: ThumbnailPlace) -> bytes:
    """JPEG bytes; StaleReferenceError if the pack has been merged, removed or cut since."""
    try:
        with packs.thumbnails_path(place.pack).open("rb") as stream:
            stream.seek(place.offset)
            data = stream.read(place.size)
    except FileNotFoundError:
        data = b""
    if len(data) != place.size:
        raise StaleReferenceError(
            f"The thumbnails of pack {place.pack} are damaged",
            "Delete the store folder and run again",
        )
    return data


class Thumbnails:
    """Reads thumbnails by content digest, from several threads; a million places take 0.1 GB."""

    def __init__(self, packs: Packs) -> None:
        self._packs = packs
        places = packs.read([DIGEST, *THUMBNAIL_PLACE]).sort_by(DIGEST)
        self._columns = [places.column(name).combine_chunks() for name in PLACE_COLUMNS]
        self._digests = np.array(self._columns[0].to_pylist(), np.bytes_)

    def read(self, digest: str) -> bytes | None:
        """JPEG bytes, None if there are none; raises as :func:`read_thumbnail`."""
        wanted = digest.encode("ascii", "replace")
        at = int(np.searchsorted(self._digests, np.bytes_(wanted)))
        if self._digests[at : at + 1].tolist() != [wanted]:
            return None
        place = ThumbnailPlace(*(column[at].as_py() for column in self._columns))
        return read_thumbnail(self._packs, place) if place.size else None
