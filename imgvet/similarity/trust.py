"""How far a map can be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def trustworthiness(
    vectors: NDArray[np.float32], places: NDArray[np.float32], k: int = 10, sample: int = 1000
) -> float:
    """Whether points that lie together on a map are neighbours in truth.

    Venna and Kaski, Neighborhood preservation in nonlinear projection methods, ICANN 2001.

    Args:
        vectors: float32 (n, d).
        places: float32 (n, 2).
        k: neighbours of each place that are looked at, less than n / 2.
        sample: points that are judged, evenly spaced.

    Returns:
        0..1; 1 if every neighbour on the map is one of the k nearest, about 0.5 for places by
        chance.
    """
    count = len(vectors)
    chosen = np.unique(np.linspace(0, count - 1, min(sample, count)).astype(np.int64))
    penalty = 0
    for row in chosen.tolist():
        true_order = _others_by_distance(vectors, row)
        ranks = np.empty(count, np.int64)
        ranks[true_order] = np.arange(1, count)[: len(true_order)]
        shown = _others_by_distance(places, row)[:k]
        penalty += int(np.maximum(ranks[shown] - k, 0).sum())
    return 1.0 - 2.0 * penalty / (len(chosen) * k * (2 * count - 3 * k - 1))


def _others_by_distance(points: NDArray[np.float32], row: int) -> NDArray[np.int64]:
    difference = points - points[row]
    order = np.argsort(np.einsum("ij,ij->i", difference, difference), kind="stable")
    return order[order != row]
