"""What a search for neighbours gives, and how candidates become neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imgvet.similarity.space import Reals, Rows, Space


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


def nobody(count: int) -> Neighbors:
    """No neighbours of so many vectors."""
    return Neighbors(np.empty((count, 0), np.int64), np.empty((count, 0), np.float64))


def nearest(space: Space, queries: Rows, candidates: Rows, wanted: int) -> Neighbors:
    """The ``wanted`` nearest of the candidates of each query, by distances computed anew.

    Args:
        space: the embeddings.
        queries: int64 (q,), rows.
        candidates: int64 (q, c), rows, in any order; the query itself and -1 are nobody.
        wanted: neighbours of each query; where there are fewer, -1 stands for the others.
    """
    others = np.where(candidates == queries[:, None], -1, candidates)
    distances = space.distances(queries, others)
    order = np.lexsort((others, distances), axis=1)[:, :wanted]
    rows = np.take_along_axis(others, order, axis=1)
    return Neighbors(rows, np.take_along_axis(distances, order, axis=1))
