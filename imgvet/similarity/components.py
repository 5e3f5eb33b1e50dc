"""Stage find_components: connected components of the graph of similar pairs.

Single linkage chains: two images of a component can be far less similar than ``cc_threshold``.
The similarities told of a component are therefore taken over all pairs of its distinct contents,
not over the pairs that joined it. A pair that was listed counts as it was listed, as rotated
duplicates are alike only upright.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from imgvet.options import ComponentOptions
from imgvet.similarity.distances import Metric
from imgvet.similarity.space import Space, Vectors, distances_between, space_of
from imgvet.tables import COMPONENT_INFO, COMPONENTS, empty

VERSION = 4

ALL_PAIRS_LIMIT = 2_000
"""Larger components are described by an even sample of this many distinct contents."""

_ROUNDING = 1e-3

_Rows = NDArray[np.int64]
_ListedPairs = list[tuple[int, int, float]]
"""Pairs of contents, and the similarity that they were listed with."""


@dataclass(frozen=True)
class Components:
    """The tables components and component_info."""

    members: pd.DataFrame
    info: pd.DataFrame


@dataclass(frozen=True)
class _Contents:
    """The embeddings of all contents, and how they are compared."""

    space: Space
    metric: Metric

    def similarities(self, rows: _Rows, listed: _ListedPairs) -> NDArray[np.float64]:
        """The similarity of each of some rows (ascending) to each, (m, m)."""
        chosen = self.space.vectors[rows]
        apart = distances_between(chosen, chosen, self.space.distance, self.space.unit)
        similar = self.metric.similarity(apart)
        for first, second, value in listed:
            one, other = np.searchsorted(rows, (first, second)).tolist()
            if max(one, other) < len(rows) and (rows[one], rows[other]) == (first, second):
                similar[one, other] = similar[other, one] = max(similar[one, other], value)
        return similar


def find_components(
    similarity: pd.DataFrame,
    items: pd.DataFrame,
    vectors: Vectors,
    metric: Metric,
    options: ComponentOptions,
) -> Components:
    """Connected components of the pairs at least ``cc_threshold`` similar, largest first.

    Args:
        similarity: the table similarity.
        items: the table items.
        vectors: float32 (n, width), embeddings by ``embedding_row``.
        metric: how they are compared, the same as that of ``similarity``.
        options: the threshold.
    """
    edges = similarity[similarity["similarity"] >= options.cc_threshold]
    if edges.empty or not options.run_cc:
        return Components(empty(COMPONENTS), empty(COMPONENT_INFO))
    members = _members(edges)
    row_of = items.set_index("id")["embedding_row"]
    rows = row_of.loc[members["id"]].to_numpy(np.int64)
    contents = _Contents(space_of(vectors, metric.distance), metric)
    listed = _rotated_pairs(edges, members, row_of, contents)
    info = _describe_all(members, rows, contents, listed)
    described = members.merge(info.drop(columns="representative"), on="component_id")
    return Components(described.reindex(columns=COMPONENTS.column_names), info)


def _rotated_pairs(
    edges: pd.DataFrame, members: pd.DataFrame, row_of: pd.Series, contents: _Contents
) -> dict[int, _ListedPairs]:
    """The pairs that were listed as more alike than their embeddings are, by component."""
    metric, space = contents.metric, contents.space
    if metric.distance not in ("cosine", "euclidean"):
        return {}
    first = row_of.loc[edges["from"]].to_numpy(np.int64)
    second = row_of.loc[edges["to"]].to_numpy(np.int64)
    upright = metric.similarity(space.distances(first, second[:, None]))[:, 0]
    rotated = edges["similarity"].to_numpy() > upright + _ROUNDING
    component = members.set_index("id")["component_id"].loc[edges["from"][rotated]]
    pairs: dict[int, _ListedPairs] = {}
    for number, low, high, similarity in zip(
        component.tolist(),
        np.minimum(first, second)[rotated].tolist(),
        np.maximum(first, second)[rotated].tolist(),
        edges["similarity"][rotated].tolist(),
        strict=True,
    ):
        pairs.setdefault(number, []).append((low, high, similarity))
    return pairs


def _describe_all(
    members: pd.DataFrame, rows: _Rows, contents: _Contents, listed: dict[int, _ListedPairs]
) -> pd.DataFrame:
    """The table component_info; members are sorted by component, ``rows`` are their vectors."""
    ids = members["id"].to_numpy(np.int64)
    ends = np.cumsum(np.bincount(members["component_id"].to_numpy(np.int64)))
    parts = zip(np.split(ids, ends[:-1]), np.split(rows, ends[:-1]), strict=True)
    described = [
        {"component_id": number, **_describe(*part, contents, listed.get(number, []))}
        for number, part in enumerate(parts)
    ]
    return pd.DataFrame(described).reindex(columns=COMPONENT_INFO.column_names)


def _members(edges: pd.DataFrame) -> pd.DataFrame:
    """Item and component of every item on an edge; component 0 is the largest, ties by first id."""
    ids, ends = np.unique(edges[["from", "to"]].to_numpy(), return_inverse=True)
    ends = ends.reshape(-1, 2)
    graph = coo_matrix(
        (np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), (len(ids), len(ids))
    )
    _, labels = connected_components(graph, directed=False)
    sizes = np.bincount(labels)
    first = np.full(len(sizes), len(ids))
    np.minimum.at(first, labels, np.arange(len(ids)))
    rank = np.empty(len(sizes), np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    members = pd.DataFrame({"id": ids, "component_id": rank[labels]})
    return members.sort_values(["component_id", "id"], ignore_index=True)


def _describe(
    ids: _Rows, member_rows: _Rows, contents: _Contents, listed: _ListedPairs
) -> dict[str, object]:
    """Size, similarities and representative (the image most like the others) of one component."""
    rows, weights = _even_sample(*np.unique(member_rows, return_counts=True))
    similarity = contents.similarities(rows, listed)
    np.fill_diagonal(similarity, 1.0)
    pairs = weights[:, None] * weights[None, :] - np.diag(weights)
    counted = similarity[pairs > 0]
    typical = rows[np.argmax((similarity * weights).sum(axis=1).round(6))]
    return {
        "count": len(ids),
        "mean_similarity": round(float(np.average(similarity, weights=pairs)), 6),
        "min_similarity": float(counted.min()),
        "max_similarity": float(counted.max()),
        "representative": int(ids[np.argmax(member_rows == typical)]),
    }


def _even_sample(rows: _Rows, weights: _Rows) -> tuple[_Rows, _Rows]:
    """All rows and their numbers of copies, or :data:`ALL_PAIRS_LIMIT` of them."""
    if len(rows) <= ALL_PAIRS_LIMIT:
        return rows, weights
    chosen = np.linspace(0, len(rows) - 1, ALL_PAIRS_LIMIT, dtype=np.int64)
    return rows[chosen], weights[chosen]
