"""Embeddings as places on a map: principal components, then neighbours are moved together.

The layout follows UMAP (McInnes, Healy and Melville, arXiv:1802.03426, 2018), but all points move
at once: each step is a few operations on whole arrays, and the same vectors give the same places.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from imgvet.similarity.distances import Rows, Vectors

NEIGHBORS = 12
"""Neighbours of each image that the map tries to keep near it."""

WIDTH = 64
"""Principal components in which neighbours are looked for."""

EXACT_LIMIT = 10_000
"""Up to this many vectors the neighbours are exact; of more, those of the nearest cells."""

_LEAST = 4 * NEIGHBORS
"""Fewer vectors than this have no neighbourhoods to keep: their first two components are shown."""

_NOISE = 1e-6
"""Directions of a smaller share of the greatest variance are rounding."""

_START_SPREAD = 10.0
_SEED = 1234
_CELL_SIZE, _CELLS_SEARCHED, _TRAINING_ROUNDS = 256, 3, 5

_LEAST_ROUNDS, _MOST_ROUNDS, _MOVES = 70, 250, 2_000_000
_PUSHES = 4
"""Points that each point is pushed away from in one step, chosen by chance."""

_A = np.float32(0.4)
"""Shape of the similarity 1 / (1 + a d^2) of two places; less lets neighbours keep a distance."""

_STEP = 0.7
_GREATEST = 4.0


def project(vectors: Vectors) -> Vectors:
    """Places in the plane, within 0..1, (n, 2), for embeddings, float32 (n, d), finite.

    Alike images lie together. Starts from the first two principal components, which keep the
    picture as a whole. Distances between far groups and the sizes of groups say little.
    """
    components = principal_components(vectors, min(WIDTH, max(vectors.shape[1], 2)))
    del vectors  # Where the caller has let go of them: they take more than all that follows.
    plane = components[:, :2]
    if len(plane) < _LEAST:
        return _within_one(plane)
    spread = max(float(plane[:, 0].std()), 1e-12)
    graph = fuzzy_graph(*nearest(components, NEIGHBORS))
    return _within_one(_lay_out(graph, plane * np.float32(_START_SPREAD / spread)))


def _within_one(places: Vectors) -> Vectors:
    """Shift and scale, both axes alike, so that all lie within 0..1."""
    if not len(places):
        return places
    low, high = places.min(axis=0), places.max(axis=0)
    size = max(float((high - low).max()), 1e-12)
    centred = (places - (low + high) / 2) / size + 0.5
    return np.clip(centred, 0.0, 1.0).astype(np.float32)


def principal_components(vectors: Vectors, width: int) -> Vectors:
    """The vectors in the directions in which they vary most, the greatest first: (n, width).

    They are centred; columns beyond the rank of the vectors are zeros. The sign of a direction is
    that of its greatest entry, so that the result does not depend on the linear algebra library.
    """
    import faiss

    count, given = vectors.shape
    found = np.zeros((count, width), np.float32)
    if not count or not given:
        return found
    data = np.ascontiguousarray(vectors, np.float32)
    matrix = faiss.PCAMatrix(given, min(width, given, count))
    matrix.train(data)
    directions = faiss.vector_to_array(matrix.A).reshape(-1, given)[: matrix.d_out]
    greatest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), greatest])
    variances = faiss.vector_to_array(matrix.eigenvalues)[: matrix.d_out]
    signs[variances <= _NOISE * variances[0]] = 0
    found[:, : len(directions)] = matrix.apply(data) * signs
    return found


def nearest(vectors: Vectors, k: int) -> tuple[Rows, Vectors]:
    """The k < n nearest others of each of n vectors, by Euclidean distance.

    They are (n, k) rows, -1 where there is none, and (n, k) distances, nearest first.
    """
    import faiss

    data = np.ascontiguousarray(vectors, np.float32)
    count, width = data.shape
    index: Any = faiss.IndexFlatL2(width)
    if count > EXACT_LIMIT:
        index = faiss.IndexIVFFlat(index, width, count // _CELL_SIZE)
        index.nprobe = _CELLS_SEARCHED
        index.cp.seed, index.cp.niter = _SEED, _TRAINING_ROUNDS
        index.cp.min_points_per_centroid = 1
        index.train(data)
    index.add(data)
    squares, rows = index.search(data, k + 1)
    own = rows == np.arange(count)[:, None]
    own[~own.any(axis=1), -1] = True  # Copies crowded it out: the farthest one goes.
    distances = np.sqrt(np.maximum(squares, 0))
    return rows[~own].reshape(-1, k), distances[~own].reshape(-1, k)


def fuzzy_graph(rows: Rows, distances: Vectors) -> csr_array:
    """How strongly each vector belongs to its neighbours as :func:`nearest` finds them.

    The weight of a neighbour, 0..1, falls off exponentially beyond the nearest one, on the scale of
    the neighbourhood; a pair belongs together if either side says so: w + v - w v. UMAP, with the
    mean excess as the scale in place of a search.
    """
    count, k = rows.shape
    excess = distances - distances[:, :1]
    scale = np.maximum(excess.mean(axis=1, keepdims=True), 1e-6)
    weights = np.exp(-excess / scale).astype(np.float64)
    valid = (rows >= 0).ravel()
    start = np.repeat(np.arange(count), k)[valid]
    graph = csr_array((weights.ravel()[valid], (start, rows.ravel()[valid])), shape=(count, count))
    joined = csr_array(graph + graph.T - graph * graph.T)
    joined.sort_indices()
    return joined


def _lay_out(graph: csr_array, start: Vectors) -> Vectors:
    """Gradient descent on UMAP's cross entropy: neighbours attract, all others push apart.

    No row of the graph is empty, and the start has a spread of about 10.
    """
    random = np.random.default_rng(_SEED)
    places = np.ascontiguousarray(start.T, np.float32)
    count = places.shape[1]
    first = np.repeat(np.arange(count, dtype=np.int32), np.diff(graph.indptr))
    edges = (first, graph.indices, graph.indptr[:-1])
    weights = graph.data.astype(np.float32)
    rounds = int(np.clip(_MOVES // max(count, 1), _LEAST_ROUNDS, _MOST_ROUNDS))
    strength = np.asarray(graph.sum(axis=1), np.float32).ravel()
    for step in range(rounds):
        rate = np.float32(_STEP * (1 - step / rounds))
        moves = _pull(places, edges, weights) + _push(places, random, strength)
        places = places + rate * np.clip(moves, -_GREATEST, _GREATEST)
    return np.ascontiguousarray(places.T)


def _pull(places: Vectors, edges: tuple[NDArray[np.int32], ...], weights: Vectors) -> Vectors:
    """What neighbours do to each point, (2, n)."""
    first, second, starts = edges
    apart = places.take(second, axis=1) - places.take(first, axis=1)
    force = weights * (2 * _A) / (1 + _A * np.add(*np.square(apart)))
    return np.stack([np.add.reduceat(along, starts) for along in force * apart])


def _push(places: Vectors, random: np.random.Generator, strength: Vectors) -> Vectors:
    """What points chosen by chance do to each point, (2, n), as much as its neighbours weigh."""
    total, count = np.zeros_like(places), places.shape[1]
    for _ in range(_PUSHES):
        apart = places - places.take(random.integers(count, size=count), axis=1)
        square = np.add(*np.square(apart))
        force = 2 / ((np.float32(0.01) + square) * (1 + _A * square))
        total += np.clip(force * apart, -_GREATEST, _GREATEST)
    return total * strength
