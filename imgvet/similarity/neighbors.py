"""Stage find_neighbors: the nearest neighbours of each distinct content, by FAISS.

Byte-identical copies share one embedding, so they cost one search and cannot crowd out other
neighbours. Small sets, and those searched with ``nnf_mode`` Flat, are searched exactly. Of large
ones, ``IVF`` searches cells, and other modes are indexes of FAISS.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from imgvet.options import NeighborOptions
from imgvet.similarity.distances import Metric, Rows, Space, Vectors, space_of
from imgvet.similarity.index import (
    CELLS_MODE,
    FLAT,
    check_neighbor_options,
    search_cells,
    search_index,
)
from imgvet.similarity.search import EarlierSearch, Neighbors, search_exactly, update_neighbors
from imgvet.threads import threads_of_faiss

VERSION = 6

RECALL_SAMPLE = 1000
"""Queries that are searched exactly as well, to measure the recall of an approximate search."""

_NEAR = 1e-6

WIDE_K = 32
"""Neighbours that are looked for instead of k, where there are too many full lists to compare."""

EXACT_LIMIT = 50_000
"""Up to this many vectors the search is exact: it costs seconds, about as many as an index."""


def find_neighbors(
    vectors: Vectors, options: NeighborOptions, threads: int, earlier: EarlierSearch | None = None
) -> Neighbors:
    """The k nearest other vectors of each vector, float32 (n, width), finite.

    A vector of zeros says nothing about its picture: it has no neighbour and is nobody's. What an
    earlier exact search by the same distance and k found only saves time. InvalidParameterError as
    :func:`check_neighbor_options` and :func:`space_of`.
    """
    import faiss

    threads_of_faiss(threads)
    faiss.cvar.distance_compute_blas_threshold = 0  # else few queries take ten times as long each
    check_neighbor_options(options, vectors.shape[1])
    telling = np.flatnonzero(vectors.any(axis=1))
    chosen = vectors if len(telling) == len(vectors) else vectors[telling]
    k = min(options.nearest_neighbors_k, max(len(telling) - 1, 0))
    rows, distances = np.full((len(vectors), k), -1, np.int64), np.full((len(vectors), k), np.inf)
    if not k:
        return Neighbors(rows, distances)
    found = _search(chosen, options, k, earlier)
    rows[telling] = np.where(found.rows < 0, -1, telling[found.rows])
    distances[telling] = found.distances
    return Neighbors(rows, distances, found.recall)


def _search(
    vectors: Vectors, options: NeighborOptions, k: int, earlier: EarlierSearch | None
) -> Neighbors:
    space = space_of(vectors, Metric(distance=options.distance))
    if is_exact(len(vectors), options):
        updated = earlier and update_neighbors(space, vectors, earlier, k)
        return updated or search_exactly(space, np.arange(len(space)), k)
    sample = np.linspace(0, len(space) - 1, min(RECALL_SAMPLE, len(space)), dtype=np.int64)
    true = search_exactly(space, sample, k)
    if options.nnf_mode == CELLS_MODE:
        found = search_cells(space, k, sample, true)
    else:
        found = search_index(space, options, k)
    # Whatever is as near as the farthest true one counts as found: ties have no right order.
    recall = (found.distances[sample] <= true.distances[:, -1:] + _NEAR).mean()
    return replace(found, recall=float(recall))


def is_exact(count: int, options: NeighborOptions) -> bool:
    """Whether so many vectors are searched exactly."""
    return count <= EXACT_LIMIT or options.nnf_mode == FLAT


def wide_pairs(
    space: Space, rows: Rows, least: float, search: NeighborOptions, threads: int
) -> Rows:
    """Pairs of places in ``rows``, (m, 2), at least so similar, among more neighbours than k."""
    k = max(WIDE_K, 2 * search.nearest_neighbors_k)
    wide = search.model_copy(update={"nearest_neighbors_k": k})
    places = find_neighbors(space.vectors[rows], wide, threads).rows
    others = np.where(places < 0, -1, rows[places])
    one, rank = np.nonzero(space.similarities(rows, others) >= least)
    return np.column_stack([one, places[one, rank]])


def as_table(neighbors: Neighbors, ids: Rows, metric: Metric) -> pd.DataFrame:
    """The table neighbors, in order of ``from``, best first; ``ids`` (n,) name the rows' items."""
    found = neighbors.rows >= 0
    return pd.DataFrame(
        {
            "from": np.repeat(ids, neighbors.rows.shape[1])[found.ravel()],
            "to": ids[neighbors.rows[found]],
            "similarity": metric.similarity(neighbors.distances[found]),
        }
    )
