"""Stages find_neighbors, find_components and find_outliers."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from imgvet.models.model import Model
from imgvet.options import ComponentOptions, NeighborOptions, OutlierOptions, SimilarityOptions
from imgvet.similarity import components, known, neighbors, outliers, pairs, turned_copies, videos
from imgvet.similarity.distances import Metric
from imgvet.similarity.update import Known, keys_of
from imgvet.store.references import Reference, load_array, load_table, store_table
from imgvet.tables import COMPONENT_INFO, COMPONENTS, NEIGHBORS, OUTLIERS, SIMILARITY, VIDEO_PAIRS
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage


class FoundNeighbors(BaseModel):
    """The table neighbors, and the recall of the search."""

    model_config = ConfigDict(frozen=True)

    neighbors: Reference
    recall: float


class FoundComponents(BaseModel):
    """The tables components and component_info, and video_pairs if there are videos."""

    model_config = ConfigDict(frozen=True)

    components: Reference
    component_info: Reference
    video_pairs: Reference | None


class FoundOutliers(BaseModel):
    """The table outliers, the ids whose robust score stands out, and the median similarity."""

    model_config = ConfigDict(frozen=True)

    outliers: Reference
    robust: tuple[int, ...]
    median_similarity: float | None


@cached_stage(version=4)
def find_neighbors(
    context: RunContext,
    embeddings: Reference,
    contents: Reference,
    options: NeighborOptions,
    metric: Metric,
) -> FoundNeighbors:
    """The nearest neighbours of each distinct content.

    What an earlier run found saves time; it is no input, as the result does not depend on it.
    """
    vectors = np.asarray(load_array(context.work, embeddings))
    path = known.known_path(context.work, options)
    found = neighbors.find_neighbors(vectors, options, context.threads, known.read_known(path))
    if neighbors.is_exact(len(vectors), options):
        known.write_known(path, Known(keys_of(vectors), found.rows))
    ids = load_table(context.work, contents)["id"].to_numpy(np.int64)
    table = neighbors.as_table(found, ids, metric)
    return FoundNeighbors(
        neighbors=store_table(context.work, NEIGHBORS, table), recall=found.recall
    )


@cached_stage(version=2)
def find_turned_copies(
    context: RunContext,
    nearest: Reference,
    contents: Reference,
    embeddings: Reference,
    model: Model,
    metric: Metric,
) -> Reference:
    """The table neighbors with mirrored and turned copies."""
    work = context.work
    found = turned_copies.Upright(
        load_table(work, nearest), load_table(work, contents), load_array(work, embeddings)
    )
    table = turned_copies.with_turned_copies(found, context.store, model, metric, context.threads)
    return store_table(work, NEIGHBORS, table)


@cached_stage(version=1)
def find_similar_pairs(
    context: RunContext, nearest: Reference, items: Reference, options: SimilarityOptions
) -> Reference:
    """The table similarity."""
    work = context.work
    table = pairs.similar_pairs(load_table(work, nearest), load_table(work, items), options)
    return store_table(work, SIMILARITY, table)


@cached_stage(version=4)
def find_components(
    context: RunContext,
    similarity: Reference,
    items: Reference,
    embeddings: Reference,
    options: ComponentOptions,
    metric: Metric,
) -> FoundComponents:
    """The tables components, component_info and video_pairs."""
    work = context.work
    rows = load_table(work, items)
    found = components.find_components(
        load_table(work, similarity), rows, load_array(work, embeddings), metric, options
    )
    grouped = videos.group_by_video(found.members, found.info, rows)
    pairs_found = grouped.pairs if videos.has_videos(rows) else None
    return FoundComponents(
        components=store_table(work, COMPONENTS, grouped.members),
        component_info=store_table(work, COMPONENT_INFO, grouped.info),
        video_pairs=None if pairs_found is None else store_table(work, VIDEO_PAIRS, pairs_found),
    )


@cached_stage(version=2)
def find_outliers(
    context: RunContext, nearest: Reference, items: Reference, options: OutlierOptions
) -> FoundOutliers:
    """The table outliers."""
    work = context.work
    found = outliers.find_outliers(load_table(work, nearest), load_table(work, items), options)
    return FoundOutliers(
        outliers=store_table(work, OUTLIERS, found.table),
        robust=tuple(found.robust),
        median_similarity=found.median_similarity,
    )
