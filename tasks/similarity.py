"""The stages that compare embeddings, and hold splits and labels against what is alike."""

from __future__ import annotations

import numpy as np

from imgvet.annotations.probabilities import ProbabilitiesReference
from imgvet.models.model import Model
from imgvet.options import (
    ComponentOptions,
    GroupOptions,
    NeighborOptions,
    OutlierOptions,
    SimilarityOptions,
)
from imgvet.parameters import Frozen
from imgvet.quality import label_issues, leaks
from imgvet.similarity import (
    components,
    groups,
    neighbors,
    outliers,
    pairs,
    rotations,
    verify,
    videos,
)
from imgvet.similarity.distances import Metric
from imgvet.similarity.search import EarlierSearch, path_of
from imgvet.store.references import Reference, load_array, load_table, store_table
from imgvet.summary import LabelStructure
from imgvet.tables import BY_NAME, LABEL_ISSUES, LEAKS, NEIGHBORS, OUTLIERS, SIMILARITY
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage


class NeighborSearch(Frozen):
    """The table neighbors, and the recall of the search."""

    neighbors: Reference
    recall: float


class OutlierSearch(Frozen):
    """What :func:`imgvet.similarity.outliers.find_outliers` finds."""

    outliers: Reference
    median_similarity: float | None


class LabelSearch(Frozen):
    """The table label_issues, and how well labels follow what is seen."""

    label_issues: Reference
    structure: LabelStructure


@cached_stage(neighbors.VERSION)
def find_neighbors(
    context: RunContext,
    embeddings: Reference,
    contents: Reference,
    options: NeighborOptions,
    metric: Metric,
) -> NeighborSearch:
    """The nearest neighbours of each distinct content.

    What an earlier run found saves time; it is no input, as the result does not depend on it.
    """
    work, vectors = context.work, np.asarray(load_array(context.work, embeddings))
    path = path_of(work, options)
    earlier = EarlierSearch.load(path)
    nearest = neighbors.find_neighbors(vectors, options, context.threads, earlier)
    if neighbors.is_exact(len(vectors), options):
        EarlierSearch.of(vectors, nearest.rows).save(path)
    ids = load_table(work, contents)["id"].to_numpy(np.int64)
    table = neighbors.as_table(nearest, ids, metric)
    return NeighborSearch(neighbors=store_table(work, NEIGHBORS, table), recall=nearest.recall)


@cached_stage(rotations.VERSION)
def find_rotated_duplicates(
    context: RunContext,
    nearest: Reference,
    contents: Reference,
    embeddings: Reference,
    model: Model,
    metric: Metric,
) -> Reference:
    """The table neighbors with rotated and flipped copies."""
    work, store = context.work, context.store
    frames = (load_table(work, nearest), load_table(work, contents))
    vectors = load_array(work, embeddings)
    table = rotations.find_rotated_duplicates(
        *frames, vectors, store, model, metric, context.threads
    )
    return store_table(work, NEIGHBORS, table)


@cached_stage(pairs.VERSION)
def find_similar_pairs(
    context: RunContext, nearest: Reference, items: Reference, options: SimilarityOptions
) -> Reference:
    """The pairs of the table similarity, and those that may come to be listed."""
    work, least = context.work, min(options.threshold, options.verify_threshold)
    table = pairs.similar_pairs(load_table(work, nearest), load_table(work, items), least)
    return store_table(work, SIMILARITY, table)


@cached_stage(verify.VERSION)
def verify_pairs(
    context: RunContext,
    alike: Reference,
    items: Reference,
    options: SimilarityOptions,
    apart: pairs.Apart,
) -> Reference:
    """The table similarity; pairs of contents ``apart`` are decided."""
    work = context.work
    frames = (load_table(work, alike)[pairs.COLUMNS], load_table(work, items))
    table = verify.verify_pairs(*frames, context.store, options, context.threads, apart)
    return store_table(work, SIMILARITY, table)


@cached_stage(components.VERSION)
def find_components(
    context: RunContext,
    nearest: Reference,
    alike: Reference,
    items: Reference,
    embeddings: Reference,
    options: ComponentOptions,
    comparison: pairs.Comparison,
) -> dict[str, Reference]:
    """The tables components and component_info; of videos video_pairs and frozen_stretches too."""
    work, rows = context.work, load_table(context.work, items)
    listed = pairs.similar_pairs(load_table(work, nearest), rows, options.cc_threshold)
    vectors = load_array(work, embeddings)
    found = components.find_components(listed, rows, vectors, options, comparison, context.threads)
    if videos.has_frames(rows):
        joined, seen = (found["components"], load_table(work, alike)), (rows, vectors)
        found["video_pairs"] = videos.video_pairs(*joined, *seen, comparison.metric)
        found["frozen_stretches"] = videos.frozen_stretches(*seen, comparison.metric)
    return {name: store_table(work, BY_NAME[name], table) for name, table in found.items()}


@cached_stage(outliers.VERSION)
def find_outliers(
    context: RunContext, nearest: Reference, items: Reference, options: OutlierOptions
) -> OutlierSearch:
    """The table outliers."""
    work = context.work
    table, median = outliers.find_outliers(
        load_table(work, nearest), load_table(work, items), options
    )
    stored = store_table(work, OUTLIERS, table)
    return OutlierSearch(outliers=stored, median_similarity=median)


@cached_stage(groups.VERSION)
def find_groups(
    context: RunContext,
    items: Reference,
    embeddings: Reference,
    options: GroupOptions,
    metric: Metric,
) -> dict[str, Reference]:
    """The tables groups and group_info, and split_coverage if there are splits; or none."""
    work = context.work
    vectors = load_array(work, embeddings)
    found = groups.find_groups(load_table(work, items), vectors, metric, options, context.threads)
    return {name: store_table(work, BY_NAME[name], table) for name, table in found.items()}


@cached_stage(leaks.VERSION)
def find_leaks(
    context: RunContext,
    alike: Reference,
    items: Reference,
    embeddings: Reference,
    options: SimilarityOptions,
    comparison: pairs.Comparison,
) -> Reference:
    """The table leaks."""
    work = context.work
    frames = (load_table(work, alike), load_table(work, items))
    vectors = load_array(work, embeddings)
    found = leaks.find_leaks(*frames, vectors, options, comparison, context.threads)
    return store_table(work, LEAKS, found)


@cached_stage(label_issues.VERSION)
def find_label_issues(
    context: RunContext,
    items: Reference,
    embeddings: Reference,
    search: NeighborOptions,
    probabilities: ProbabilitiesReference | None,
    right: tuple[str, ...],
) -> LabelSearch:
    """The table label_issues; the labels of the contents ``right`` are."""
    work = context.work
    rows, vectors = load_table(work, items), np.asarray(load_array(work, embeddings))
    given = None if probabilities is None else probabilities.load(rows["filename"].tolist())
    if given is not None:
        given.index = rows.index
    table, structure = label_issues.find_label_issues(
        rows, vectors, search, context.threads, given, right
    )
    return LabelSearch(label_issues=store_table(work, LABEL_ISSUES, table), structure=structure)
