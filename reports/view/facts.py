"""Everything that is known of an image, as rows for the page's script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import METRICS
from imgvet.tables import BY_NAME, empty

Value = str | int | float | None

_METRICS = tuple(metric for metric in METRICS if metric.name != "file_size")


@dataclass(frozen=True)
class FactColumn:
    """One fact: its key, its name for a person, how it is written, and its unit.

    ``form`` is text, bytes, count, number or similarity.
    """

    key: str
    title: str
    form: str
    unit: str = ""


_OWN_COLUMNS = (
    FactColumn("filename", "File", "text"),
    FactColumn("label", "Label", "text"),
    FactColumn("split", "Split", "text"),
    FactColumn("status", "Status", "text"),
    FactColumn("file_size", "File size", "bytes"),
    FactColumn("copies", "Files with these bytes", "count"),
    FactColumn("component_id", "Component", "count"),
    FactColumn("count", "Images in the component", "count"),
    FactColumn("nearest_similarity", "Similarity to its nearest neighbour", "similarity"),
    FactColumn("score", "Outlier score", "number"),
)

COLUMNS: tuple[FactColumn, ...] = (
    *_OWN_COLUMNS,
    *(
        FactColumn(m.name, m.title, "count" if m.integer else "number", m.unit)
        for m in _METRICS
    ),
    FactColumn("digest", "Content digest", "text"),
)  # fmt: skip
"""Every fact, in the order in which a person reads them."""


class Facts:
    """Looks up what is known of images."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Take the tables of a run; those that are missing say nothing."""
        joined = _joined(tables)
        self._frame = joined
        self.columns = tuple(
            column
            for column in COLUMNS
            if column.key == "filename"
            or (column.key in joined.columns and joined[column.key].notna().any())
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`rows`, ``id`` first."""
        return ("id", *(column.key for column in self.columns))

    def rows(self, ids: Iterable[int]) -> list[list[Value]]:
        """The facts of images, without those that no image has: :attr:`keys` says which."""
        chosen = self._frame.reindex(pd.Index(list(ids), dtype="int64"))
        values = [chosen.index.tolist()]
        values += [_plain(chosen[column.key]) for column in self.columns]
        return [list(row) for row in zip(*values, strict=True)]

    def frame(self, ids: Iterable[int]) -> pd.DataFrame:
        """The facts of images as a frame with the index ``id``."""
        return self._frame.reindex(pd.Index(list(ids), dtype="int64"))


def _joined(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    items = _table(tables, "items").set_index("id")
    known = items[["filename", "label", "split", "status", "digest", "file_size"]].copy()
    known["copies"] = items.groupby("digest")["digest"].transform("size")
    stats = _table(tables, "stats").set_index("id")
    components = _table(tables, "components").set_index("id")
    outliers = _table(tables, "outliers").set_index("id")
    parts = (
        stats[[m.name for m in _METRICS if m.name in stats.columns]],
        components[["component_id", "count"]].astype("Int64"),
        outliers[["similarity", "score"]].rename(columns={"similarity": "nearest_similarity"}),
    )
    for part in parts:
        known = known.join(part[~part.index.duplicated()])
    return known


def _table(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    return tables[name] if name in tables else empty(BY_NAME[name])


def _plain(column: pd.Series) -> list[Any]:
    """Values that JSON has: text, whole numbers, numbers of five significant digits, or null."""
    missing = column.isna().to_numpy()
    if column.dtype == object or pd.api.types.is_string_dtype(column.dtype):
        values = column.tolist()
    else:
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        missing = missing | ~np.isfinite(numbers)
        rounded = _five_digits(np.where(missing, 0.0, numbers))
        whole = bool(np.all(rounded == np.rint(rounded)))
        values = (rounded.astype(np.int64) if whole else rounded).tolist()
    for row in np.flatnonzero(missing).tolist():
        values[row] = None
    return values


def _five_digits(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rounded to five significant digits; whole numbers, and those over 10,000, to whole ones."""
    size = np.floor(np.log10(np.maximum(np.abs(numbers), 1e-12)))
    factor = 10.0 ** np.clip(4 - size, 0, 16)
    return np.where(numbers == np.rint(numbers), numbers, np.rint(numbers * factor) / factor)
