"""Tasks of monitoring: compare a run with its baseline, show the trend, tell what is to be told."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prefect.artifacts import create_table_artifact
from prefect.events import emit_event

from imgvet.errors import HistoryDamagedError, HistoryOutdatedError
from imgvet.monitor.history import Event, Run, monitored_runs, read_history, save_run
from imgvet.monitor.notify import Monitored, body_of, deliver, note, report_address
from imgvet.monitor.options import MonitorOptions, all_addresses
from imgvet.monitor.rates import RATES, rates_in_words
from imgvet.monitor.watch import watch_failed_run, watch_run
from imgvet.tasks.artifacts import key_of, register, slug
from imgvet.tasks.context import RunContext, run_logger
from imgvet.tasks.policy import uncached_stage
from imgvet.workdir import WorkDir

SHOWN_RUNS = 20  # in the table of the trend, latest first

RESOURCE = "imgvet.dataset."
"""Start of the ids of datasets as Prefect's resources; the name follows."""

_PREFECT = "prefect"  # as a receiver, in the history

_logger = logging.getLogger(__name__)


@uncached_stage
def watch(context: RunContext, options: MonitorOptions) -> Run:
    """Compare the run whose results lie in the work dir, and add that to the history."""
    return watch_run(context.work, options)


@uncached_stage
def watch_failure(context: RunContext, run: Run) -> Run:
    """Add a run that failed to the history."""
    return watch_failed_run(context.work, run)


@uncached_stage
def alert(context: RunContext, run: Run, options: MonitorOptions) -> Monitored:
    """Emit events and send messages, each once; no receiver can fail the run."""
    work = WorkDir(context.work.path, run.part)
    report = report_address(work, options.report_url)
    run_logger.info(f"Compared with {run.baseline or 'nothing'}. {run.notice}".rstrip())
    for event in run.events:
        run_logger.log(logging.INFO if event.all_clear else logging.WARNING, event.title)
    emitted = {entry.event for entry in run.deliveries if entry.to == _PREFECT}
    for event in run.events:
        if event.name not in emitted and _emit(run, event, report):
            note(work, run, event, _PREFECT, arrived=True)
    monitored = deliver(work, run, all_addresses(options.notify), report)
    told = next(row for row in read_history(work) if row.key == run.key)
    save_run(work, told.model_copy(update={"told": True}))
    for problem in monitored.problems:
        run_logger.warning(problem)
    run_logger.info("Messages sent: %d", monitored.arrived)
    return monitored


def _emit(run: Run, event: Event, report: str) -> bool:
    try:
        emit_event(
            event.name,
            resource=labels_of(run, event),
            payload=payload_of(event, report),
            # The same for the same event of the same run, however often it is emitted.
            id=uuid5(NAMESPACE_URL, f"{run.run_id}/{event.name}"),
        )
    except (OSError, RuntimeError, ValueError) as error:
        _logger.warning("The event %s could not be emitted: %s", event.name, error)
        return False
    return True


def labels_of(run: Run, event: Event) -> dict[str, str]:
    """The resource of an event; triggers of automations match its labels."""
    return {
        "prefect.resource.id": f"{RESOURCE}{slug(run.dataset)}",
        "prefect.resource.name": run.dataset,
        "imgvet.dataset": run.dataset,
        "imgvet.severity": event.severity,
        "imgvet.all-clear": str(event.all_clear).lower(),
        "imgvet.run": run.run_id,
    }


def payload_of(event: Event, report: str) -> dict[str, Any]:
    """What an event says; templates of automations may use it."""
    said = event.model_dump(mode="json", include={"title", "before", "after", "examples"})
    return {**said, "body": body_of(event, report), "report": report}


def untold_run(work: WorkDir) -> Run | None:
    """The last monitored run, if it was killed before it could tell what it found."""
    try:
        last = monitored_runs(work)[-1:]
    except (HistoryDamagedError, HistoryOutdatedError):
        return None  # it is set aside when this run is added
    return next((run for run in last if not run.told), None)


@uncached_stage
def show_trend(context: RunContext, options: MonitorOptions) -> None:
    """Register the rates of the latest runs."""
    rows, key = trend(monitored_runs(context.work)), key_of(options.dataset, "rates")
    said = f"Rates of {options.dataset}, latest run first"
    register("rates", lambda: create_table_artifact(rows, key=key, description=said))


def trend(runs: Sequence[Run]) -> list[dict[str, str | int]]:
    """The latest runs as rows of a table: when, how many images, each rate, alarms."""
    return [
        {
            "Run": run.minute,
            "Images": run.images,
            "New": run.new_images,
            **dict.fromkeys((rate.title for rate in RATES), "-"),
            **rates_in_words(run.counts),
            "Alarms": ", ".join(run.alarms) or "none",
        }
        for run in runs[: -SHOWN_RUNS - 1 : -1]
    ]
