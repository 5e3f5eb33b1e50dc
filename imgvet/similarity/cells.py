"""The search ``IVF``: vectors are grouped around centres, and each cell compared with the nearest.

How many cells that takes is read off a sample of queries that are searched exactly. Comparing whole
cells is multiplying matrices, which makes it several times faster than any index that is asked for
one vector after the other, and its result does not depend on threads as that of HNSW does.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from imgvet.progress import report_progress
from imgvet.similarity.search import (
    STAGE,
    Neighbors,
    faiss_metric,
    nearest,
    recall_of,
    sample_queries,
    search_exactly,
)
from imgvet.similarity.space import Rows, Space, Vectors

CELL_RECALL = 0.985
"""Share of the true neighbours of the sample that the compared cells have to hold."""

_WORTHWHILE_SHARE = 0.1
"""Comparing a greater share of the cells than this costs as much as an exact search."""

_TRAINING_PER_CELL = 64
_TRAINING_ROUNDS = 6
_SEED = 1234


@dataclass(frozen=True)
class _Cells:
    """Vectors grouped by the nearest of their centres.

    Attributes:
        order: int64 (n,), rows, cell after cell.
        starts: int64 (cells + 1,), where each cell starts in ``order``.
        cell: int64 (n,), the cell of each row.
        nearest: int64 (cells, cells), all cells by distance of their centres from each one's.
    """

    order: Rows
    starts: Rows
    cell: Rows
    nearest: Rows


def search_cells(space: Space, k: int) -> Neighbors:
    """Compare each cell with as many of the nearest cells as the sample needs.

    Args:
        space: the embeddings, by cosine or euclidean.
        k: neighbours of each.
    """
    cells = _cells_of(space)
    queries = sample_queries(len(space))
    true = search_exactly(space, queries, k)
    compared = _cells_to_compare(cells, queries, true.rows)
    if compared > _WORTHWHILE_SHARE * len(cells.nearest):
        return search_exactly(space, np.arange(len(space)), k)
    found = _compare_cells(space, cells, compared, k)
    return Neighbors(found.rows, found.distances, recall_of(found, queries, true))


def _cells_of(space: Space) -> _Cells:
    """About as many cells as each has vectors."""
    import faiss

    data = space.data
    count = max(1, round(len(data) ** 0.5))
    training = np.linspace(
        0, len(data) - 1, min(len(data), count * _TRAINING_PER_CELL), dtype=np.int64
    )
    means = faiss.Kmeans(
        data.shape[1], count, niter=_TRAINING_ROUNDS, spherical=space.distance == "cosine",
        seed=_SEED, min_points_per_centroid=1, max_points_per_centroid=_TRAINING_PER_CELL,
    )  # fmt: skip
    means.train(data[training])
    centres = np.asarray(means.centroids, np.float32)
    cell = faiss.knn(data, centres, 1, metric=faiss_metric(space))[1].ravel()
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], np.arange(count + 1))
    return _Cells(order, starts, cell, _nearest_centres(centres, space))


def _nearest_centres(centres: Vectors, space: Space) -> Rows:
    """Row i: all centres, nearest to centre i first."""
    closeness = centres @ centres.T
    if space.distance != "cosine":
        closeness -= np.square(centres).sum(axis=1) / 2
    return np.argsort(-closeness, axis=1, kind="stable")


def _cells_to_compare(cells: _Cells, queries: Rows, true: Rows) -> int:
    """How many of the nearest cells hold enough of the sample's true neighbours."""
    near = cells.nearest[cells.cell[queries]]
    ranks = np.argmax(near[:, None, :] == cells.cell[true][:, :, None], axis=2)
    return int(np.quantile(ranks, CELL_RECALL, method="higher")) + 1


def _compare_cells(space: Space, cells: _Cells, compared: int, k: int) -> Neighbors:
    """The ``k`` nearest others of each vector, in the ``compared`` nearest cells."""
    import faiss

    rows = np.full((len(space), k), -1, np.int64)
    distances = np.full((len(space), k), np.inf)
    grouped, metric = space.data[cells.order], faiss_metric(space)
    for cell, (start, stop) in enumerate(pairwise(cells.starts)):
        chosen = np.union1d(cells.nearest[cell, :compared], [cell])
        places = np.concatenate([np.arange(*cells.starts[near : near + 2]) for near in chosen])
        if start == stop or len(places) <= k:
            continue
        _, found = faiss.knn(grouped[start:stop], grouped[places], k + 1, metric=metric)
        queries = cells.order[start:stop]
        best = nearest(space, queries, cells.order[places[found]], k)
        rows[queries], distances[queries] = best.rows, best.distances
        report_progress(STAGE, int(stop), len(space))
    return Neighbors(rows, distances)
