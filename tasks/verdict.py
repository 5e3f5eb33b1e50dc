"""The stages on a whole run: run_checks, watch (compare it with its baseline), build_report."""

from __future__ import annotations

from imgvet.curation.decisions import Decisions
from imgvet.monitor.finished import run_of
from imgvet.monitor.history import Run
from imgvet.monitor.images import images_of
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.watch import watch_run
from imgvet.options import ExecutionOptions, RunOptions
from imgvet.parameters import Frozen
from imgvet.quality.expectations import Expectation
from imgvet.quality.result import CheckResult, read_results, write_results
from imgvet.quality.suite import COUNTED
from imgvet.quality.summarize import SearchFacts, summarize
from imgvet.reports.build import build_report as write_report
from imgvet.reports.inputs import ReportInputs
from imgvet.similarity.distances import Metric
from imgvet.store.packs import Thumbnails
from imgvet.store.references import Reference, resolve, store_file
from imgvet.summary import RunRecord, RunSummary
from imgvet.tables import ALARMS
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage, uncached_stage
from imgvet.workdir import WorkDir


class Checked(Frozen):
    """References to the summary and to the results of the checks, as JSON texts."""

    summary: Reference
    checks: Reference

    def read(
        self, work: WorkDir, record: RunRecord
    ) -> tuple[Run, RunSummary, tuple[CheckResult, ...]]:
        """The row of the run if it is not monitored, its summary, and its checks."""
        summary = RunSummary.model_validate_json(resolve(work, self.summary).read_bytes())
        run = run_of(record, summary, self.summary.digest, work.part)
        return run, summary, read_results(resolve(work, self.checks))


def without_execution(options: RunOptions) -> RunOptions:
    """The options with those that can't change a result at their defaults, for the cache key."""
    return options.model_copy(update=dict(ExecutionOptions(num_threads=1)))


@cached_stage(version=7)
def run_checks(
    context: RunContext,
    tables: dict[str, Reference],
    facts: SearchFacts,
    options: RunOptions,
    suite: tuple[Expectation, ...],
) -> Checked:
    """Count, check and sum up; ``options`` come from :func:`without_execution`."""
    work = context.work
    counted = {name: context.table(tables[name]) for name in COUNTED if name in tables}
    summary, checks = summarize(counted, facts, options, suite)
    text = (summary.model_dump_json(indent=2) + "\n").encode()
    return Checked(
        summary=store_file(work, "summary", ".json", lambda path: path.write_bytes(text)),
        checks=store_file(work, "checks", ".json", lambda path: write_results(checks, path)),
    )


class Watched(Frozen):
    """A run that was compared, and the images that its alarms count."""

    run: Run
    alarms: Reference


@uncached_stage
def watch(
    context: RunContext,
    tables: dict[str, Reference],
    vectors: Reference,
    checked: Checked,
    record: RunRecord,
    options: WatchOptions,
) -> Watched:
    """Compare a run with its baseline; publishing adds it to the history."""
    work = context.work
    images = images_of(
        **{name: context.table(tables[name]) for name in ("items", "stats", "similarity")},
        embeddings=context.array(vectors),
        scale=Metric.of_run(record).scale,
        options=record.options(RunOptions),
    )
    run, _, checks = checked.read(work, record)
    run, alarms = watch_run(work, run, images, checks, options)
    return Watched(run=run, alarms=context.save(ALARMS, alarms))


class Background(Frozen):
    """What a report tells beside the results of its run."""

    earlier: tuple[Run, ...]
    watched: Run | None
    """This run, if it is monitored."""
    settings: dict[str, str]
    """Of this run, by which it is compared with earlier ones: part of the key."""
    decisions: Decisions


@cached_stage(version=13)
def build_report(
    context: RunContext,
    tables: dict[str, Reference],
    embeddings: Reference,
    checked: Checked,
    record: RunRecord,
    background: Background,
) -> Reference:
    """The report of a run; the record is that of the run whose results were new, not in the key."""
    work = context.work
    this, summary, checks = checked.read(work, record)
    inputs = ReportInputs(
        summary=summary,
        record=record,
        checks=checks,
        tables={name: context.table(table) for name, table in tables.items()},
        thumbnail=Thumbnails(context.store.measures).read,
        embeddings=context.array(embeddings),
        runs=(*background.earlier, background.watched or this),
        decisions=background.decisions,
    )
    return store_file(work, "report", "", lambda folder: write_report(inputs, folder, work.report))
