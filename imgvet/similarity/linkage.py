"""Complete linkage: parts in which any two are at least so similar.

Small sets by SciPy. Of larger ones one part after another is taken from what is similar to a first
member, so that memory stays bounded; any two of a part are then as similar, but other parts may be
possible.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imgvet.similarity.distances import Reals, Rows

MARGIN = 1e-5
"""Similarities are told to about 1e-6: parts keep so far from the limit."""

Similar = Callable[[Rows, Rows], Reals]
"""Similarities of m contents and n contents, (m, n), both in order."""


def parts_of(contents: Rows, similar: Similar, least: float, most: int) -> Rows:
    """The part that each of the ``contents``, in order, is in.

    At most ``most`` are compared all with all.
    """
    parts, left, number = np.empty(len(contents), np.int64), np.arange(len(contents)), 0
    while len(left) > most:
        alike = similar(contents[left[:1]], contents[left])[0]
        alike[0] = np.inf
        near = left[np.argsort(-alike, kind="stable")[: np.count_nonzero(alike >= least)]]
        own = left[:1]
        for start in range(0, len(near), most):
            own = _grown(own, np.sort(near[start : start + most]), contents, similar, least)
        parts[own], number = number, number + 1
        left = np.setdiff1d(left, own, assume_unique=True)
    if len(left):
        parts[left] = number + _linked(similar(contents[left], contents[left]), least)
    return parts


def _grown(own: Rows, near: Rows, contents: Rows, similar: Similar, least: float) -> Rows:
    """A part with those of some contents that are so similar to all of it, and to each other."""
    size = len(near)
    for start in range(0, len(own), size):
        some = own[start : start + size]
        alike = similar(contents[near], contents[some])
        alike[near[:, None] == some] = 1.0
        near = near[(alike >= least + MARGIN).all(axis=1)]
        if not len(near):
            return own
    linked = _linked(similar(contents[near], contents[near]), least)
    first = linked[0] if own[0] in near else np.bincount(linked).argmax()
    return np.union1d(own, near[linked == first])


def _linked(similarity: Reals, least: float) -> Rows:
    # Few runs need them, and they take a tenth of a second to import.
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(similarity) == 1:
        return np.zeros(1, np.int64)
    apart = 1.0 - similarity
    np.fill_diagonal(apart, 0.0)
    joined = linkage(squareform(apart.clip(min=0.0), checks=False), "complete")
    return np.asarray(fcluster(joined, 1.0 - least - MARGIN, "distance"), np.int64)
