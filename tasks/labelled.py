"""The stages that hold splits and labels against what is alike: leaks and label issues."""

from __future__ import annotations

from imgvet.options import NeighborOptions, SimilarityOptions
from imgvet.quality import leaks
from imgvet.similarity.distances import Metric
from imgvet.store.references import Reference, load_array, load_table, store_table
from imgvet.tables import LEAKS
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage


@cached_stage(leaks.VERSION)
def find_leaks(
    context: RunContext,
    nearest: Reference,
    items: Reference,
    embeddings: Reference,
    options: SimilarityOptions,
    search: NeighborOptions,
    metric: Metric,
) -> Reference:
    """The table leaks."""
    work = context.work
    frames = (load_table(work, nearest), load_table(work, items))
    vectors = load_array(work, embeddings)
    return store_table(work, LEAKS, leaks.find_leaks(*frames, vectors, metric, options, search))
