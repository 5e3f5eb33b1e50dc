"""The boxes of many files, kept as arrays until they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from imgvet.annotations.schema import boxed_rows
from imgvet.images.corners import region_of_corners
from imgvet.images.region import Box, Corners, Region
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of files, those of one file beside each other and in the order given.

    Attributes:
        starts: where the boxes of each file start; int64, shape (files + 1,).
        upright: x, y, width, height in pixels, NaN where unknown; float64, shape (n, 4).
        corners: corners of rotated boxes in pixels, all NaN for upright ones; float64, (n, 8).
        is_rotated: whether any corner is known; bool, shape (n,).
        labels: the label of each box.
    """

    starts: NDArray[np.int64]
    upright: NDArray[np.float64]
    corners: NDArray[np.float64]
    is_rotated: NDArray[np.bool_]
    labels: list[str | None]

    def of_file(self, file: int) -> tuple[Region, ...]:
        """The regions of one file; a row with both kinds of box is a rotated one."""
        start, end = int(self.starts[file]), int(self.starts[file + 1])
        return tuple(self._region(place) for place in range(start, end))

    def _region(self, place: int) -> Region:
        if self.is_rotated[place]:
            corners = cast("Corners", tuple(self.corners[place].tolist()))
            return region_of_corners(corners, self.labels[place])
        return Region(Box(*self.upright[place].tolist()), label=self.labels[place])


def boxes_of_files(table: pa.Table, file_of_row: NDArray[np.int64], files: int) -> Boxes:
    """Sort the boxes of annotations by file.

    Args:
        table: rows of :data:`imgvet.annotations.schema.ANNOTATIONS`.
        file_of_row: the file of each row, from 0 to ``files`` - 1, negative where there is none.
        files: how many files there are.
    """
    is_box = boxed_rows(table).to_numpy() & (file_of_row >= 0)
    rows = np.flatnonzero(is_box)
    rows = rows[np.argsort(file_of_row[rows], kind="stable")]
    starts = np.searchsorted(file_of_row[rows], np.arange(files + 1))
    chosen = table.take(pa.array(rows))
    corners = _array(chosen, CORNER_COLUMNS)
    return Boxes(
        starts=starts,
        upright=_array(chosen, BOX_COLUMNS),
        corners=corners,
        is_rotated=np.asarray(~np.isnan(corners).all(axis=1)),
        labels=_shared(chosen["label"]),
    )


def _array(table: pa.Table, columns: tuple[str, ...]) -> NDArray[np.float64]:
    values = [pc.fill_null(table[name], np.nan).to_numpy() for name in columns]
    return np.column_stack(values).astype(np.float64, copy=False)


def _shared(texts: pa.ChunkedArray) -> list[str | None]:
    """The texts, each different one as one object: a million labels are of few classes."""
    encoded = pc.dictionary_encode(texts.combine_chunks())
    words: list[str | None] = [*encoded.dictionary.to_pylist(), None]
    return [words[code] for code in pc.fill_null(encoded.indices, -1).to_pylist()]
