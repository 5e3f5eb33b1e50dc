"""Exact neighbours of embeddings that are mostly those of an earlier run.

New embeddings are compared with all, and all with the new ones; an embedding that lost a neighbour
is searched again. Everything else keeps the neighbours it had. Distances are computed anew, so the
result is that of a search from scratch, and an earlier one is never taken on trust for more than
which rows are near: embeddings are recognised by their bytes.

Each kind of search (distance and number of neighbours) has one file in the store that its last run
wrote; one that is gone or damaged only costs time.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.options import NeighborOptions
from imgvet.similarity.distances import Rows, Space, Vectors
from imgvet.similarity.search import Neighbors, nearest, nearest_among, search_exactly
from imgvet.workdir import WorkDir, write_atomically

_logger = logging.getLogger(__name__)

_KEY = np.dtype("V16")
_WORTHWHILE_SHARE = 0.4
"""With a greater share of embeddings to search, a search from scratch costs as much."""

Keys = NDArray[np.void]


@dataclass(frozen=True)
class EarlierSearch:
    """What an exact search found."""

    keys: Keys
    """(n,), BLAKE2b-128 of the bytes of each embedding."""
    rows: Rows
    """(n, k), rows of their neighbours; -1 where there is none."""

    @classmethod
    def of(cls, vectors: Vectors, rows: Rows) -> EarlierSearch:
        """What was found for these embeddings."""
        return cls(_keys_of(vectors), rows)

    @classmethod
    def load(cls, path: Path) -> EarlierSearch | None:
        """What was found, None if nothing is kept; a damaged file is removed."""
        problem: object = "rows do not fit keys"
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                keys, rows = arrays["keys"], arrays["rows"]
            types = (keys.dtype, rows.dtype) == (_KEY, np.dtype(np.int64))
            shapes = rows.ndim == 2 and keys.shape == rows.shape[:1]
            if types and shapes and ((rows >= -1) & (rows < len(rows))).all():
                return cls(keys, rows)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            problem = error
        _logger.warning("%s can't be used, neighbours are searched from scratch: %s", path, problem)
        path.unlink(missing_ok=True)
        return None

    def save(self, path: Path) -> None:
        """Keep it, in one step."""

        def write(draft: Path) -> None:
            with draft.open("wb") as stream:
                np.savez(stream, keys=self.keys, rows=self.rows)

        write_atomically(path, write)


def path_of(work: WorkDir, options: NeighborOptions) -> Path:
    """The file of one kind of search."""
    return work.store / "neighbors" / f"{options.distance}-{options.nearest_neighbors_k}.npz"


def _keys_of(vectors: Vectors) -> Keys:
    state = (hashlib.blake2b(row.tobytes(), digest_size=_KEY.itemsize).digest() for row in vectors)
    return np.frombuffer(b"".join(state), _KEY)


def update_neighbors(
    space: Space, vectors: Vectors, earlier: EarlierSearch, k: int
) -> Neighbors | None:
    """The ``k`` nearest others of each of the embeddings in a space, as an exact search finds them.

    None where it would save nothing: another number of neighbours, too many new or lost embeddings,
    or those of the earlier search in another order (ties go by order).
    """
    if earlier.rows.shape[1] != k:
        return None
    before = _rows_before(_keys_of(vectors), earlier.keys)
    kept, new = np.flatnonzero(before >= 0), np.flatnonzero(before < 0)
    if (np.diff(before[kept]) < 0).any():
        return None
    now = np.full(len(earlier.keys) + 1, -1, np.int64)  # The last one stands for nobody, row -1.
    now[before[kept]] = kept
    still_near = now[earlier.rows[before[kept]]]
    whole = (still_near >= 0).all(axis=1)
    searched = np.union1d(new, kept[~whole])
    if len(searched) + len(new) > _WORTHWHILE_SHARE * len(space):
        return None
    found = Neighbors(np.empty((len(space), k), np.int64), np.empty((len(space), k)))
    settled, near = kept[whole], still_near[whole]
    if len(new):
        near = np.hstack([near, new[nearest_among(space, space.data[new], settled, k)]])
    again = search_exactly(space, searched, k)
    for rows, part in ((searched, again), (settled, nearest(space, settled, near, k))):
        found.rows[rows], found.distances[rows] = part.rows, part.distances
    return found


def _rows_before(keys: Keys, earlier: Keys) -> Rows:
    """The row that each embedding had, -1 if it is new; equal embeddings keep their order."""
    now, before = (pd.DataFrame({"key": some.tolist()}) for some in (keys, earlier))
    numbered = [
        pd.MultiIndex.from_arrays([some["key"], some.groupby("key").cumcount()])
        for some in (before, now)
    ]
    return numbered[0].get_indexer(numbered[1]).astype(np.int64)
