"""One row per image with what all tables say of it: for search, the report and ``Dataset[...]``.

A column of the table items keeps its name, one of another table is called ``table.column``
(``stats.width``). Of tables with several rows for an image a number is told: ``copies``,
``similarity.pairs``, ``similarity.highest``. A column is read and joined when it is first wanted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from imgvet.reasons import Reason
from imgvet.tables import (
    BY_NAME,
    COMPONENTS,
    CROPS,
    INVALID,
    ITEMS,
    OUTLIERS,
    SIMILARITY,
    STATS,
    Table,
    conform,
    empty,
    to_frame,
)
from imgvet.workdir import WorkDir

Rows = NDArray[np.int64]
Value = str | int | float | None
ColumnKind = Literal["text", "number"]

MAX_ID = 2**63 - 1
"""Greatest number that can be an id."""

COPIES, PAIRS, HIGHEST = "copies", "similarity.pairs", "similarity.highest"
"""Columns that are counted over tables."""

_JOINED = (STATS, OUTLIERS, COMPONENTS, INVALID, CROPS)
"""The tables with one row per image that are joined to items."""

_KINDS: Mapping[pa.DataType, ColumnKind] = {
    pa.string(): "text",
    pa.int64(): "number",
    pa.float64(): "number",
}
_REPEATED = ("id", "crop_id", "filename")
"""Columns of joined tables that the table items has."""


@dataclass(frozen=True)
class ImageColumn:
    """A column of the image table.

    Attributes:
        name: ``filename`` for a column of the table items, ``stats.width`` for one of another.
        kind: whether it holds text (string) or numbers (int64 or float64).
        meaning: what it holds, for a person.
    """

    name: str
    kind: ColumnKind
    meaning: str


_COUNTED = (
    ImageColumn(COPIES, "number", "images of the same content, itself included"),
    ImageColumn(PAIRS, "number", "pairs of the table similarity that the image is in"),
    ImageColumn(HIGHEST, "number", "greatest similarity of those pairs"),
)


class ImageTable:
    """The images of a run in the order of the table items; may be used from several threads.

    Attributes:
        columns: the columns by name, in order of the tables.
    """

    def __init__(self, tables: Mapping[str, ds.Dataset]) -> None:
        """Take the tables by name: items, and those of the others that there are."""
        self._tables = tables
        self._lock = threading.RLock()
        self._made: dict[str, Any] = {}
        self.columns: Mapping[str, ImageColumn] = {
            column.name: column for column in self._find_columns()
        }

    @classmethod
    def of_run(cls, work: WorkDir) -> ImageTable:
        """The images of a finished run, read from its work dir."""
        paths = {name: work.table(name) for name in BY_NAME}
        return cls({name: ds.dataset(path) for name, path in paths.items() if path.is_file()})

    @classmethod
    def of_frames(cls, frames: Mapping[str, pd.DataFrame]) -> ImageTable:
        """The images of tables in memory; tables and columns that are not given are null."""
        wanted = (ITEMS, SIMILARITY, *_JOINED)
        given = {
            table: frames[table.name] if table.name in frames else empty(table) for table in wanted
        }
        return cls(
            {table.name: ds.dataset(conform(frame, table)) for table, frame in given.items()}
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def ids(self) -> Rows:
        """The ids of the images, int64 (n,)."""
        return np.asarray(self["id"].to_numpy(), np.int64)

    def __getitem__(self, name: str) -> Any:
        """The values of a column: an Arrow array of int64, float64 or string, null if missing.

        Raises:
            KeyError: there is no such column.
        """
        self.columns[name]
        return self.keep(name, lambda: self._read(name))

    def keep(self, key: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, made once and then kept under a key."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]

    def rows_of(self, ids: Sequence[int] | Rows) -> Rows:
        """The rows of images, int64 (n,); -1 for ids that the run does not have."""
        wanted = np.asarray(ids, np.int64)
        if not len(self):
            return np.full(len(wanted), -1)
        order = self.keep("order of ids", lambda: np.argsort(self.ids, kind="stable"))
        place = np.searchsorted(self.ids, wanted, sorter=order)
        rows = order[np.minimum(place, len(order) - 1)]
        return np.where(self.ids[rows] == wanted, rows, -1)

    def values(self, names: Sequence[str], ids: Sequence[int] | Rows) -> list[tuple[Value, ...]]:
        """Some columns of some images, a tuple each, None if missing; unknown ids are left out."""
        rows = self.rows_of(ids)
        known = pa.array(rows[rows >= 0])
        return list(zip(*(self[name].take(known).to_pylist() for name in names), strict=True))

    def frame(self, names: Sequence[str], ids: Sequence[int] | Rows | None = None) -> pd.DataFrame:
        """Some columns as a frame with the index ``id``.

        Args:
            names: the columns.
            ids: the images in the order wanted, None for all; unknown ones have no values.
        """
        if ids is None:
            index, columns = self.ids, [self[name] for name in names]
        else:
            index, rows = np.asarray(ids, np.int64), self.rows_of(ids)
            present = pa.array(rows, mask=rows < 0)
            columns = [self[name].take(present) for name in names]
        frame = to_frame(pa.table(columns, names=list(names)))
        return frame.set_index(pd.Index(index, name="id"))

    def facts(self, item: int, names: Sequence[str] | None = None) -> dict[str, Value] | None:
        """What is known of one image, without missing values; None if there is no such image.

        Args:
            item: its id.
            names: the columns that are wanted; None for all.
        """
        row = int(self.rows_of([item])[0]) if abs(item) <= MAX_ID else -1
        if row < 0:
            return None
        wanted = self.columns if names is None else names
        values = {name: self[name][row].as_py() for name in wanted}
        return {name: value for name, value in values.items() if value is not None}

    def _find_columns(self) -> list[ImageColumn]:
        joined = (table for table in _JOINED if table.name in self._tables)
        counted = _COUNTED if SIMILARITY.name in self._tables else _COUNTED[:1]
        return [
            *self._columns_of(ITEMS),
            *(column for table in joined for column in self._columns_of(table)),
            *counted,
        ]

    def _columns_of(self, table: Table) -> Iterator[ImageColumn]:
        prefix, left_out = ("", ()) if table is ITEMS else (f"{table.name}.", _REPEATED)
        meanings = {column.name: column.meaning for column in table.columns}
        for field in self._tables[table.name].schema:
            kind = _KINDS.get(field.type)
            if kind is not None and field.name not in left_out:
                yield ImageColumn(prefix + field.name, kind, meanings.get(field.name, ""))

    def _read(self, name: str) -> Any:
        if name == COPIES:
            return self._count_copies()
        if name in (PAIRS, HIGHEST):
            return self.keep("pairs", self._count_pairs)[name]
        table, _, field = name.rpartition(".")
        values = self._column(table or ITEMS.name, field)
        return values.take(self._rows_in(table)) if table else values

    def _column(self, table: str, field: str) -> Any:
        return self._tables[table].to_table(columns=[field]).column(field).combine_chunks()

    def _rows_in(self, table: str) -> Any:
        """Of each image its row in another table (the first, if there are several), or null."""

        def find() -> Any:
            ids = self._column(table, "crop_id" if table == CROPS.name else "id")
            places = self.rows_of(ids.to_numpy())
            present = np.flatnonzero(places >= 0)[::-1]
            rows = np.full(len(self), -1, np.int64)
            rows[places[present]] = present
            return pa.array(rows, mask=rows < 0)

        return self.keep(f"rows of {table}", find)

    def _count_copies(self) -> Any:
        """Of each valid image the number of images with its content; null for the others."""
        content = self["digest"].dictionary_encode().indices
        known = pc.and_(pc.equal(self["status"], Reason.OK.value), content.is_valid())
        valid = known.to_numpy(zero_copy_only=False)
        codes = content.fill_null(0).to_numpy(zero_copy_only=False)
        counts = np.bincount(codes[valid], minlength=1)[np.where(valid, codes, 0)]
        return pa.array(counts.astype(np.int64), mask=~valid)

    def _count_pairs(self) -> dict[str, Any]:
        """Of each image the number of its pairs and their greatest similarity."""
        names = ["from", "to", "similarity"]
        pairs = self._tables[SIMILARITY.name].to_table(columns=names)
        first, second, similarity = (pairs.column(name).to_numpy() for name in names)
        rows = self.rows_of(np.concatenate([first, second]))
        known = rows >= 0
        counts = np.bincount(rows[known], minlength=len(self)).astype(np.int64)
        highest = np.full(len(self), -np.inf)
        np.maximum.at(highest, rows[known], np.tile(similarity, 2)[known])
        return {PAIRS: pa.array(counts), HIGHEST: pa.array(highest, mask=counts == 0)}
