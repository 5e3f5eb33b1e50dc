"""One row per image with what all tables say of it: for search, the report and ``Dataset[...]``.

A column of the table items keeps its name, one of another table is called ``table.column``
(``stats.width``). What is worked out of several rows or columns stands beside them: ``copies``,
``pixels``, ``similarity.pairs``, ... A column is read and joined when it is first wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from imgvet.reasons import Reason
from imgvet.similarity.videos import open_pairs, still_frames
from imgvet.sources.listing import shared_folder
from imgvet.tables import (
    BY_NAME,
    COMPONENTS,
    CROPS,
    INVALID,
    ITEMS,
    LABEL_ISSUES,
    LEAKS,
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
SIZE = ("width", "height")
COPIES, PAIRS, HIGHEST = "copies", "similarity.pairs", "similarity.highest"
RELATION = "similarity.relation"
PIXELS, SIDES, LEAKING = "pixels", "sides", "leaks.pairs"
"""Columns that no table has."""
ISSUE = "label_issues.is_issue"

_JOINED = (STATS, OUTLIERS, COMPONENTS, INVALID, CROPS, LABEL_ISSUES)
"""The tables with one row per image that are joined to items."""

_REPEATED = ("id", "crop_id", "filename")
"""Columns of joined tables that the table items has."""

_KINDS: Mapping[pa.DataType, ColumnKind] = {
    pa.string(): "text",
    pa.int64(): "number",
    pa.float64(): "number",
    pa.bool_(): "text",
}


@dataclass(frozen=True)
class ImageColumn:
    """A column of the image table; its meaning is for a person."""

    name: str
    kind: ColumnKind
    meaning: str


_DERIVED: Mapping[Table, tuple[ImageColumn, ...]] = {
    ITEMS: (
        ImageColumn(
            COPIES,
            "number",
            "images of the same content, itself included; none of a frame "
            "that repeats an earlier one of its video",
        ),
    ),
    STATS: (
        ImageColumn(PIXELS, "number", "width times height"),
        ImageColumn(SIDES, "number", "the longer side as a multiple of the shorter"),
    ),
    SIMILARITY: (
        ImageColumn(
            PAIRS,
            "number",
            "near duplicates: pairs with images of other content and no other frame of its video",
        ),
        ImageColumn(HIGHEST, "number", "greatest similarity of those pairs"),
        ImageColumn(RELATION, "text", "what the most alike of those images has to do with it"),
    ),
    LEAKS: (ImageColumn(LEAKING, "number", "pairs with images of another split"),),
}
"""What is worked out of a table, where there is that table."""

NAMES = ("filename", "label", "split")
"""What a person knows an image by."""

FRAME = ("path", "member", "time_ms", "digest")
"""What tells of which video an image is a frame, and which others show the same."""

ID_COLUMNS = ("id", "from", "to", "nearest", "representative")
"""The columns of tables that hold ids of images."""


class ImageTable:
    """The images of a run in the order of the table items; may be used from several threads."""

    def __init__(self, tables: Mapping[str, ds.Dataset]) -> None:
        """Take items, and those of the other tables that there are, by name."""
        self._tables = tables
        self._values, self._rows_in = cache(self._read), cache(self._find_rows)
        self.columns = {column.name: column for column in self._find_columns()}

    @classmethod
    def of_run(cls, work: WorkDir) -> ImageTable:
        """The images of a finished run, read from its work dir."""
        paths = {name: work.table(name) for name in BY_NAME}
        return cls({name: ds.dataset(path) for name, path in paths.items() if path.is_file()})

    @classmethod
    def of_frames(cls, frames: Mapping[str, pd.DataFrame]) -> ImageTable:
        """The images of tables in memory; tables and columns that are not given are null."""
        tables = (ITEMS, SIMILARITY, *_JOINED)
        given = {table: frames.get(table.name, empty(table)) for table in tables}
        return cls({table.name: ds.dataset(conform(rows, table)) for table, rows in given.items()})

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def ids(self) -> Rows:
        """The ids of the images, int64 (n,)."""
        return np.asarray(self["id"].to_numpy(), np.int64)

    @cached_property
    def root(self) -> str:
        """The folder that all files that are there share, ending in its separator, or empty."""
        there = pc.not_equal(self["status"], Reason.MISSING.value)
        ends = pc.min_max(self["filename"].filter(there)).as_py()
        return shared_folder(end or "" for end in ends.values())

    def __getitem__(self, name: str) -> Any:
        """A column as an Arrow array (int64, float64, bool, string); KeyError if there is none."""
        self.columns[name]
        return self._values(name)

    def rows_of(self, ids: Sequence[int] | Rows) -> Rows:
        """The rows of images, int64 (n,); -1 for ids that the run does not have."""
        return np.asarray(self._index.get_indexer(pd.Index(ids, dtype=np.int64)), np.int64)

    def values(self, names: Sequence[str], ids: Sequence[int] | Rows) -> list[tuple[Value, ...]]:
        """Some columns of some images, a tuple each, None if missing; unknown ids are left out."""
        rows = self.rows_of(ids)
        known = pa.array(rows[rows >= 0])
        return list(zip(*(self[name].take(known).to_pylist() for name in names), strict=True))

    def frame(self, names: Sequence[str], ids: Sequence[int] | Rows | None = None) -> pd.DataFrame:
        """Some columns of some images or all, by ``id``; unknown ids have no values."""
        wanted = self.ids if ids is None else np.asarray(ids, np.int64)
        rows = self.rows_of(wanted)
        present = pa.array(rows, mask=rows < 0)
        columns = [self[name].take(present) for name in names]
        return to_frame(pa.table(columns, names=list(names))).set_index(pd.Index(wanted, name="id"))

    def facts(self, item: int, names: Sequence[str] | None = None) -> dict[str, Value] | None:
        """What (all or some) columns know of an image, if there is one, without missing values."""
        wanted = list(self.columns if names is None else names)
        for values in self.values(wanted, [item] if abs(item) <= MAX_ID else []):
            known = zip(wanted, values, strict=True)
            return {name: value for name, value in known if value is not None}
        return None

    def _find_columns(self) -> Iterator[ImageColumn]:
        for table in (ITEMS, *_JOINED):
            prefix, left_out = ("", ()) if table is ITEMS else (f"{table.name}.", _REPEATED)
            meanings = {column.name: column.meaning for column in table.columns}
            for field in self._tables[table.name].schema if table.name in self._tables else ():
                kind = _KINDS.get(field.type)
                if kind is not None and field.name not in left_out:
                    yield ImageColumn(prefix + field.name, kind, meanings.get(field.name, ""))
        for table, columns in _DERIVED.items():
            yield from columns if table.name in self._tables else ()

    def _read(self, name: str) -> Any:
        if name == COPIES:
            return self._count_copies()
        if name in (PIXELS, SIDES):
            return self._measure(name)
        if name in (PAIRS, HIGHEST, RELATION):
            return self._pairs[name]
        if name == LEAKING:
            ends = [self._stored(LEAKS.name, end).to_numpy() for end in ("from", "to")]
            return pa.array(self._counted(np.concatenate(ends)))
        table, _, field = name.rpartition(".")
        values = self._stored(table or ITEMS.name, field)
        return values.take(self._rows_in(table)) if table else values

    def _stored(self, table: str, field: str) -> Any:
        return self._tables[table].to_table(columns=[field]).column(field).combine_chunks()

    @cached_property
    def _index(self) -> pd.Index:
        return pd.Index(self.ids)

    def _find_rows(self, table: str) -> Any:
        """Of each image its row in another table (the first, if there are several), or null."""
        ids = self._stored(table, "crop_id" if table == CROPS.name else "id")
        places = self.rows_of(ids.to_numpy())
        present = np.flatnonzero(places >= 0)[::-1]
        rows = np.full(len(self), -1, np.int64)
        rows[places[present]] = present
        return pa.array(rows, mask=rows < 0)

    def _count_copies(self) -> Any:
        """Of valid images the number with their content; null for the others and still frames."""
        still = still_frames(self.frame(FRAME))
        counts = pc.and_(pc.equal(self["status"], Reason.OK.value), pa.array(~still))
        codes = pc.if_else(counts, self["digest"], None).dictionary_encode().indices
        return pa.array(np.bincount(codes.drop_null()), pa.int64()).take(codes)

    def _measure(self, name: str) -> Any:
        width, height = (pc.cast(self[f"stats.{side}"], pa.float64()) for side in SIZE)
        if name == PIXELS:
            return pc.cast(pc.multiply(width, height), pa.int64())
        sides = pc.max_element_wise(width, height, skip_nulls=False)
        return pc.divide(sides, pc.min_element_wise(width, height, skip_nulls=False))

    def _counted(self, ids: Rows) -> Rows:
        """How often each image is named, (n,)."""
        rows = self.rows_of(ids)
        return np.bincount(rows[rows >= 0], minlength=len(self))

    @cached_property
    def _pairs(self) -> dict[str, Any]:
        written = to_frame(self._tables[SIMILARITY.name].to_table())
        pairs = to_frame(conform(written, SIMILARITY))  # an earlier version had fewer columns
        near = open_pairs(pairs, self.frame(FRAME), "near")
        ends = near.melt(["similarity", "relation"], ["from", "to"], value_name="id")
        best = ends.sort_values("similarity", ascending=False, kind="stable").drop_duplicates("id")
        best = best.set_index("id").reindex(self.ids)
        return {
            PAIRS: pa.array(self._counted(ends["id"].to_numpy())),
            HIGHEST: pa.array(best["similarity"], pa.float64(), from_pandas=True),
            RELATION: pa.array(best["relation"], pa.string(), from_pandas=True),
        }


def with_names(rows: pd.DataFrame, images: ImageTable) -> pd.DataFrame:
    """Rows of a table, and what the images are called whose ids are in its :data:`ID_COLUMNS`.

    Names of the column ``id`` are called as they are, those of another column x ``filename_x``.
    """
    columns = [column for column in ID_COLUMNS if column in rows]
    ids = pd.unique(rows[columns].to_numpy(np.float64, na_value=np.nan).ravel())
    known = images.frame(NAMES, ids[np.isfinite(ids)])
    added = {
        name if column == "id" else f"{name}_{column}": rows[column].map(known[name])
        for column in columns
        for name in NAMES
        if not (column == "id" and name in rows)
    }
    texts = dict.fromkeys(added, known["filename"].dtype)  # also where there are no rows
    return rows.assign(**added).astype(texts)
