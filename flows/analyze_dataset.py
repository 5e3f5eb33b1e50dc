"""The flow analyze_dataset: from a folder of pictures to tables, a verdict and a report."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow

from imgvet.flows.request import Request, request_of
from imgvet.flows.runners import shard_runner, shard_threads
from imgvet.flows.stages import Stages
from imgvet.monitor.history import past_runs
from imgvet.options import (
    ComponentOptions,
    FetchOptions,
    MediaOptions,
    NeighborOptions,
    OutlierOptions,
    RunOptions,
    SimilarityOptions,
    SourceOptions,
    StatsOptions,
    VideoOptions,
)
from imgvet.quality.summarize import SearchFacts
from imgvet.sources.inputs import Inputs
from imgvet.store.references import Reference
from imgvet.summary import RunSummary
from imgvet.tasks.artifacts import progress_artifacts
from imgvet.tasks.context import RunContext
from imgvet.tasks.embedding import collect_embeddings, collect_user_embeddings, embed
from imgvet.tasks.inputs import (
    Listed,
    extract_archives,
    list_items,
    remove_mirrored,
    sync_s3_to_local,
)
from imgvet.tasks.measuring import (
    CollectedItems,
    ItemOptions,
    collect_items,
    collect_stats,
    compute_advanced_stats,
    compute_crops,
    compute_stats,
)
from imgvet.tasks.publishing import Outputs, publish
from imgvet.tasks.similarity import (
    find_components,
    find_neighbors,
    find_outliers,
    find_rotated_duplicates,
    find_similar_pairs,
)
from imgvet.tasks.verdict import build_report, run_checks, without_execution
from imgvet.workdir import exclusive


@flow(name="analyze_dataset", persist_result=False)
def analyze_dataset(options: RunOptions) -> RunSummary:
    """Vet a dataset.

    Args:
        options: the parameters of the run.

    Returns:
        what was found; tables, checks and report lie in the work dir.
    """
    request = request_of(options)
    work = request.work
    options = options.model_copy(update={"work_dir": work.path})
    context = RunContext(work_dir=work.path, threads=shard_threads(options), part=work.part)
    with exclusive(work), progress_artifacts(), shard_runner(options) as runner:
        return _analyze(Stages(context, runner), options, request)


def _analyze(stages: Stages, options: RunOptions, request: Request) -> RunSummary:
    metric = request.metric
    _make_ready(stages, options, request.inputs)
    listed = stages.run(
        list_items,
        options.part(SourceOptions),
        request.inputs.listing,
        request.annotations,
        request.cutter,
    )
    found = _measured(stages, options, request, listed)
    stats = stages.run(collect_stats, found.items, options.part(StatsOptions))
    embeddings = _embedded(stages, options, request, found)

    search = options.part(NeighborOptions)
    nearest = stages.run(find_neighbors, embeddings, found.contents, search, metric)
    neighbors = nearest.neighbors
    if request.sees_rotated_duplicates:
        neighbors = stages.run(
            find_rotated_duplicates, neighbors, found.contents, embeddings, request.model, metric
        )
    similarity = stages.run(
        find_similar_pairs, neighbors, found.items, options.part(SimilarityOptions)
    )
    component_options = options.part(ComponentOptions)
    grouped = stages.run(
        find_components, neighbors, found.items, embeddings, component_options, search, metric
    )
    rare = stages.run(find_outliers, neighbors, found.items, options.part(OutlierOptions))

    tables = {
        "items": found.items,
        "stats": stats,
        "similarity": similarity,
        "outliers": rare.outliers,
        **grouped,
        "invalid": found.invalid,
        "crops": found.crops,
    }
    tables = {name: table for name, table in tables.items() if table is not None}
    facts = SearchFacts(
        model=request.model_name,
        recall=nearest.recall,
        median_similarity=rare.median_similarity,
        robust_outliers=rare.robust,
        sources=found.sources,
        sources_without_crops=found.without_crops,
    )
    checked = stages.run(run_checks, tables, facts, without_execution(options))
    record = stages.record(options, request.model_record)
    history = past_runs(stages.context.work, checked.summary.digest)
    report = stages.run(build_report, tables, embeddings, checked, record, history)
    outputs = Outputs(
        tables=tables,
        embeddings=embeddings,
        checked=checked,
        report=report,
        intermediate=(listed.listing, found.contents, nearest.neighbors, neighbors),
    )
    summary = stages.run(publish, outputs, stages.record(options, request.model_record))
    _clean_up(stages, options, request.inputs)
    return summary


def _make_ready(stages: Stages, options: RunOptions, inputs: Inputs) -> None:
    """Run sync_s3_to_local for each bucket, and extract_archives if there are any.

    Images of buckets are copied only if asked for; archives and videos have to be.
    """
    sources, fetch = options.part(SourceOptions), options.part(FetchOptions)
    paths = set(inputs.compressed)
    for name in inputs.remote:
        paths |= stages.run(sync_s3_to_local, name, sources, fetch, stages.run_id).compressed
    if paths:
        stages.run(extract_archives, tuple(sorted(paths)), options.part(VideoOptions), fetch)


def _clean_up(stages: Stages, options: RunOptions, inputs: Inputs) -> None:
    """Remove what this run downloaded, if asked for; never a file of the user's."""
    fetch = options.part(FetchOptions)
    if inputs.remote and (fetch.delete_img or fetch.delete_tar):
        stages.run(remove_mirrored, fetch, options.part(VideoOptions), stages.run_id)


def _measured(
    stages: Stages, options: RunOptions, request: Request, listed: Listed
) -> CollectedItems:
    """Read, decode and measure each original once: the whole of it, or its crops."""
    videos = options.part(VideoOptions)
    reads: Sequence[Reference]
    if request.cutter is None:
        reads = stages.run_shards(compute_stats, listed.to_read, videos)
    else:
        reads = stages.run_shards(compute_crops, listed.to_read, videos, request.cutter)
    item_options = ItemOptions(
        media=options.part(MediaOptions),
        stats=options.part(StatsOptions),
        cutter=request.cutter,
        card=request.model.card if request.model is not None else None,
    )
    found = stages.run(collect_items, listed.listing, list(reads), item_options)
    stages.run_shards(compute_advanced_stats, found.to_measure)
    return found


def _embedded(
    stages: Stages, options: RunOptions, request: Request, found: CollectedItems
) -> Reference:
    """The embeddings of the model, or the user's own."""
    if request.model is None:
        return stages.run(collect_user_embeddings, found.items, request.user_embeddings)
    stages.run_shards(embed, found.to_embed, request.model, options.part(VideoOptions))
    return stages.run(collect_embeddings, found.contents, request.model.card)
