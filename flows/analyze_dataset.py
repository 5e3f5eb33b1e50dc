"""The flow analyze_dataset: from a folder of pictures to tables, a verdict and a report."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from imgvet.curation.decisions import Kind
from imgvet.flows.ending import end
from imgvet.flows.request import Request, request_of, with_scale
from imgvet.flows.runners import is_elsewhere, started_runners
from imgvet.flows.server_run import run_name, tag_run, told_to_server
from imgvet.flows.stages import Stages
from imgvet.monitor.finished import earlier_runs, settings_of
from imgvet.monitor.options import WatchOptions
from imgvet.opening import exclusive, held_copy
from imgvet.options import (
    PATHS,
    ComponentOptions,
    FetchOptions,
    GroupOptions,
    MediaOptions,
    NeighborOptions,
    OutlierOptions,
    RunOptions,
    SimilarityOptions,
    SourceOptions,
    StatsOptions,
    VideoOptions,
)
from imgvet.quality.result import fails, read_results
from imgvet.quality.summarize import SearchFacts
from imgvet.similarity.pairs import Comparison
from imgvet.sources.inputs import Inputs
from imgvet.store.references import Reference
from imgvet.summary import RunSummary
from imgvet.tasks import inputs, measuring, publishing, similarity, verdict
from imgvet.tasks.artifacts import progress_artifacts
from imgvet.tasks.blocks import with_addresses
from imgvet.tasks.context import RunContext
from imgvet.threads import library_threads
from imgvet.workdir import WorkDir


@flow(name="analyze_dataset", flow_run_name=run_name, persist_result=False)
def analyze_dataset(options: RunOptions) -> RunSummary:
    """Vet a dataset.

    Args:
        options: the parameters of the run.

    Returns:
        what was found, in a state whose name is the verdict; tables, checks and report lie in the
        work dir. It is a failure if ``fail_on`` says so.
    """
    with told_to_server(), with_addresses(options) as placed:
        summary, work = analyze(placed)
    failed = fails(read_results(work.checks_json), options.fail_on)
    return end(summary.verdict, summary, failed=failed)


def analyze(
    options: RunOptions, baseline: WatchOptions | None = None
) -> tuple[RunSummary, WorkDir]:
    """Vet a dataset within the flow that runs; compare it with a baseline if one is asked for."""
    tag_run(options.dataset)
    request = request_of(options)
    work = request.work
    # As they are recorded: exports read them again, maybe from another current folder.
    place = {"work_dir": Path(WorkDir(work.path).name)}
    options = options.from_anywhere(*PATHS).model_copy(update=place)
    context = RunContext(work_dir=work.path, threads=options.num_threads, part=work.part)
    with (
        exclusive(work),
        library_threads(options.num_threads),
        progress_artifacts(options.dataset),
        started_runners(options) as runners,
    ):
        copy = held_copy(work) if is_elsewhere(options.address) else None
        return _analyze(Stages(context, runners, copy), options, request, baseline), work


def _analyze(
    stages: Stages, options: RunOptions, request: Request, baseline: WatchOptions | None
) -> RunSummary:
    search = options.part(NeighborOptions)
    _make_ready(stages, options, request.inputs)
    listed = stages.run(
        inputs.list_items,
        options.part(SourceOptions),
        request.inputs.listing,
        request.annotations,
        request.cutter,
    )
    found = _measured(stages, options, request, listed)
    items, contents = found.tables["items"], found.contents
    stats = stages.run(measuring.collect_stats, items, options.part(StatsOptions))
    vectors = _embedded(stages, options, request, found)
    scale = stages.run(measuring.estimate_scale, vectors) if request.needs_scale else None
    request = request if scale is None else with_scale(request, scale)
    metric = request.metric

    nearest = stages.run(similarity.find_neighbors, vectors, contents, search, metric)
    neighbors = nearest.neighbors
    if request.sees_rotated_duplicates:
        looked_at = (neighbors, contents, vectors, request.model, metric)
        neighbors = stages.run(similarity.find_rotated_duplicates, *looked_at)
    near, apart = options.part(SimilarityOptions), request.decisions.apart
    comparison = Comparison(search=search, metric=metric, apart=apart)
    alike = stages.run(similarity.find_similar_pairs, neighbors, items, near)
    pairs = stages.run(similarity.verify_pairs, alike, items, near, apart)
    joined = (neighbors, pairs, items, vectors, options.part(ComponentOptions), comparison)
    grouped = stages.run(similarity.find_components, *joined)
    rare = stages.run(similarity.find_outliers, neighbors, items, options.part(OutlierOptions))
    by_content = options.part(GroupOptions)
    groups = stages.run(similarity.find_groups, items, vectors, by_content, metric)

    tables = {
        **found.tables,
        "stats": stats,
        "similarity": pairs,
        "outliers": rare.outliers,
        **grouped,
        **groups,
    }
    structure = None
    if found.splits > 1:
        tables["leaks"] = stages.run(similarity.find_leaks, pairs, items, vectors, near, comparison)
    if found.labels > 1:
        right = tuple(sorted(request.decisions.of(Kind.LABEL_IS_RIGHT)))
        judged = (items, vectors, search, request.probabilities, right)
        labels = stages.run(similarity.find_label_issues, *judged)
        tables["label_issues"], structure = labels.label_issues, labels.structure
    facts = SearchFacts(
        model=request.model_name,
        neighbor_recall=nearest.recall,
        median_similarity=rare.median_similarity,
        estimated_scale=scale,
        sources=found.sources,
        sources_without_crops=found.without_crops,
        label_structure=structure,
        other_files=request.inputs.other_files,
    )
    expected = (verdict.without_execution(options), request.suite)
    checked = stages.run(verdict.run_checks, tables, facts, *expected)
    record = stages.record(options, request.model_record)
    watched = None
    if baseline is not None:
        watched = stages.run(verdict.watch, tables, vectors, checked, record, baseline)
        tables["alarms"] = watched.alarms
    this = watched.run if watched else None
    found_before = (stages.context.work, record.run_id, checked.summary.digest)
    beside = verdict.Background(
        earlier=earlier_runs(*found_before, monitored=this is not None),
        watched=this,
        settings=settings_of(record),
        decisions=request.decisions,
    )
    report = stages.run(verdict.build_report, tables, vectors, checked, record, beside)
    outputs = publishing.Outputs(
        tables=tables,
        embeddings=vectors,
        checked=checked,
        report=report,
        intermediate=(listed.listing, contents, nearest.neighbors, neighbors, alike),
    )
    record = stages.record(options, request.model_record)
    summary = stages.run(publishing.publish, outputs, record, this)
    _clean_up(stages, options, request.inputs)
    return summary


def _make_ready(stages: Stages, options: RunOptions, given: Inputs) -> None:
    """Mirror what lies in buckets, images only if asked for; unpack archives and videos."""
    sources, fetch = options.part(SourceOptions), options.part(FetchOptions)
    paths = set(given.compressed)
    for name in given.remote:
        report = stages.run(inputs.sync_s3_to_local, name, sources, fetch, stages.run_id)
        paths |= report.compressed
    if paths:
        videos = options.part(VideoOptions)
        stages.run(inputs.extract_archives, tuple(sorted(paths)), videos, given.enough)


def _clean_up(stages: Stages, options: RunOptions, given: Inputs) -> None:
    """Remove what this run downloaded, if asked for; never a file of the user's."""
    fetch = options.part(FetchOptions)
    if given.remote and (fetch.delete_img or fetch.delete_tar):
        stages.run(inputs.remove_mirrored, fetch, options.part(VideoOptions), stages.run_id)


def _measured(
    stages: Stages, options: RunOptions, request: Request, listed: inputs.Listed
) -> measuring.CollectedItems:
    """Read, decode and measure each original once: the whole of it, or its crops."""
    videos, cutter = options.part(VideoOptions), request.cutter
    if cutter is None:
        ahead = max(0, request.to_measure - listed.to_read.pending)
        to_read = listed.to_read.model_copy(update={"ahead": ahead})
        reads = stages.run_shards(measuring.compute_stats, to_read, videos)
    else:
        reads = stages.run_shards(measuring.compute_crops, listed.to_read, videos, cutter)
    item_options = measuring.ItemOptions(
        media=options.part(MediaOptions),
        stats=options.part(StatsOptions),
        cutter=cutter,
        card=request.model.card if request.model is not None else None,
        decisions=request.decisions,
    )
    found = stages.run(measuring.collect_items, listed.listing, reads, item_options)
    stages.run_shards(measuring.compute_advanced_stats, found.to_measure)
    return found


def _embedded(
    stages: Stages, options: RunOptions, request: Request, found: measuring.CollectedItems
) -> Reference:
    """The embeddings of the model, or the user's own."""
    if request.model is None:
        return stages.run(
            measuring.collect_user_embeddings, found.tables["items"], request.user_embeddings
        )
    stages.run_shards(measuring.embed, found.to_embed, request.model, options.part(VideoOptions))
    return stages.run(measuring.collect_embeddings, found.contents, request.model.card)
