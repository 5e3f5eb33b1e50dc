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
from imgvet.store.references import Reference
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
    vectors, path = np.asarray(context.array(embeddings)), path_of(context.work, options)
    earlier = EarlierSearch.load(path)
    nearest = neighbors.find_neighbors(vectors, options, context.threads, earlier)
    if neighbors.is_exact(len(vectors), options):
        EarlierSearch.of(vectors, nearest.rows).save(path)
    ids = context.table(contents)["id"].to_numpy(np.int64)
    table = neighbors.as_table(nearest, ids, metric)
    return NeighborSearch(neighbors=context.save(NEIGHBORS, table), recall=nearest.recall)


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
    found = rotations.find_rotated_duplicates(
        context.table(nearest),
        context.table(contents),
        context.array(embeddings),
        context.store,
        model,
        metric,
        context.threads,
    )
    return context.save(NEIGHBORS, found)


@cached_stage(pairs.VERSION)
def find_similar_pairs(
    context: RunContext, nearest: Reference, items: Reference, options: SimilarityOptions
) -> Reference:
    """The pairs of the table similarity, and those that may come to be listed."""
    least = min(options.threshold, options.verify_threshold)
    found = pairs.similar_pairs(context.table(nearest), context.table(items), least)
    return context.save(SIMILARITY, found)


@cached_stage(verify.VERSION)
def verify_pairs(
    context: RunContext,
    alike: Reference,
    items: Reference,
    options: SimilarityOptions,
    apart: pairs.Apart,
) -> Reference:
    """The table similarity; pairs of contents ``apart`` are decided."""
    frames = (context.table(alike)[pairs.COLUMNS], context.table(items))
    found = verify.verify_pairs(*frames, context.store, options, context.threads, apart)
    return context.save(SIMILARITY, found)


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
    rows, vectors, metric = context.table(items), context.array(embeddings), comparison.metric
    listed = pairs.similar_pairs(context.table(nearest), rows, options.cc_threshold)
    found = components.find_components(listed, rows, vectors, options, comparison, context.threads)
    if videos.has_frames(rows):
        joined = (found["components"], context.table(alike))
        found["video_pairs"] = videos.video_pairs(*joined, rows, vectors, metric)
        found["frozen_stretches"] = videos.frozen_stretches(rows, vectors, metric)
    return {name: context.save(BY_NAME[name], table) for name, table in found.items()}


@cached_stage(outliers.VERSION)
def find_outliers(
    context: RunContext,
    nearest: Reference,
    alike: Reference,
    items: Reference,
    options: OutlierOptions,
) -> OutlierSearch:
    """The table outliers."""
    frames = (context.table(nearest), context.table(alike), context.table(items))
    found, median = outliers.find_outliers(*frames, options)
    return OutlierSearch(outliers=context.save(OUTLIERS, found), median_similarity=median)


@cached_stage(groups.VERSION)
def find_groups(
    context: RunContext,
    items: Reference,
    embeddings: Reference,
    options: GroupOptions,
    metric: Metric,
) -> dict[str, Reference]:
    """The tables groups and group_info, and split_coverage if there are splits; or none."""
    seen = (context.table(items), context.array(embeddings))
    found = groups.find_groups(*seen, metric, options, context.threads)
    return {name: context.save(BY_NAME[name], table) for name, table in found.items()}


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
    seen = (context.table(alike), context.table(items), context.array(embeddings))
    return context.save(LEAKS, leaks.find_leaks(*seen, options, comparison, context.threads))


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
    rows, vectors = context.table(items), np.asarray(context.array(embeddings))
    given = None if probabilities is None else probabilities.load(rows["filename"].tolist())
    if given is not None:
        given.index = rows.index
    found, structure = label_issues.find_label_issues(
        rows, vectors, search, context.threads, given, right
    )
    return LabelSearch(label_issues=context.save(LABEL_ISSUES, found), structure=structure)
