"""Nearest neighbours by any index: candidates in float32, then their distances computed anew.

Recall is measured on a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from imgvet.options import Distance
from imgvet.progress import report_progress
from imgvet.similarity.distances import DISTANCES
from imgvet.similarity.space import Reals, Rows, Space, Vectors, distances_between
from imgvet.threads import in_threads

STAGE = "find_neighbors"
RECALL_SAMPLE = 1000
"""Queries that are searched exactly as well, to measure the recall of an approximate search."""

SPARE = 4
"""Candidates beyond the k: which of two is nearer is not left to FAISS's float32."""

_QUERY_BLOCK = 16_384
_SLOW_QUERY_BLOCK = 512
_COMPARED_BLOCK = 16
_NEAR = 1e-6


@dataclass(frozen=True)
class Neighbors:
    """Nearest neighbours of n vectors.

    Attributes:
        rows: int64 (n, k), rows of the neighbours, nearest first, ties by row; -1 where there is
            none.
        distances: float64 (n, k), their distances to 1e-9
            (:func:`imgvet.similarity.space.distances_between`); infinite where there is none.
        recall: share of the true neighbours found, measured on a sample; 1 if exact.
    """

    rows: Rows
    distances: Reals
    recall: float = 1.0


def nearest(space: Space, queries: Rows, candidates: Rows, k: int) -> Neighbors:
    """The ``k`` nearest of the candidates of each query, by distances computed anew.

    Args:
        space: the embeddings.
        queries: int64 (q,), rows.
        candidates: int64 (q, c), rows, in any order; the query itself and -1 are nobody.
        k: neighbours of each query; where there are fewer, -1 stands for the others.
    """
    others = np.where(candidates == queries[:, None], -1, candidates)
    distances = space.distances(queries, others)
    order = np.lexsort((others, distances), axis=1)[:, :k]
    rows = np.take_along_axis(others, order, axis=1)
    return Neighbors(rows, np.take_along_axis(distances, order, axis=1))


def search_exactly(space: Space, queries: Rows, k: int) -> Neighbors:
    """The ``k`` nearest others of each query row."""
    rows = candidates(space, flat_index(space, space.data), queries, k + 1)
    return nearest(space, queries, rows, k)


def candidates(space: Space, index: Any, queries: Rows, k: int) -> Rows:
    """Places in the index of the ``k`` nearest of each query row, and of some more.

    Returns:
        int64 (q, k + SPARE, or as many as the index holds), nearest first as far as FAISS
        can tell; -1 is nobody.
    """
    count, width = len(queries), min(k + SPARE, index.ntotal)
    queries = _enough(queries, space)
    places = np.empty((len(queries), width), np.int64)
    step = _QUERY_BLOCK if DISTANCES[space.distance].any_index else _SLOW_QUERY_BLOCK
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        _, places[part] = index.search(space.data[queries[part]], width)
        report_progress(STAGE, min(start + step, count), count)
    return places[:count]


def _enough(queries: Rows, space: Space) -> Rows:
    """The queries, some of them again if so many cost less.

    FAISS multiplies matrices from a number of queries on, and below it takes about ten times as
    long for each.
    """
    import faiss

    least = int(faiss.cvar.distance_compute_blas_threshold) // space.data.shape[1] + 1
    few = least < 10 * len(queries) < 10 * least and DISTANCES[space.distance].any_index
    return np.resize(queries, least) if few else queries


def flat_index(space: Space, data: Vectors) -> Any:
    """An index that compares every pair by the distance of the space, filled with ``data``."""
    import faiss

    if DISTANCES[space.distance].faiss_metric is None:
        return ComparingIndex(data, space.distance, faiss.omp_get_max_threads())
    index = faiss.IndexFlat(data.shape[1], faiss_metric(space))
    index.add(data)
    return index


@dataclass(frozen=True)
class ComparingIndex:
    """Searches as an index of FAISS does, by NumPy and SciPy."""

    data: Vectors
    distance: Distance
    threads: int

    @property
    def ntotal(self) -> int:
        """How many embeddings it holds."""
        return len(self.data)

    def search(self, queries: Vectors, k: int) -> tuple[Reals, Rows]:
        """Distances and rows of the nearest of each query, (q, k), nearest first."""

        def block(start: int) -> tuple[Reals, Rows]:
            part = queries[start : start + _COMPARED_BLOCK]
            found = distances_between(part, self.data, self.distance, 1.0)
            rows = np.argsort(found, axis=1, kind="stable")[:, :k]
            return np.take_along_axis(found, rows, axis=1), rows

        starts = range(0, len(queries), _COMPARED_BLOCK)
        distances, rows = zip(*in_threads(block, starts, self.threads), strict=True)
        return np.concatenate(distances), np.concatenate(rows)


def faiss_metric(space: Space) -> int:
    """FAISS's number of the metric, of a distance that it searches."""
    import faiss

    return int(getattr(faiss, str(DISTANCES[space.distance].faiss_metric)))


def sample_queries(count: int) -> Rows:
    """Evenly spread rows on which recall is measured."""
    return np.linspace(0, count - 1, min(RECALL_SAMPLE, count), dtype=np.int64)


def recall_of(found: Neighbors, queries: Rows, true: Neighbors) -> float:
    """Share of the true neighbours of some queries that were found.

    A neighbour as near as the true one counts as found: ties have no right order.
    """
    return float((found.distances[queries] <= true.distances + _NEAR).mean())
