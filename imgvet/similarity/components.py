"""Stage find_components: connected components of the graph of similar pairs.

Single linkage chains: two images of a component can be far less similar than ``cc_threshold``.
The similarities told of a component are therefore taken over all pairs of its distinct contents,
not over the pairs that joined it. A pair that was listed as more alike than its embeddings are
counts as it was listed: rotated duplicates are alike only upright.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from imgvet.options import ComponentOptions
from imgvet.similarity.distances import (
    Metric,
    Reals,
    Rows,
    Space,
    Vectors,
    distances_between,
    space_of,
)
from imgvet.similarity.pairs import PAIR
from imgvet.similarity.videos import group_by_video
from imgvet.tables import COMPONENT_INFO, COMPONENTS, empty

VERSION = 5

ALL_PAIRS_LIMIT = 2_000
"""Larger components are described by an even sample of this many distinct contents."""

_ROUNDING = 1e-3


def find_components(
    similarity: pd.DataFrame,
    items: pd.DataFrame,
    vectors: Vectors,
    metric: Metric,
    options: ComponentOptions,
) -> dict[str, pd.DataFrame]:
    """Connected components of the pairs at least ``cc_threshold`` similar, largest first.

    Args:
        similarity: the table similarity.
        items: the table items.
        vectors: float32 (n, width), embeddings by ``embedding_row``.
        metric: how they are compared, the same as that of ``similarity``.
        options: cc_threshold.

    Returns:
        The tables components and component_info, and video_pairs if there are videos.
    """
    edges = similarity[similarity["similarity"] >= options.cc_threshold]
    if edges.empty or not options.run_cc:
        return group_by_video(empty(COMPONENTS), empty(COMPONENT_INFO), items)
    ids, ends = np.unique(edges[PAIR].to_numpy(), return_inverse=True)
    ends = ends.reshape(-1, 2)
    labels = _labels(ends, len(ids))
    rows = items.set_index("id")["embedding_row"].loc[ids].to_numpy(np.int64)
    joined = np.argsort(labels[ends[:, 0]], kind="stable")
    members = np.argsort(labels, kind="stable")
    parts = zip(
        _split(ids[members], labels[members]),
        _split(rows[members], labels[members]),
        _split(rows[ends[joined]], labels[ends[joined, 0]]),
        _split(edges["similarity"].to_numpy()[joined], labels[ends[joined, 0]]),
        strict=True,
    )
    space = space_of(vectors, metric.distance)
    described = [
        {"component_id": number, **_describe(*part, space, metric)}
        for number, part in enumerate(parts)
    ]
    info = pd.DataFrame(described).reindex(columns=COMPONENT_INFO.column_names)
    table = pd.DataFrame({"id": ids[members], "component_id": labels[members]})
    table = table.merge(info.drop(columns="representative"), on="component_id")
    return group_by_video(table.reindex(columns=COMPONENTS.column_names), info, items)


def _labels(ends: Rows, count: int) -> Rows:
    """The component of each of ``count`` nodes; 0 is the largest, ties by the first node."""
    graph = coo_array((np.ones(len(ends), np.int8), tuple(ends.T)), (count, count))
    _, labels = connected_components(graph, directed=False)
    _, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    return np.argsort(np.lexsort((first, -sizes)))[labels]


def _split(values: NDArray[Any], components: Rows) -> list[NDArray[Any]]:
    """The values of each component, which are in their order."""
    return np.split(values, np.cumsum(np.bincount(components))[:-1])


def _describe(
    ids: Rows, member_rows: Rows, pairs: Rows, listed: Reals, space: Space, metric: Metric
) -> dict[str, object]:
    """Size, similarities and representative (the image most like the others) of one component."""
    rows, weights = np.unique(member_rows, return_counts=True)
    if len(rows) > ALL_PAIRS_LIMIT:
        chosen = np.linspace(0, len(rows) - 1, ALL_PAIRS_LIMIT, dtype=np.int64)
        rows, weights = rows[chosen], weights[chosen]
    contents = space.vectors[rows]
    apart = distances_between(contents, contents, space.distance, space.unit)
    similarity = metric.similarity(apart)
    one, other = np.searchsorted(rows, pairs).clip(max=len(rows) - 1).T
    known = (rows[one] == pairs[:, 0]) & (rows[other] == pairs[:, 1])
    rotated = known & (listed > similarity[one, other] + _ROUNDING)
    one, other = one[rotated], other[rotated]
    similarity[one, other] = similarity[other, one] = listed[rotated]
    np.fill_diagonal(similarity, 1.0)
    pair_weights = weights[:, None] * weights[None, :] - np.diag(weights)
    counted = similarity[pair_weights > 0]
    typical = rows[np.argmax((similarity * weights).sum(axis=1).round(6))]
    return {
        "count": len(ids),
        "mean_similarity": round(float(np.average(similarity, weights=pair_weights)), 6),
        "min_similarity": float(counted.min()),
        "max_similarity": float(counted.max()),
        "representative": int(ids[np.argmax(member_rows == typical)]),
    }
