"""The stages that hold splits and labels against what is alike: leaks and label issues."""

from __future__ import annotations

import numpy as np

from imgvet.annotations.probabilities import ProbabilitiesReference
from imgvet.options import NeighborOptions, SimilarityOptions
from imgvet.parameters import Frozen
from imgvet.quality import label_issues, leaks
from imgvet.similarity.pairs import Comparison
from imgvet.store.references import Reference, load_array, load_table, store_table
from imgvet.summary import LabelStructure
from imgvet.tables import LABEL_ISSUES, LEAKS
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage


class LabelSearch(Frozen):
    """The table label_issues, and how well labels follow what is seen."""

    label_issues: Reference
    structure: LabelStructure


@cached_stage(leaks.VERSION)
def find_leaks(
    context: RunContext,
    pairs: Reference,
    items: Reference,
    embeddings: Reference,
    options: SimilarityOptions,
    comparison: Comparison,
) -> Reference:
    """The table leaks."""
    work = context.work
    frames = (load_table(work, pairs), load_table(work, items))
    vectors = load_array(work, embeddings)
    return store_table(work, LEAKS, leaks.find_leaks(*frames, vectors, options, comparison))


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
