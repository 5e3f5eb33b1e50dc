"""The flow analyze_dataset: from a folder of pictures to tables, a verdict and a report."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        analysis = _Analysis(Stages(context, runners, copy), options, request)
        return analysis.summary(baseline), work


@dataclass
class _Analysis:
    """One run: its stages in their order, and what they have made so far."""

    stages: Stages
    options: RunOptions
    request: Request
    tables: dict[str, Reference] = field(default_factory=dict)
    """Those that the run leaves behind."""
    between: list[Reference] = field(default_factory=list)
    """What else stages have stored: the records of their cache name it."""

    def summary(self, baseline: WatchOptions | None) -> RunSummary:
        """What is found, after all is done."""
        self._make_ready()
        found = self._measured()
        vectors = self._embedded(found)
        scale = None
        if self.request.needs_scale:
            scale = self.stages.run(measuring.estimate_scale, vectors)
        if scale is not None:
            self.request = with_scale(self.request, scale)
        facts = self._compared(found, vectors).model_copy(update={"estimated_scale": scale})
        summary = self._published(vectors, facts, baseline)
        self._clean_up()
        return summary

    def _make_ready(self) -> None:
        """Mirror what lies in buckets, images only if asked for; unpack archives and videos."""
        given, fetch = self.request.inputs, self.options.part(FetchOptions)
        paths = set(given.compressed)
        for name in given.remote:
            mirrored = (name, self.options.part(SourceOptions), fetch, self.stages.run_id)
            paths |= self.stages.run(inputs.sync_s3_to_local, *mirrored).compressed
        if paths:
            packed = (tuple(sorted(paths)), self.options.part(VideoOptions), given.enough)
            self.stages.run(inputs.extract_archives, *packed)

    def _measured(self) -> measuring.CollectedItems:
        """Read, decode and measure each original once: the whole of it, or its crops."""
        stages, options, request = self.stages, self.options, self.request
        videos, cutter = options.part(VideoOptions), request.cutter
        given = (request.inputs.listing, request.annotations, cutter)
        listed = stages.run(inputs.list_items, options.part(SourceOptions), *given)
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
        stats = (found.tables["items"], options.part(StatsOptions))
        self.tables |= {**found.tables, "stats": stages.run(measuring.collect_stats, *stats)}
        self.between += [listed.listing, found.contents]
        return found

    def _embedded(self, found: measuring.CollectedItems) -> Reference:
        """The embeddings of the model, or the user's own."""
        stages, model = self.stages, self.request.model
        if model is None:
            given = (self.tables["items"], self.request.user_embeddings)
            return stages.run(measuring.collect_user_embeddings, *given)
        videos = self.options.part(VideoOptions)
        stages.run_shards(measuring.embed, found.to_embed, model, videos)
        return stages.run(measuring.collect_embeddings, found.contents, model.card)

    def _compared(self, found: measuring.CollectedItems, vectors: Reference) -> SearchFacts:
        """What is alike, what is like nothing else, and whether splits and labels agree with it."""
        stages, options, request = self.stages, self.options, self.request
        items, contents, metric = self.tables["items"], found.contents, request.metric
        search, near = options.part(NeighborOptions), options.part(SimilarityOptions)
        nearest = stages.run(similarity.find_neighbors, vectors, contents, search, metric)
        neighbors = nearest.neighbors
        if request.sees_rotated_duplicates:
            looked_at = (neighbors, contents, vectors, request.model, metric)
            neighbors = stages.run(similarity.find_rotated_duplicates, *looked_at)
        comparison = Comparison(search=search, metric=metric, apart=request.decisions.apart)
        alike = stages.run(similarity.find_similar_pairs, neighbors, items, near)
        pairs = stages.run(similarity.verify_pairs, alike, items, near, comparison.apart)
        joined = (neighbors, pairs, items, vectors, options.part(ComponentOptions), comparison)
        components = stages.run(similarity.find_components, *joined)
        seen = (neighbors, pairs, items, options.part(OutlierOptions))
        rare = stages.run(similarity.find_outliers, *seen)
        grouped = (items, vectors, options.part(GroupOptions), metric)
        groups = stages.run(similarity.find_groups, *grouped)
        self.tables |= {"similarity": pairs, "outliers": rare.outliers} | components | groups
        self.between += [nearest.neighbors, neighbors, alike]
        structure = None
        if found.splits > 1:
            across = (pairs, items, vectors, near, comparison)
            self.tables["leaks"] = stages.run(similarity.find_leaks, *across)
        if found.labels > 1:
            right = tuple(sorted(request.decisions.of(Kind.LABEL_IS_RIGHT)))
            judged = (items, vectors, search, request.probabilities, right)
            labels = stages.run(similarity.find_label_issues, *judged)
            self.tables["label_issues"], structure = labels.label_issues, labels.structure
        return SearchFacts(
            model=request.model_name,
            neighbor_recall=nearest.recall,
            median_similarity=rare.median_similarity,
            sources=found.sources,
            sources_without_crops=found.without_crops,
            label_structure=structure,
            other_files=request.inputs.other_files,
        )

    def _published(
        self, vectors: Reference, facts: SearchFacts, baseline: WatchOptions | None
    ) -> RunSummary:
        """Check what was found, compare it with the baseline, report it, and put all in place."""
        stages, options, request, tables = self.stages, self.options, self.request, self.tables
        expected = (verdict.without_execution(options), request.suite)
        checked = stages.run(verdict.run_checks, tables, facts, *expected)
        record = stages.record(options, request.model_record)
        this = None
        if baseline is not None:
            watched = stages.run(verdict.watch, tables, vectors, checked, record, baseline)
            tables["alarms"], this = watched.alarms, watched.run
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
            intermediate=tuple(self.between),
        )
        record = stages.record(options, request.model_record)
        return stages.run(publishing.publish, outputs, record, this)

    def _clean_up(self) -> None:
        """Remove what this run downloaded, if asked for; never a file of the user's."""
        fetch = self.options.part(FetchOptions)
        if self.request.inputs.remote and (fetch.delete_img or fetch.delete_tar):
            videos = self.options.part(VideoOptions)
            self.stages.run(inputs.remove_mirrored, fetch, videos, self.stages.run_id)
