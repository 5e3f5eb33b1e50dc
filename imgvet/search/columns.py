"""The tables of a run as one wide table with a row per image, each column read when it is wanted.

A column of another table than items is called ``table.column``. Tables with several rows for an
image (similarity) are counted instead: ``similarity.pairs`` and ``similarity.highest``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from imgvet.search.query import Column, Kind
from imgvet.tables import BY_NAME, ITEMS, SIMILARITY
from imgvet.workdir import WorkDir

Places = NDArray[np.int64]

MAX_ID = 2**63 - 1
"""Greatest number that can be an id."""

COPIES = "copies"
"""Column of the number of images with the same content, the image included."""

PAIRS, HIGHEST = "similarity.pairs", "similarity.highest"
"""Columns made of the table similarity."""

_ID_COLUMNS = ("id", "crop_id")
_UNWANTED = ("filename",)  # other tables repeat it


@dataclass(frozen=True)
class _Source:
    """Where a column comes from, and how it is read."""

    column: Column
    read: Callable[[], Any]


class Columns:
    """The columns of a finished run; may be used from several threads.

    Attributes:
        known: the columns by name, in order of the tables.
    """

    def __init__(self, work: WorkDir) -> None:
        self._work = work
        self._lock = threading.RLock()
        self._ready: dict[str, Any] = {}
        self._sources = {source.column.name: source for source in self._found()}
        self.known: Mapping[str, Column] = {
            name: source.column for name, source in self._sources.items()
        }

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def ids(self) -> Places:
        """The ids of the images, int64 (n,), in order of the table items."""
        return np.asarray(self["id"].to_numpy(), np.int64)

    def __getitem__(self, name: str) -> Any:
        """The values of a column as an Arrow array: int64, float64 or string, null if missing."""
        return self.cached(name, self._sources[name].read)

    def cached(self, name: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, made once and then kept under a name."""
        with self._lock:
            if name not in self._ready:
                self._ready[name] = make()
            return self._ready[name]

    def place_of(self, item: int) -> int | None:
        """The row of an image, None if the run has no such image."""
        if abs(item) > MAX_ID:
            return None
        place = int(self.places_of(np.array([item], np.int64))[0])
        return place if place >= 0 else None

    def places_of(self, ids: Places) -> Places:
        """The rows of images, int64 (n,); -1 for ids that the run does not have."""
        order = self.cached("order of ids", lambda: np.argsort(self.ids, kind="stable"))
        place = np.searchsorted(self.ids, ids, sorter=order)
        rows = order[np.minimum(place, len(order) - 1)] if len(order) else np.full(len(ids), -1)
        return np.where(self.ids[rows] == ids, rows, -1) if len(order) else rows

    def _found(self) -> list[_Source]:
        found = []
        for path in sorted(self._work.tables.glob("*.parquet"), key=_rank):
            schema = pq.read_schema(path)
            id_column = next((name for name in _ID_COLUMNS if name in schema.names), None)
            if id_column is not None:
                found += self._of_table(path, schema, id_column)
        return found + self._counted()

    def _of_table(self, path: Path, schema: pa.Schema, id_column: str) -> list[_Source]:
        """The columns of a table with one row per image."""
        table = path.stem
        is_items = table == ITEMS.name
        known = BY_NAME.get(table)
        meanings = {column.name: column.meaning for column in known.columns} if known else {}
        sources = []
        for field in schema:
            kind = _kind(field.type)
            if kind is None or (not is_items and field.name in (id_column, *_UNWANTED)):
                continue
            name = field.name if is_items else f"{table}.{field.name}"
            column = Column(name, kind, meanings.get(field.name, ""))
            sources.append(_Source(column, self._reader(path, field.name, id_column)))
        return sources

    def _reader(self, path: Path, name: str, id_column: str) -> Callable[[], Any]:
        def read() -> Any:
            values = _plain(pq.read_table(path, columns=[name]).column(name))
            if path.stem == ITEMS.name:
                return values
            return values.take(self._rows_in(path, id_column))

        return read

    def _rows_in(self, path: Path, id_column: str) -> Any:
        """Of each image the row in another table (the first, if there are several), or null."""

        def make() -> Any:
            ids = pq.read_table(path, columns=[id_column]).column(id_column).to_numpy()
            places = self.places_of(np.asarray(ids, np.int64))
            rows = np.full(len(self), -1, np.int64)
            present = np.flatnonzero(places >= 0)[::-1]
            rows[places[present]] = present
            return pa.array(rows, mask=rows < 0)

        return self.cached(f"rows of {path.stem}", make)

    def _counted(self) -> list[_Source]:
        """Columns that are counted over a table."""
        return [
            _Source(
                Column(COPIES, "number", "images of the same content, itself included"),
                self._copies,
            ),
            _Source(
                Column(PAIRS, "number", "pairs of the table similarity that the image is in"),
                lambda: self._pairs()[0],
            ),
            _Source(
                Column(HIGHEST, "number", "greatest similarity of those pairs"),
                lambda: self._pairs()[1],
            ),
        ]

    def _copies(self) -> Any:
        rows = self["embedding_row"].to_numpy(zero_copy_only=False)
        there = np.isfinite(rows.astype(np.float64))
        counts = np.zeros(len(self), np.int64)
        content = rows[there].astype(np.int64)
        counts[there] = np.bincount(content)[content] if len(content) else 0
        return pa.array(counts, mask=~there)

    def _pairs(self) -> tuple[Any, Any]:
        return self.cached("pairs", self._count_pairs)

    def _count_pairs(self) -> tuple[Any, Any]:
        """Of each image the number of its pairs and their greatest similarity."""
        columns = ["from", "to", "similarity"]
        pairs = pq.read_table(self._work.table(SIMILARITY.name), columns=columns)
        first, second, similarity = (pairs.column(name).to_numpy() for name in columns)
        places = self.places_of(np.concatenate([first, second]).astype(np.int64))
        known = places >= 0
        counts = np.bincount(places[known], minlength=len(self)).astype(np.int64)
        highest = np.full(len(self), -np.inf)
        np.maximum.at(highest, places[known], np.tile(similarity, 2)[known])
        return pa.array(counts), pa.array(highest, mask=counts == 0)


def _rank(path: Path) -> tuple[int, str]:
    """Tables in the order of the catalogue, items first."""
    names = list(BY_NAME)
    return (names.index(path.stem) if path.stem in names else len(names), path.stem)


def _kind(kind: pa.DataType) -> Kind | None:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return "number"
    return None


def _plain(column: pa.ChunkedArray) -> Any:
    """One array of int64, float64 or string; not a number becomes null."""
    kind = column.type
    if pa.types.is_floating(kind):
        return pa.array(column.to_numpy().astype(np.float64), from_pandas=True)
    wanted = pa.string() if _kind(kind) == "text" else pa.int64()
    whole = column.cast(wanted).combine_chunks()
    return whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
