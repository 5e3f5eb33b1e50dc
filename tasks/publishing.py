"""The uncached last step: results into their places, and artifacts for people who watch the server.

Artifacts come from here only, because a cached task does not run and so would show nothing.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from imgvet.format import as_markdown
from imgvet.monitor.finished import add_run, forget_runs
from imgvet.monitor.history import Run, monitored_runs, save_run
from imgvet.monitor.messages import report_address
from imgvet.monitor.metrics_file import write_metrics
from imgvet.options import RunOptions
from imgvet.parameters import Frozen
from imgvet.quality.result import CheckResult, CheckState
from imgvet.reports.build import add_tables
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.overview import dataset_markdown
from imgvet.store.compact import compact, today
from imgvet.store.packs import Thumbnails
from imgvet.store.references import Reference, forget_unused, references_in, resolve
from imgvet.summary import RunRecord, RunSummary, summary_lines
from imgvet.tables import ALARMS, ITEMS, read_table
from imgvet.tasks.artifacts import key_of, register
from imgvet.tasks.context import RunContext, run_logger
from imgvet.tasks.policy import uncached_stage
from imgvet.tasks.verdict import Checked
from imgvet.workdir import UNUSED_DAYS, WorkDir, draft_in, link, write_text

_logger = logging.getLogger(__name__)


class Outputs(Frozen):
    """References to everything a run leaves behind, and to what its cache records still need."""

    tables: dict[str, Reference]
    embeddings: Reference
    checked: Checked
    report: Reference
    intermediate: tuple[Reference, ...]


@uncached_stage
def publish(
    context: RunContext, outputs: Outputs, record: RunRecord, watched: Run | None = None
) -> RunSummary:
    """Put the results in their places, forget what no result needs, and register artifacts.

    The row of the history is that of a run that was watched, else it is made of the summary.
    """
    work, options = context.work, record.options(RunOptions)
    try:
        # Before run.json is there, so that who reads the new results finds the merged packs.
        compact(context.store, today(), min(UNUSED_DAYS, options.keep_days))
    except OSError as error:  # a disk that is full is no reason to withhold the results
        _logger.warning("The store could not be compacted, the next run tries again: %s", error)
    _replace_results(work, outputs, record)
    forget_unused(work, {reference.name for reference in references_in(outputs)})
    run, summary, results = outputs.checked.read(work, record)
    if watched is None:
        add_run(work, run)
    else:
        save_run(work, watched, last=True)
    forget_runs(work, options.keep_days, today())
    write_metrics(options.metrics_file, watched or run, results, record)
    report = report_address(work, options.report_url)
    lines = summary_lines(summary, report)
    _tell(lines, results, record)
    shown = ReportInputs(
        summary=summary,
        record=record,
        checks=results,
        tables={
            table.name: read_table(work.table(table.name))
            for table in ((ITEMS, ALARMS) if watched else (ITEMS,))
        },
        thumbnail=Thumbnails(context.store.measures).read,
        runs=tuple(monitored_runs(work)) if watched else (),
    )
    _register_all(shown, report, lines)
    return summary


def _replace_results(work: WorkDir, outputs: Outputs, record: RunRecord) -> None:
    """Put the outputs of a run in their places: ``run.json`` goes first and comes back last.

    A run killed at any moment leaves the results of the run before, or none; a disk that is full
    those of the run before, as all is written before the first of them goes.
    """
    places = {work.table(name): table for name, table in outputs.tables.items()} | {
        work.embeddings: outputs.embeddings,
        work.summary_json: outputs.checked.summary,
        work.checks_json: outputs.checked.checks,
    }
    work.tables.mkdir(parents=True, exist_ok=True)
    with draft_in(work.home) as folder:
        draft = WorkDir(Path(folder))
        shutil.copytree(resolve(work, outputs.report), draft.report, copy_function=link)
        tables = {name: resolve(work, table) for name, table in outputs.tables.items()}
        add_tables(draft.report, tables)
        draft.tables.mkdir()
        drafts = {path: draft.path / path.relative_to(work.home) for path in places}
        for path, reference in places.items():
            link(resolve(work, reference), drafts[path])
        write_text(draft.run_json, record.model_dump_json(indent=2) + "\n")
        work.run_json.unlink(missing_ok=True)
        for path in places:
            drafts[path].replace(path)
        if work.report.exists():
            work.report.rename(draft.path / "report of the run before")
        draft.report.rename(work.report)
        for path in set(work.tables.glob("*.parquet")) - places.keys():
            path.unlink()
        draft.run_json.replace(work.run_json)


def _tell(lines: Sequence[str], results: Sequence[CheckResult], record: RunRecord) -> None:
    """Log what was found, what was as before, and each check that did not pass."""
    cached = [stage.stage for stage in record.stages if stage.cached]
    if cached:
        run_logger.info("Unchanged since an earlier run: %s", ", ".join(cached))
    for line in lines:
        run_logger.info(line)
    for check in results:
        if check.state is not CheckState.PASSED:
            level = logging.INFO if check.severity == "info" else logging.WARNING
            said = check.detail or f"{check.observed}, allowed is {check.allowed}"
            run_logger.log(level, "Check %s: %s: %s", check.state, check.title, said)


def _register_all(run: ReportInputs, report: str, lines: Sequence[str]) -> None:
    name = run.record.dataset
    checks = [check.model_dump(mode="json", exclude={"examples"}) for check in run.checks]
    text, title = dataset_markdown(run, report, lines), f"Report of {as_markdown(name)}"
    artifacts = {
        "summary": lambda: create_markdown_artifact(text, key_of(name, "summary")),
        "checks": lambda: create_table_artifact(checks, key_of(name, "checks")),
        "report": lambda: create_link_artifact(report, title, key_of(name, "report")),
    }
    all(register(what, create) for what, create in artifacts.items())  # until one is refused
