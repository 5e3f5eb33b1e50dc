"""Everything that is known of an image, as rows for the page's script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import METRICS
from imgvet.search.image_table import COPIES, ImageTable, Value


@dataclass(frozen=True)
class FactColumn:
    """One fact: its key, its column of the image table, its name for a person, form, and unit.

    ``form`` is text, bytes, count, number or similarity.
    """

    key: str
    column: str
    title: str
    form: str
    unit: str = ""


_OWN_COLUMNS = (
    FactColumn("filename", "filename", "File", "text"),
    FactColumn("label", "label", "Label", "text"),
    FactColumn("split", "split", "Split", "text"),
    FactColumn("status", "status", "Status", "text"),
    FactColumn("file_size", "file_size", "File size", "bytes"),
    FactColumn("copies", COPIES, "Files with these bytes", "count"),
    FactColumn("component_id", "components.component_id", "Component", "count"),
    FactColumn("count", "components.count", "Images in the component", "count"),
    FactColumn(
        "nearest_similarity",
        "outliers.similarity",
        "Similarity to its nearest neighbour",
        "similarity",
    ),
    FactColumn("score", "outliers.score", "Outlier score", "number"),
)

COLUMNS: tuple[FactColumn, ...] = (
    *_OWN_COLUMNS,
    *(
        FactColumn(m.name, f"stats.{m.name}", m.title, "count" if m.integer else "number", m.unit)
        for m in METRICS
        if m.name != "file_size"
    ),
    FactColumn("digest", "digest", "Content digest", "text"),
)  # fmt: skip
"""Every fact, in the order in which a person reads them."""


class Facts:
    """Looks up what is known of images."""

    def __init__(self, images: ImageTable) -> None:
        self._images = images
        self.columns = tuple(
            column
            for column in COLUMNS
            if column.key == "filename" or images[column.column].null_count < len(images)
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`rows`, ``id`` first."""
        return ("id", *(column.key for column in self.columns))

    def rows(self, ids: Iterable[int]) -> list[list[Value]]:
        """The facts of images, without those that no image has: :attr:`keys` says which."""
        chosen = self.frame(ids)
        values = [chosen.index.tolist(), *(_plain(chosen[key]) for key in self.keys[1:])]
        return [list(row) for row in zip(*values, strict=True)]

    def frame(self, ids: Iterable[int]) -> pd.DataFrame:
        """The facts of images as a frame with the index ``id``; columns by key."""
        frame = self._images.frame([column.column for column in COLUMNS], list(ids))
        return frame.set_axis([column.key for column in COLUMNS], axis="columns")


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
