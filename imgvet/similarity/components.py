"""Stage find_components: connected components of the graph of similar pairs.

A component does not depend on k, the number of neighbours listed for each image: contents whose
lists are full are compared with those of other components as well.

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

from imgvet.options import ComponentOptions, NeighborOptions
from imgvet.similarity.distances import (
    Metric,
    Reals,
    Rows,
    Space,
    Vectors,
    distances_between,
    space_of,
)
from imgvet.similarity.neighbors import find_neighbors, is_exact
from imgvet.similarity.pairs import PAIR, with_full_lists
from imgvet.similarity.videos import group_by_video
from imgvet.tables import COMPONENT_INFO, COMPONENTS, empty

VERSION = 7

ALL_PAIRS_LIMIT = 2_000
"""Larger components are described by an even sample of this many distinct contents."""

WIDE_K = 32
"""Neighbours that are looked for instead of k, where there are too many full lists to compare."""

_ROUNDING = 1e-3
_MARGIN = 1e-5
"""Similarities nearer to ``cc_threshold`` than this are computed anew, in double precision."""
_BLOCK_PAIRS = 1 << 20


def find_components(
    pairs: pd.DataFrame,
    items: pd.DataFrame,
    vectors: Vectors,
    metric: Metric,
    options: ComponentOptions,
    search: NeighborOptions,
    threads: int,
) -> dict[str, pd.DataFrame]:
    """Connected components of all pairs at least ``cc_threshold`` similar, largest first.

    The pairs, as in the table similarity, are those that ``search`` listed by the same metric;
    embeddings, float32 (n, width), are in order of ``embedding_row``. The tables are components and
    component_info, and video_pairs if there are videos.
    """
    edges = pairs[pairs["similarity"] >= options.cc_threshold]
    if edges.empty or not options.run_cc:
        return group_by_video(empty(COMPONENTS), empty(COMPONENT_INFO), items)
    ids, ends = np.unique(edges[PAIR].to_numpy(), return_inverse=True)
    ends = ends.reshape(-1, 2)
    rows = items.set_index("id")["embedding_row"].loc[ids].to_numpy(np.int64)
    space = space_of(vectors, metric.distance)
    labels = _labels(ends, len(ids))
    contents, first = np.unique(rows, return_index=True)
    full = first[np.isin(contents, with_full_lists(rows[ends], search.nearest_neighbors_k))]
    full = full[np.argsort(labels[full], kind="stable")]
    if is_exact(len(full), search):
        joins = full[_exact_joins(space, metric, rows[full], labels[full], options.cc_threshold)]
    else:
        joins = full[_wide_joins(space, metric, rows[full], options.cc_threshold, search, threads)]
    labels = _labels(np.concatenate([ends, joins]), len(ids))
    of_edges = labels[ends[:, 0]]
    parts = zip(
        _split(ids, labels),
        _split(rows, labels),
        _split(rows[ends], of_edges),
        _split(edges["similarity"].to_numpy(), of_edges),
        strict=True,
    )
    info = pd.DataFrame([_describe(*part, space, metric) for part in parts])
    info = info.assign(component_id=info.index).reindex(columns=COMPONENT_INFO.column_names)
    table = pd.DataFrame({"id": ids, "component_id": labels}).sort_values(["component_id", "id"])
    table = table.merge(info.drop(columns="representative"), on="component_id")
    return group_by_video(table.reindex(columns=COMPONENTS.column_names), info, items)


def _exact_joins(space: Space, metric: Metric, rows: Rows, labels: Rows, limit: float) -> Rows:
    """Pairs of places in ``rows``, (m, 2), that join components; rows are sorted by their labels.

    Each content is compared with those of the components after its own, so that a single large
    component costs nothing.
    """
    joins = [np.empty((0, 2), np.int64)]
    step = max(1, _BLOCK_PAIRS // max(len(rows), 1))
    for start in range(0, len(rows), step):
        rest = int(np.searchsorted(labels, labels[start], "right"))
        if rest == len(rows):
            break
        part, others = np.arange(start, min(start + step, len(rows))), np.arange(rest, len(rows))
        one, other = space.vectors[rows[part]], space.vectors[rows[others]]
        apart = distances_between(one, other, space.distance, space.unit)
        tops, lefts = _starts(labels[part]), _starts(labels[others])
        least = np.minimum.reduceat(np.minimum.reduceat(apart, lefts, axis=1), tops, axis=0)
        best = metric.similarity(least)
        for top, left in np.argwhere(best >= limit - _MARGIN).tolist():
            found = (part[tops[top]], others[lefts[left]])
            if best[top, left] >= limit + _MARGIN:
                joins.append(np.array([found]))
                continue
            down = slice(tops[top], tops[top + 1] if top + 1 < len(tops) else None)
            across = slice(lefts[left], lefts[left + 1] if left + 1 < len(lefts) else None)
            close = np.argwhere(metric.similarity(apart[down, across]) >= limit - _MARGIN)
            queries, against = rows[part[down][close[:, 0]]], rows[others[across][close[:, 1]]]
            exact = metric.similarity(space.distances(queries, against[:, None]))
            if (exact >= limit).any():
                joins.append(np.array([found]))
    return np.concatenate(joins)


def _starts(labels: Rows) -> Rows:
    """Where each run of equal labels starts."""
    return np.flatnonzero(np.diff(labels, prepend=-1))


def _wide_joins(
    space: Space, metric: Metric, rows: Rows, limit: float, search: NeighborOptions, threads: int
) -> Rows:
    """Pairs of places in ``rows`` that are similar, among more neighbours than were listed."""
    k = max(WIDE_K, 2 * search.nearest_neighbors_k)
    wide = search.model_copy(update={"nearest_neighbors_k": k})
    places = find_neighbors(space.vectors[rows], wide, threads).rows
    others = np.where(places < 0, -1, rows[places])
    one, rank = np.nonzero(metric.similarity(space.distances(rows, others)) >= limit)
    return np.column_stack([one, places[one, rank]])


def _labels(ends: Rows, count: int) -> Rows:
    """The component of each of ``count`` nodes; 0 is the largest, ties by the first node."""
    graph = coo_array((np.ones(len(ends), np.int8), tuple(ends.T)), (count, count))
    _, labels = connected_components(graph, directed=False)
    _, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    return np.argsort(np.lexsort((first, -sizes)))[labels]


def _split(values: NDArray[Any], components: Rows) -> list[NDArray[Any]]:
    """The values of each component."""
    order = np.argsort(components, kind="stable")
    return np.split(values[order], np.cumsum(np.bincount(components))[:-1])


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
