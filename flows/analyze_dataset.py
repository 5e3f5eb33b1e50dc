"""The flow analyze_dataset: from a folder of pictures to tables, a verdict and a report."""

from __future__ import annotations

from prefect import flow
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from imgvet.embedding.model import BUILTIN_FOLDER, load_model
from imgvet.flows.inputs import clean_up, make_ready
from imgvet.flows.record import now, record_of
from imgvet.flows.stages import Stages
from imgvet.options import (
    ComponentOptions,
    MediaOptions,
    NeighborOptions,
    OutlierOptions,
    RunOptions,
    SimilarityOptions,
    SourceOptions,
    StatsOptions,
    VideoOptions,
)
from imgvet.summary import RunSummary
from imgvet.tasks.context import RunContext
from imgvet.tasks.embedding import ModelChoice, collect_embeddings, embed
from imgvet.tasks.listing import list_items
from imgvet.tasks.measuring import (
    collect_items,
    collect_stats,
    compute_advanced_stats,
    compute_stats,
)
from imgvet.tasks.progress import progress_artifacts
from imgvet.tasks.publishing import Outputs, publish
from imgvet.tasks.similarity import (
    find_components,
    find_neighbors,
    find_outliers,
    find_similar_pairs,
)
from imgvet.tasks.verdict import ResultTables, Search, build_report, run_checks, without_execution
from imgvet.workdir import exclusive, prepare


@flow(
    name="analyze_dataset",
    # One shard at a time: a shard's own threads already use every core.
    task_runner=ThreadPoolTaskRunner(max_workers=1),  # type: ignore[arg-type]
    persist_result=False,
)
def analyze_dataset(options: RunOptions) -> RunSummary:
    """Vet a dataset.

    Args:
        options: the parameters of the run.

    Returns:
        what was found; tables, checks and report lie in the work dir.
    """
    work = prepare(options.work_dir, options.input_dir, overwrite=options.overwrite)
    options = options.model_copy(update={"work_dir": work.path})
    context = RunContext(work_dir=work.path, threads=options.num_threads)
    with exclusive(work), progress_artifacts():
        return _analyze(Stages(context), options)


def _analyze(stages: Stages, options: RunOptions) -> RunSummary:
    started, run_id = now(), str(flow_run.id)
    card = load_model(BUILTIN_FOLDER).card
    model = ModelChoice(folder=BUILTIN_FOLDER, card=card)
    scale = card.similarity_scale

    make_ready(stages, options, run_id)
    listed = stages.run(list_items, options.part(SourceOptions))
    reads = stages.run_shards(compute_stats, listed.to_read, options.part(VideoOptions))
    stats_options = options.part(StatsOptions)
    media_options = options.part(MediaOptions)
    found = stages.run(
        collect_items, listed.listing, list(reads), media_options, stats_options, card.sha256
    )
    stages.run_shards(compute_advanced_stats, found.to_measure)
    stages.run_shards(embed, found.to_embed, model)
    stats = stages.run(collect_stats, found.items, stats_options)
    embeddings = stages.run(collect_embeddings, found.contents, card)

    nearest = stages.run(
        find_neighbors, embeddings, found.contents, options.part(NeighborOptions), scale
    )
    similarity = stages.run(
        find_similar_pairs, nearest.neighbors, found.items, options.part(SimilarityOptions)
    )
    component_options = options.part(ComponentOptions)
    grouped = stages.run(
        find_components, similarity, found.items, embeddings, component_options, scale
    )
    rare = stages.run(find_outliers, nearest.neighbors, found.items, options.part(OutlierOptions))

    tables = ResultTables(
        items=found.items,
        stats=stats,
        similarity=similarity,
        outliers=rare.outliers,
        components=grouped.components,
        component_info=grouped.component_info,
        invalid=found.invalid,
    )
    search = Search(
        model=card.name,
        recall=nearest.recall,
        median_similarity=rare.median_similarity,
        robust=rare.robust,
    )
    checked = stages.run(run_checks, tables, search, without_execution(options))
    record = record_of(run_id, started, options, card, stages.timings)
    report = stages.run(build_report, tables, checked, record)
    outputs = Outputs(
        tables=tables,
        embeddings=embeddings,
        checked=checked,
        report=report,
        intermediate=(listed.listing, found.contents, nearest.neighbors),
    )
    record = record_of(run_id, started, options, card, stages.timings)
    summary = stages.run(publish, outputs, record)
    clean_up(stages, options, run_id)
    return summary
