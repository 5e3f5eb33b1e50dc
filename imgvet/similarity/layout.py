"""A layout of a neighbourhood graph in the plane: neighbours attract, all others push apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Places = NDArray[np.float32]

_LEAST_ROUNDS, _MOST_ROUNDS = 70, 250
_MOVES = 2_000_000

_PUSHES = 4
"""Points that each point is pushed away from in one step, chosen by chance."""

_A = np.float32(0.4)
"""Shape of the similarity 1 / (1 + a d^2) of two places; less lets neighbours keep a distance."""

_STEP = 0.7
_GREATEST = 4.0
_SEED = 1234


def lay_out(graph: csr_array, start: Places) -> Places:
    """Move places until neighbours lie together.

    Gradient descent on the cross entropy of UMAP (McInnes, Healy and Melville, arXiv:1802.03426,
    2018). Unlike there, all points move at once: each step is a few operations on whole arrays,
    and the same input gives the same places.

    Args:
        graph: symmetric weights of 0..1, (n, n), CSR; no row is empty.
        start: float32 (n, 2), with a spread of about 10.

    Returns:
        float32 (n, 2).
    """
    random = np.random.default_rng(_SEED)
    x, y = (np.ascontiguousarray(start[:, axis], np.float32) for axis in (0, 1))
    first = np.repeat(np.arange(len(x), dtype=np.int32), np.diff(graph.indptr))
    starts = graph.indptr[:-1]
    weights = graph.data.astype(np.float32)
    rounds = int(np.clip(_MOVES // max(len(x), 1), _LEAST_ROUNDS, _MOST_ROUNDS))
    strength = np.asarray(graph.sum(axis=1), np.float32).ravel()
    for step in range(rounds):
        rate = np.float32(_STEP * (1 - step / rounds))
        pull = _pull(x, y, (first, graph.indices, starts), weights)
        push = _push(x, y, random, strength)
        x, y = (
            place + rate * np.clip(attracted + repelled, -_GREATEST, _GREATEST)
            for place, attracted, repelled in zip((x, y), pull, push, strict=True)
        )
    return np.stack([x, y], axis=1)


def _pull(
    x: Places, y: Places, edges: tuple[NDArray[np.int32], ...], weights: Places
) -> tuple[Places, Places]:
    """What neighbours do to each point; every point has some."""
    first, second, starts = edges
    dx, dy = x[second] - x[first], y[second] - y[first]
    force = weights * (2 * _A) / (1 + _A * (dx * dx + dy * dy))
    return np.add.reduceat(force * dx, starts), np.add.reduceat(force * dy, starts)


def _push(
    x: Places, y: Places, random: np.random.Generator, strength: Places
) -> tuple[Places, Places]:
    """What points chosen by chance do to each point, as much as its neighbours weigh."""
    total_x, total_y = np.zeros_like(x), np.zeros_like(y)
    for _ in range(_PUSHES):
        other = random.integers(len(x), size=len(x))
        dx, dy = x - x[other], y - y[other]
        square = dx * dx + dy * dy
        force = 2 / ((np.float32(0.01) + square) * (1 + _A * square))
        total_x += np.clip(force * dx, -_GREATEST, _GREATEST)
        total_y += np.clip(force * dy, -_GREATEST, _GREATEST)
    return total_x * strength, total_y * strength
