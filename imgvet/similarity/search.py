"""Exact nearest neighbours: candidates in float32, then their distances computed anew.

Embeddings that are mostly those of an earlier run start from what it found. New ones are compared
with all, and all with the new ones; an embedding that lost a neighbour is searched again. Distances
are computed anew, so the result is that of a search from scratch, and an earlier one is never taken
on trust for more than which rows are near: embeddings are recognised by their bytes. Each kind of
search has one file in the store that its last run wrote.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.options import Distance, NeighborOptions
from imgvet.progress import report_progress
from imgvet.similarity.distances import DISTANCES, Reals, Rows, Space, Vectors, distances_between
from imgvet.threads import in_threads
from imgvet.workdir import WorkDir, write_atomically

_logger = logging.getLogger(__name__)

STAGE = "find_neighbors"
SPARE = 4
"""Candidates beyond the k: which of two is nearer is not left to FAISS's float32."""

Search = Callable[[Vectors, int], Rows]
"""The places, (q, k), of the k nearest of queries, (q, width)."""

_QUERY_BLOCK = 16_384
_SLOW_QUERY_BLOCK = 512
_COMPARED_BLOCK = 16
_SEED = 1234
_KEY = np.dtype("V16")
_WORTHWHILE_SHARE = 0.4
"""With a greater share of embeddings to search, a search from scratch costs as much."""


@dataclass(frozen=True)
class Neighbors:
    """Nearest neighbours of n vectors."""

    rows: Rows
    """(n, k), nearest first, ties by row; -1 where there is none."""
    distances: Reals
    """(n, k), by :meth:`imgvet.similarity.distances.Space.distances`; infinite where none is."""
    recall: float = 1.0
    """Share of the true neighbours found, measured on a sample; 1 if exact."""


def nearest(space: Space, queries: Rows, candidates: Rows, k: int) -> Neighbors:
    """The ``k`` nearest of the candidates of each query, by distances computed anew.

    Queries (q,) and candidates (q, c) are rows; the query itself and -1 are nobody.
    """
    others = np.where(candidates == queries[:, None], -1, candidates)
    distances = space.distances(queries, others)
    order = np.lexsort((others, distances), axis=1)[:, :k]
    rows = np.take_along_axis(others, order, axis=1)
    return Neighbors(rows, np.take_along_axis(distances, order, axis=1))


def search_exactly(space: Space, queries: Rows, k: int) -> Neighbors:
    """The ``k`` nearest others of each query, a row."""
    return nearest(space, queries, nearest_among(space, space.data, queries, k + 1), k)


def nearest_among(space: Space, data: Vectors, queries: Rows, k: int, stage: str = STAGE) -> Rows:
    """Places in ``data`` of about the ``k`` nearest of each query, and of some more."""
    import faiss

    def search(part: Vectors, width: int) -> Rows:
        if DISTANCES[space.distance].faiss_metric is None:
            return _compare(space, part, data, width)
        return np.asarray(faiss.knn(part, data, width, metric=faiss_metric(space.distance))[1])

    return candidates(space, search, queries, min(k + SPARE, len(data)), stage)


def _compare(space: Space, queries: Vectors, data: Vectors, k: int) -> Rows:
    import faiss

    def block(start: int) -> Rows:
        part = queries[start : start + _COMPARED_BLOCK]
        found = distances_between(part, data, space.distance, 1.0)
        return np.argsort(found, axis=1, kind="stable")[:, :k]

    starts = range(0, len(queries), _COMPARED_BLOCK)
    return np.concatenate(list(in_threads(block, starts, faiss.omp_get_max_threads())))


def candidates(space: Space, search: Search, queries: Rows, width: int, stage: str = STAGE) -> Rows:
    """Places, (q, width), of the nearest of each query, a row, as a search finds them.

    They are nearest first as far as FAISS can tell; -1 is nobody.
    """
    places = np.empty((len(queries), width), np.int64)
    step = _QUERY_BLOCK if DISTANCES[space.distance].any_index else _SLOW_QUERY_BLOCK
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        places[part] = search(space.data[queries[part]], width)
        report_progress(stage, min(start + step, len(queries)), len(queries))
    return places


def faiss_metric(distance: Distance) -> int:
    """FAISS's number of a distance that it searches by."""
    import faiss

    return int(getattr(faiss, str(DISTANCES[distance].faiss_metric)))


def k_means(space: Space, data: Vectors, count: int, rounds: int, sample: int) -> Any:
    """FAISS's k-means of data of a space, at most ``sample`` of them for each of the centres."""
    import faiss

    means = faiss.Kmeans(
        data.shape[1], count, niter=rounds, spherical=space.distance == "cosine", seed=_SEED,
        min_points_per_centroid=1, max_points_per_centroid=sample,
    )  # fmt: skip
    means.train(data)
    return means


@dataclass(frozen=True)
class EarlierSearch:
    """What an exact search found."""

    keys: NDArray[np.void]
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
        write_atomically(path, partial(np.savez, keys=self.keys, rows=self.rows))


def path_of(work: WorkDir, options: NeighborOptions) -> Path:
    """The file of one kind of search."""
    return work.store / "neighbors" / f"{options.distance}-{options.nearest_neighbors_k}.npz"


def _keys_of(vectors: Vectors) -> NDArray[np.void]:
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


def _rows_before(keys: NDArray[np.void], earlier: NDArray[np.void]) -> Rows:
    """The row that each embedding had, -1 if it is new; equal embeddings keep their order."""
    now, before = (pd.DataFrame({"key": some.tolist()}) for some in (keys, earlier))
    numbered = [
        pd.MultiIndex.from_arrays([some["key"], some.groupby("key").cumcount()])
        for some in (before, now)
    ]
    return numbered[0].get_indexer(numbered[1]).astype(np.int64)
