"""Everything that is known of an image, as rows for the page's script."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from imgvet.metrics import METRICS
from imgvet.search.image_table import COPIES, ImageTable, Value


class FactColumn(NamedTuple):
    """One fact: its name for the script, its column of the image table, its name for a person."""

    key: str
    column: str
    title: str
    form: str = "text"
    """text, bytes, count, number or similarity."""
    unit: str = ""


COLUMNS = (
    FactColumn("filename", "filename", "File"),
    FactColumn("label", "label", "Label"),
    FactColumn("split", "split", "Split"),
    FactColumn("status", "status", "Status"),
    FactColumn("file_size", "file_size", "File size", "bytes"),
    FactColumn("copies", COPIES, "Files with these bytes", "count"),
    FactColumn("component_id", "components.component_id", "Component", "count"),
    FactColumn("count", "components.count", "Images in the component", "count"),
    FactColumn("nearest_similarity", "outliers.similarity", "Similarity to its nearest neighbour",
               "similarity"),
    FactColumn("score", "outliers.score", "Outlier score", "number"),
    *(
        FactColumn(m.name, f"stats.{m.name}", m.title, "count" if m.integer else "number", m.unit)
        for m in METRICS
        if m.name != "file_size"
    ),
    FactColumn("digest", "digest", "Content digest"),
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

    def rows(self, ids: Iterable[int]) -> list[list[Value]]:
        """Of each image its id and the facts of :attr:`columns`, those that any image has."""
        chosen = self.frame(ids)
        values = [chosen.index.tolist(), *(_plain(chosen[one.key]) for one in self.columns)]
        return [list(row) for row in zip(*values, strict=True)]

    def frame(self, ids: Iterable[int]) -> pd.DataFrame:
        """The facts of images as a frame with the index ``id``; columns by key."""
        frame = self._images.frame([column.column for column in COLUMNS], list(ids))
        return frame.set_axis([column.key for column in COLUMNS], axis="columns")


def _plain(column: pd.Series) -> list[Any]:
    """Values that JSON has: text, whole numbers, numbers of five significant digits, or null.

    A column of whole numbers only stays one; numbers over 10,000 are rounded to whole ones.
    """
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype(object).where(column.notna(), None).tolist()
    numbers = column.to_numpy(np.float64, na_value=np.nan)
    missing = ~np.isfinite(numbers)
    numbers = np.where(missing, 0.0, numbers)
    size = np.floor(np.log10(np.maximum(np.abs(numbers), 1e-12)))
    factor = 10.0 ** np.clip(4 - size, 0, 16)
    whole = numbers == np.rint(numbers)
    rounded = np.where(whole, numbers, np.rint(numbers * factor) / factor)
    shown = rounded.astype(np.int64) if np.all(rounded == np.rint(rounded)) else rounded
    plain: list[Any] = shown.tolist()
    for row in np.flatnonzero(missing):
        plain[row] = None
    return plain
