"""Stage find_components: connected components of the graph of similar pairs.

A component does not depend on k, the number of neighbours listed for each image: contents whose
lists are full are compared with those of other components as well.

Single linkage chains: two images of a component can be far less similar than ``cc_threshold``.
The similarities told of a component are therefore taken over all pairs of its distinct contents,
not over the pairs that joined it; where ``cc_min_similarity`` is given, components are cut into
parts in which that is the least. A pair that was listed as more alike than its embeddings are
counts as it was listed: rotated duplicates are alike only upright.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.options import ComponentOptions
from imgvet.similarity.distances import Reals, Rows, Space, Vectors, space_of
from imgvet.similarity.linkage import parts_of
from imgvet.similarity.neighbors import is_exact, wide_pairs
from imgvet.similarity.pairs import (
    PAIR,
    Comparison,
    are_decided,
    decided_rows,
    families_of,
    with_full_lists,
)
from imgvet.similarity.videos import group_by_video
from imgvet.tables import COMPONENT_INFO, COMPONENTS, empty

VERSION = 11

ALL_PAIRS_LIMIT = 2_000
"""Larger components are described by an even sample of this many distinct contents."""

_ROUNDING = 1e-3
_MARGIN = 1e-5
"""Similarities at most this far below ``cc_threshold`` are computed anew, in double precision."""
_BLOCK_PAIRS = 1 << 23


def find_components(
    pairs: pd.DataFrame,
    items: pd.DataFrame,
    vectors: Vectors,
    options: ComponentOptions,
    comparison: Comparison,
    threads: int,
) -> dict[str, pd.DataFrame]:
    """Connected components of all pairs at least ``cc_threshold`` similar, largest first.

    The pairs, as in the table similarity, are those that this ``comparison`` listed; what is apart
    by it joins nothing by itself. Embeddings, float32 (n, width), are in order of
    ``embedding_row``. The tables are components and component_info.
    """
    edges = pairs[pairs["similarity"] >= options.cc_threshold]
    if edges.empty or not options.run_cc:
        return group_by_video(empty(COMPONENTS), empty(COMPONENT_INFO), items)
    search, space = comparison.search, space_of(vectors, comparison.metric)
    ids, ends = np.unique(edges[PAIR].to_numpy(), return_inverse=True)
    ends = ends.reshape(-1, 2)
    rows = items.set_index("id")["embedding_row"].loc[ids].to_numpy(np.int64)
    decided = decided_rows(comparison.apart, items)
    joined = ~are_decided(rows[ends[:, 0]], rows[ends[:, 1]], decided)
    labels = _labels(ends[joined], len(ids))
    contents, first = np.unique(rows, return_index=True)
    full = first[np.isin(contents, with_full_lists(rows[ends], search.nearest_neighbors_k))]
    full = full[np.argsort(labels[full], kind="stable")]
    if is_exact(len(full), search):
        at_least = (options.cc_threshold, decided)
        joins = full[_exact_joins(space, rows[full], labels[full], *at_least)]
    else:
        joins = full[wide_pairs(space, rows[full], options.cc_threshold, search, threads)]
        joins = joins[~are_decided(rows[joins[:, 0]], rows[joins[:, 1]], decided)]
    labels = _labels(np.concatenate([ends[joined], joins]), len(ids))
    listed = edges["similarity"].to_numpy()[joined]
    graph, chains = _Graph(ids, rows, labels, ends[joined], listed).without_lone(), None
    if options.cc_min_similarity is not None and len(graph.ids):
        graph, chains = _cut(graph, options.cc_min_similarity, space)
    if not len(graph.ids):
        return group_by_video(empty(COMPONENTS), empty(COMPONENT_INFO), items)
    info = pd.DataFrame([_describe(*part, space) for part in graph.parts()])
    info = info.assign(component_id=info.index, chain_id=chains)
    info = info.reindex(columns=COMPONENT_INFO.column_names)
    table = pd.DataFrame({"id": graph.ids, "component_id": graph.labels})
    table = table.sort_values(["component_id", "id"])
    table = table.merge(info.drop(columns=["representative", "chain_id"]), on="component_id")
    return group_by_video(table.reindex(columns=COMPONENTS.column_names), info, items)


def _exact_joins(space: Space, rows: Rows, labels: Rows, limit: float, decided: Rows) -> Rows:
    """Pairs of places in ``rows``, (m, 2), that join components; rows are sorted by their labels.

    Each content is compared with those of the components after its own, so that a single large
    component costs nothing.
    """
    joins, space = [np.empty((0, 2), np.int64)], replace(space, vectors=space.vectors[rows])
    step = max(1, _BLOCK_PAIRS // max(len(rows), 1))
    for start in range(0, len(rows), step):
        rest = int(np.searchsorted(labels, labels[start], "right"))
        if rest == len(rows):
            break
        part, others = np.arange(start, min(start + step, len(rows))), np.arange(rest, len(rows))
        apart = space.between(slice(start, start + step), slice(rest, None))
        if len(decided):
            apart[are_decided(rows[part][:, None], rows[others], decided)] = np.inf
        tops, lefts = _bounds(labels[part]), _bounds(labels[others])
        least = np.minimum.reduceat(apart, lefts[:-1], axis=1)
        least = np.minimum.reduceat(least, tops[:-1], axis=0)
        for top, left in np.argwhere(space.metric.similarity(least) >= limit - _MARGIN).tolist():
            block = apart[tops[top] : tops[top + 1], lefts[left] : lefts[left + 1]]
            row, column = np.unravel_index(block.argmin(), block.shape)
            nearest = np.array([[part[tops[top] + row], others[lefts[left] + column]]])
            if space.similarities(nearest[:, 0], nearest[:, 1:]) >= limit:
                joins.append(nearest)
    return np.concatenate(joins)


def _bounds(labels: Rows) -> Rows:
    """Where each run of equal labels starts, and where the last one ends."""
    return np.append(np.flatnonzero(np.diff(labels, prepend=-1)), len(labels))


def _labels(ends: Rows, count: int) -> Rows:
    """The component of each of ``count`` nodes; 0 is the largest, ties by the first node."""
    return _numbered(families_of(ends, count))


def _numbered(labels: Rows) -> Rows:
    """Other numbers of components: 0 is the largest, ties by the first member."""
    _, labels = np.unique(labels, return_inverse=True)
    _, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    return np.argsort(np.lexsort((first, -sizes)))[labels]


class _Graph(NamedTuple):
    """Images and the listed pairs that join them."""

    ids: Rows
    rows: Rows
    """Their embeddings."""
    labels: Rows
    """Their components."""
    ends: Rows
    """(m, 2), places in ``ids``."""
    listed: Reals
    """(m,), the similarities of these pairs."""

    def without_lone(self) -> _Graph:
        """Without images that are alone in their component, and pairs that are in none."""
        labels, ends = self.labels, self.ends
        several = np.bincount(labels)[labels] > 1
        inside = (labels[ends[:, 0]] == labels[ends[:, 1]]) & several[ends[:, 0]]
        places = np.cumsum(several) - 1
        return _Graph(
            self.ids[several],
            self.rows[several],
            labels[several],
            places[ends[inside]],
            self.listed[inside],
        )

    def parts(self) -> Iterator[tuple[Rows, Rows, Rows, Reals]]:
        """Of each component the images, their rows, and the pairs of rows with similarities."""
        of_pairs, count = self.labels[self.ends[:, 0]], int(self.labels.max()) + 1
        return zip(
            _split(self.ids, self.labels, count),
            _split(self.rows, self.labels, count),
            _split(self.rows[self.ends], of_pairs, count),
            _split(self.listed, of_pairs, count),
            strict=True,
        )


def _cut(graph: _Graph, least: float, space: Space) -> tuple[_Graph, Rows]:
    """The graph cut into parts in which any two are so similar, and of each part the component.

    Images that are then alone are left out.
    """
    labels = np.empty_like(graph.labels)
    for component, (ids, member_rows, pairs, listed) in enumerate(graph.parts()):
        rows, place = np.unique(member_rows, return_inverse=True)
        similar = partial(_similarities, space=space, pairs=pairs, listed=listed)
        parts = parts_of(rows, similar, least, ALL_PAIRS_LIMIT)
        labels[np.searchsorted(graph.ids, ids)] = component * len(graph.ids) + parts[place]
    cut = graph._replace(labels=_numbered(labels)).without_lone()
    first = np.unique(cut.labels, return_index=True)[1]
    return cut, graph.labels[np.searchsorted(graph.ids, cut.ids[first])]


def _similarities(rows: Rows, others: Rows, *, space: Space, pairs: Rows, listed: Reals) -> Reals:
    """Similarities of contents, both in order; those of ``pairs`` as listed if that is more."""
    similarity = space.alike(rows, others)
    for ends in (pairs, pairs[:, ::-1]):
        row, column = np.searchsorted(rows, ends[:, 0]), np.searchsorted(others, ends[:, 1])
        row, column = row.clip(max=len(rows) - 1), column.clip(max=len(others) - 1)
        known = (rows[row] == ends[:, 0]) & (others[column] == ends[:, 1])
        known &= listed > similarity[row, column] + _ROUNDING
        similarity[row[known], column[known]] = listed[known]
    return similarity


def _split(values: NDArray[Any], components: Rows, count: int) -> list[NDArray[Any]]:
    """The values of each of ``count`` components."""
    order = np.argsort(components, kind="stable")
    return np.split(values[order], np.cumsum(np.bincount(components, minlength=count))[:-1])


def _describe(
    ids: Rows, member_rows: Rows, pairs: Rows, listed: Reals, space: Space
) -> dict[str, object]:
    """Size, similarities and representative (the image most like the others) of one component."""
    rows, weights = np.unique(member_rows, return_counts=True)
    if len(rows) > ALL_PAIRS_LIMIT:
        chosen = np.linspace(0, len(rows) - 1, ALL_PAIRS_LIMIT, dtype=np.int64)
        rows, weights = rows[chosen], weights[chosen]
    similarity = _similarities(rows, rows, space=space, pairs=pairs, listed=listed)
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
