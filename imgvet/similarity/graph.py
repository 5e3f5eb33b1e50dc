"""The neighbourhood graph of vectors: which ones the map should keep together, and how firmly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from imgvet.similarity.principal import Vectors

EXACT_LIMIT = 10_000
"""Up to this many vectors the neighbours are exact; of more, those of the nearest cells."""

_CELL_SIZE = 256
_CELLS_SEARCHED = 3
_TRAINING_ROUNDS = 5
_SEED = 1234


def nearest(vectors: Vectors, k: int) -> tuple[NDArray[np.int64], Vectors]:
    """The nearest other vectors of each vector, by Euclidean distance.

    Args:
        vectors: float32 (n, d), n > k.
        k: neighbours of each.

    Returns:
        int64 (n, k) rows, -1 where there is none, and float32 (n, k) distances, nearest first.
    """
    import faiss

    data = np.ascontiguousarray(vectors, np.float32)
    count, width = data.shape
    index = faiss.IndexFlatL2(width) if count <= EXACT_LIMIT else _cells(data)
    index.add(data)
    squares, rows = index.search(data, k + 1)
    return _without_itself(rows, np.sqrt(np.maximum(squares, 0)), k)


def _cells(data: Vectors):  # type: ignore[no-untyped-def]
    """A trained index that compares a vector with those of the nearest cells."""
    import faiss

    count, width = data.shape
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, count // _CELL_SIZE)
    index.nprobe = _CELLS_SEARCHED
    index.cp.seed, index.cp.niter = _SEED, _TRAINING_ROUNDS
    index.cp.min_points_per_centroid = 1
    index.train(data)
    return index


def _without_itself(
    rows: NDArray[np.int64], distances: Vectors, k: int
) -> tuple[NDArray[np.int64], Vectors]:
    """Drop each vector from its own neighbours; the farthest one if copies crowded it out."""
    own = rows == np.arange(len(rows))[:, None]
    own[~own.any(axis=1), -1] = True
    return rows[~own].reshape(-1, k), distances[~own].reshape(-1, k)


def fuzzy_graph(rows: NDArray[np.int64], distances: Vectors) -> csr_array:
    """How strongly each vector belongs to its neighbours, the same in both directions.

    The weight of a neighbour falls off exponentially beyond the nearest one, on the scale of the
    neighbourhood; a pair belongs together if either side says so: w + v - w v. McInnes, Healy and
    Melville, UMAP, arXiv:1802.03426, 2018, with the mean excess as the scale in place of a search.

    Args:
        rows: int64 (n, k), -1 where there is none.
        distances: float32 (n, k), ascending.

    Returns:
        symmetric, n x n, weights of 0..1, nothing on the diagonal.
    """
    count, k = rows.shape
    excess = distances - distances[:, :1]
    scale = np.maximum(excess.mean(axis=1, keepdims=True), 1e-6)
    weights = np.exp(-excess / scale).astype(np.float64)
    valid = (rows >= 0).ravel()
    start = np.repeat(np.arange(count), k)[valid]
    graph = csr_array((weights.ravel()[valid], (start, rows.ravel()[valid])), shape=(count, count))
    both = graph + graph.T - graph * graph.T
    joined = csr_array(both)
    joined.sort_indices()
    return joined
