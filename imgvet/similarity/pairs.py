"""Alike pairs: near pairs by embedding and exact pairs by content digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.options import NeighborOptions
from imgvet.parameters import Frozen
from imgvet.similarity.distances import Metric, Rows

if TYPE_CHECKING:
    from scipy.sparse import coo_array

VERSION = 2

PAIR = ["from", "to"]
COLUMNS = [*PAIR, "similarity"]


def similar_pairs(neighbors: pd.DataFrame, items: pd.DataFrame, least: float) -> pd.DataFrame:
    """Pairs at least so similar: each once with from < to, best first, then by id."""
    near = neighbors[neighbors["similarity"] >= least]
    pairs = pd.concat([exact_pairs(items), near], ignore_index=True)
    pairs[PAIR] = np.sort(pairs[PAIR].to_numpy(), axis=1)
    order = ["similarity", *PAIR]
    pairs = pairs.drop_duplicates(PAIR).sort_values(order, ascending=[False, True, True])
    return pairs.reset_index(drop=True)


def exact_pairs(items: pd.DataFrame) -> pd.DataFrame:
    """A pair from the first item of each content to each byte-identical copy, similarity 1.

    A group of m copies gives m - 1 pairs, not m (m - 1) / 2: a million copies, a million rows.
    """
    valid = items[items["embedding_row"].notna()]
    first = valid.groupby("embedding_row")["id"].transform("first")
    pairs = pd.DataFrame({"from": first, "to": valid["id"], "similarity": 1.0})
    return pairs[first != valid["id"]].astype(dict.fromkeys(PAIR, np.int64)).reset_index(drop=True)


Apart = tuple[tuple[str, str], ...]
"""Contents, by two digests in order, that a person decided to be no duplicates of each other."""


class Comparison(Frozen):
    """How contents were compared, and which are apart whatever that says."""

    search: NeighborOptions
    metric: Metric
    apart: Apart = ()


def decided_rows(apart: Apart, items: pd.DataFrame) -> Rows:
    """Such pairs of contents as numbers that :func:`are_decided` understands."""
    if not apart:
        return np.empty(0, np.int64)
    valid = items[items["embedding_row"].notna()].drop_duplicates("digest")
    ends = pd.DataFrame(list(apart), columns=PAIR).apply(
        lambda side: side.map(valid.set_index("digest")["embedding_row"])
    )
    one, other = ends.dropna().to_numpy(np.int64).reshape(-1, 2).T
    return np.concatenate([_numbered(one, other), _numbered(other, one)])


def are_decided(one: Rows, other: Rows, decided: Rows) -> NDArray[np.bool_]:
    """Which pairs of embedding rows, of shapes that broadcast, are among those of a person."""
    return np.isin(_numbered(one, other), decided)


def _numbered(one: Rows, other: Rows) -> Rows:
    return one << 32 | other


def families_of(ends: Rows, count: int) -> Rows:
    """(count,): the connected component of each of so many nodes, which pairs, (m, 2), join."""
    from scipy.sparse.csgraph import connected_components  # late: requests need no SciPy

    _, labels = connected_components(graph_of(ends, count), directed=False)
    return np.asarray(labels, np.int64)


def graph_of(ends: Rows, count: int) -> coo_array[np.int8]:
    """The pairs, (m, 2), of so many nodes as a sparse matrix."""
    from scipy.sparse import coo_array

    return coo_array((np.ones(len(ends), np.int8), tuple(ends.T)), (count, count))


def with_full_lists(pairs: Rows, k: int) -> Rows:
    """The contents that may be as similar to others than the k that are listed for each.

    If a pair, (n, 2), stands in neither list, both are full of contents at least as similar.
    """
    distinct = np.unique(np.sort(pairs, axis=1), axis=0)
    contents, listed = np.unique(distinct[distinct[:, 0] != distinct[:, 1]], return_counts=True)
    return contents[listed >= k]
