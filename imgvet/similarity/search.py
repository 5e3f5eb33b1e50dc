"""Exact nearest neighbours: candidates in float32, then their distances computed anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from imgvet.progress import report_progress
from imgvet.similarity.distances import DISTANCES, Reals, Rows, Space, Vectors, distances_between
from imgvet.threads import in_threads

STAGE = "find_neighbors"
SPARE = 4
"""Candidates beyond the k: which of two is nearer is not left to FAISS's float32."""

Search = Callable[[Vectors, int], tuple[Any, Rows]]
"""As FAISS's: of queries (q, width) the distances and places of the k nearest, (q, k) each."""

_QUERY_BLOCK = 16_384
_SLOW_QUERY_BLOCK = 512
_COMPARED_BLOCK = 16


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


def nearest_among(space: Space, data: Vectors, queries: Rows, k: int) -> Rows:
    """Places in ``data`` of about the ``k`` nearest of each query, and of some more."""
    import faiss

    def search(part: Vectors, width: int) -> tuple[Any, Rows]:
        if DISTANCES[space.distance].faiss_metric is None:
            return _compare(space, part, data, width)
        found: tuple[Any, Rows] = faiss.knn(part, data, width, metric=faiss_metric(space))
        return found

    return candidates(space, search, queries, min(k + SPARE, len(data)))


def _compare(space: Space, queries: Vectors, data: Vectors, k: int) -> tuple[None, Rows]:
    import faiss

    def block(start: int) -> Rows:
        part = queries[start : start + _COMPARED_BLOCK]
        found = distances_between(part, data, space.distance, 1.0)
        return np.argsort(found, axis=1, kind="stable")[:, :k]

    starts = range(0, len(queries), _COMPARED_BLOCK)
    return None, np.concatenate(list(in_threads(block, starts, faiss.omp_get_max_threads())))


def candidates(space: Space, search: Search, queries: Rows, width: int) -> Rows:
    """Places, (q, width), of the nearest of each query, a row, as a search finds them.

    They are nearest first as far as FAISS can tell; -1 is nobody.
    """
    places = np.empty((len(queries), width), np.int64)
    step = _QUERY_BLOCK if DISTANCES[space.distance].any_index else _SLOW_QUERY_BLOCK
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        _, places[part] = search(space.data[queries[part]], width)
        report_progress(STAGE, min(start + step, len(queries)), len(queries))
    return places


def faiss_metric(space: Space) -> int:
    """FAISS's number of a metric that it searches."""
    import faiss

    return int(getattr(faiss, str(DISTANCES[space.distance].faiss_metric)))
