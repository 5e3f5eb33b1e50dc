"""Embeddings as places on a map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgvet.similarity.graph import fuzzy_graph, nearest
from imgvet.similarity.layout import lay_out
from imgvet.similarity.principal import Vectors, principal_components

NEIGHBORS = 12
"""Neighbours of each image that the map tries to keep near it."""

WIDTH = 64
"""Principal components in which neighbours are looked for."""

_LEAST = 4 * NEIGHBORS
"""Fewer vectors than this have no neighbourhoods to keep: their first two components are shown."""

_START_SPREAD = 10.0


def project(vectors: Vectors) -> NDArray[np.float32]:
    """Places in the plane for embeddings: alike images lie together.

    Starts from the first two principal components, which keep the picture as a whole, and moves
    neighbours together (:mod:`imgvet.similarity.layout`). Distances between far groups and the
    sizes of groups say little. The same vectors give the same places.

    Args:
        vectors: float32 (n, d), finite.

    Returns:
        float32 (n, 2), each column within 0..1.
    """
    components = principal_components(vectors, min(WIDTH, max(vectors.shape[1], 2)))
    plane = components[:, :2]
    if len(vectors) < _LEAST:
        return _within_one(plane)
    spread = max(float(plane[:, 0].std()), 1e-12)
    rows, distances = nearest(components, NEIGHBORS)
    graph = fuzzy_graph(rows, distances)
    return _within_one(lay_out(graph, plane * np.float32(_START_SPREAD / spread)))


def _within_one(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shift and scale, both axes alike, so that all lie within 0..1."""
    if not len(places):
        return places
    low, high = places.min(axis=0), places.max(axis=0)
    size = max(float((high - low).max()), 1e-12)
    centred = (places - (low + high) / 2) / size + 0.5
    return np.clip(centred, 0.0, 1.0).astype(np.float32)
