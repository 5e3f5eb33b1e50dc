"""Stage find_groups: what is in a dataset, as groups of similar content; and small subsets of it.

Groups come from k-means, unlike components, which join copies: every image is in one group.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import pandas as pd

from imgvet.options import GroupOptions
from imgvet.similarity.distances import Metric, Reals, Rows, Space, Vectors, blocks, space_of
from imgvet.similarity.search import k_means
from imgvet.tables import GROUP_INFO, GROUPS, SPLIT_COVERAGE
from imgvet.threads import threads_of_faiss

VERSION = 2

LEAST_CONTENTS = 50
"""With fewer distinct contents a person sees them all at a glance: there are no groups."""

MOST_GROUPS = 100
"""More are never chosen automatically: people look at each."""

COVERAGE_SAMPLE = 2_000
"""Images of a split that are compared with another one, evenly chosen."""

_ROUNDS, _SAMPLE = 20, 128
_BLOCK_PAIRS, _BLOCK_ROWS = 1 << 23, 1 << 16


def find_groups(
    items: pd.DataFrame, vectors: Vectors, metric: Metric, options: GroupOptions, threads: int
) -> dict[str, pd.DataFrame]:
    """The tables groups and group_info, and split_coverage if there are two splits; or none.

    Embeddings, float32 (n, width), are in order of the items' ``embedding_row``. The number of
    groups is ``num_groups``, or the square root of half the number of contents (Mardia, Kent and
    Bibby, Multivariate Analysis, 1979, page 365), at most :data:`MOST_GROUPS`.
    """
    valid = items[items["embedding_row"].notna()]
    if options.num_groups == 0 or (options.num_groups is None and len(vectors) < LEAST_CONTENTS):
        return {}
    wanted = options.num_groups or min(round(sqrt(len(vectors) / 2)), MOST_GROUPS)
    space = space_of(vectors, metric)
    group_of, centres = _clusters(space, wanted, threads)
    found = _tables(valid, space, group_of, centres)
    splits = valid["split"].dropna().unique()
    if len(splits) > 1:
        found["split_coverage"] = split_coverage(valid, space)
    return found


def representative_subset(vectors: Vectors, metric: Metric, count: int, threads: int) -> Rows:
    """Rows of ``count`` embeddings, (n, width), that stand for all: one of each of so many groups.

    In order of the rows; all of them if there are no more than that. Common content comes as often
    as it is common, as far as that many groups can tell it apart.
    """
    space = space_of(vectors, metric)
    if count >= len(vectors):
        return np.arange(len(vectors))
    return np.unique(_representatives(space, *_clusters(space, count, threads)))


def farthest_subset(vectors: Vectors, metric: Metric, count: int) -> Rows:
    """Rows of ``count`` embeddings, (n, width), each as unlike those before it as any.

    The first is the one nearest to the mean. The greatest distance of what is left out to what was
    chosen is at most twice the least that is possible (Gonzalez, Clustering to Minimize the Maximum
    Intercluster Distance, Theoretical Computer Science 38, 1985). Rare images come early.
    """
    space = space_of(vectors, metric)
    middle = vectors.mean(axis=0, dtype=np.float64)
    chosen = [int(np.argmin(np.square(vectors - middle).sum(axis=1)))]
    nearest = np.full(len(vectors), np.inf)
    while len(chosen) < min(count, len(vectors)):
        apart = space.between(slice(None), np.array(chosen[-1:]))[:, 0]
        nearest = np.minimum(nearest, apart)
        nearest[chosen] = -np.inf
        chosen.append(int(np.argmax(nearest)))
    return np.array(chosen, np.int64)


def _clusters(space: Space, count: int, threads: int) -> tuple[Rows, Vectors]:
    """The cluster of each embedding and the centres, by k-means on at most 128 for each centre."""
    data = np.ascontiguousarray(space.data, np.float32)
    threads_of_faiss(threads)
    means = k_means(space, data, min(count, len(data)), _ROUNDS, _SAMPLE)
    _, nearest = means.index.search(data, 1)
    return nearest[:, 0].astype(np.int64), means.centroids


def _representatives(space: Space, group_of: Rows, centres: Vectors) -> Rows:
    """The row nearest to the centre of its group, for each group that has any."""
    apart = np.empty(len(space), np.float32)
    for part in blocks(len(space), _BLOCK_ROWS):
        apart[part] = np.square(space.data[part] - centres[group_of[part]]).sum(axis=1)
    order = np.lexsort((apart, group_of))
    return order[np.flatnonzero(np.diff(group_of[order], prepend=-1))]


def _tables(
    valid: pd.DataFrame, space: Space, group_of: Rows, centres: Vectors
) -> dict[str, pd.DataFrame]:
    """Groups by size, largest first, ties by their first image."""
    rows = valid["embedding_row"].to_numpy(np.int64)
    typical = np.full(len(centres), -1, np.int64)
    chosen = _representatives(space, group_of, centres)
    typical[group_of[chosen]] = chosen
    frame = pd.DataFrame({"id": valid["id"].to_numpy(), "group": group_of[rows]})
    frame["similarity"] = space.similarities(rows, typical[group_of[rows]][:, None])[:, 0]
    info = frame.groupby("group").agg(
        count=("id", "size"), first=("id", "min"), mean_similarity=("similarity", "mean")
    )
    info = info.sort_values(["count", "first"], ascending=[False, True]).reset_index()
    first_with = valid.groupby("embedding_row")["id"].min()
    info["representative"] = first_with.reindex(typical[info["group"]]).to_numpy()
    info["mean_similarity"] = info["mean_similarity"].round(6)
    info["group_id"] = info.index
    frame["group_id"] = frame["group"].map(info.set_index("group")["group_id"])
    return {
        "groups": frame[GROUPS.column_names],
        "group_info": info[GROUP_INFO.column_names],
    }


def split_coverage(valid: pd.DataFrame, space: Space) -> pd.DataFrame:
    """How alike the images of each split are to the nearest image of each other one."""
    found = []
    rows_of = valid.groupby("split")["embedding_row"].unique()
    for split, rows in rows_of.items():
        places = np.linspace(0, len(rows) - 1, min(len(rows), COVERAGE_SAMPLE)).astype(np.int64)
        chosen = np.sort(rows.astype(np.int64))[places]
        for other, other_rows in rows_of.drop(split).items():
            nearest = _nearest_similarity(space, chosen, other_rows.astype(np.int64))
            low, middle = np.quantile(nearest, [0.05, 0.5])
            found.append((split, other, len(chosen), round(middle, 6), round(low, 6)))
    return pd.DataFrame(found, columns=SPLIT_COVERAGE.column_names)


def _nearest_similarity(space: Space, rows: Rows, others: Rows) -> Reals:
    """The similarity of each row to the nearest of the others."""
    nearest, least = np.full(len(rows), -1), np.full(len(rows), np.inf)
    for part in blocks(len(others), _BLOCK_PAIRS, len(rows)):
        apart = space.between(rows, others[part])
        place = apart.argmin(axis=1)
        closest = apart[np.arange(len(rows)), place]
        nearest = np.where(closest < least, others[part][place], nearest)
        least = np.minimum(closest, least)
    return space.similarities(rows, nearest[:, None])[:, 0]
