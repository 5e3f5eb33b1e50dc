"""Tasks after a monitored run: show the trend, tell what is to be told."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client
from prefect.events import Event as PrefectEvent
from prefect.events.related import related_resources_from_run_context
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.utilities.asyncutils import run_coro_as_sync

from imgvet.errors import ImgvetError
from imgvet.monitor.history import Event, Run, monitored_runs, save_run
from imgvet.monitor.notify import Monitored, body_of, deliver, report_address, send
from imgvet.monitor.options import MonitorOptions, all_addresses
from imgvet.monitor.rates import RATES, rates_in_words
from imgvet.monitor.watch import failed, watch_failed_run
from imgvet.sections import Section
from imgvet.tasks.artifacts import key_of, register, slug
from imgvet.tasks.context import RunContext, run_logger
from imgvet.tasks.policy import uncached_stage
from imgvet.workdir import WorkDir, exclusive, require_allowed

SHOWN_RUNS = 20  # in the table of the trend, latest first

RESOURCE = "imgvet.dataset."
"""Start of the ids of datasets as Prefect's resources; the name follows."""

SERVER = "the Prefect server"
"""As a receiver of events."""

PATIENCE = 3
"""How often an event is sent again to a server that does not answer: after 2, 4 and 8 seconds."""

_logger = logging.getLogger(__name__)


@uncached_stage
def alert_failure(run: Run, options: MonitorOptions) -> None:
    """Add a run that failed to the history and tell of it: once, or each time if it can't be."""
    try:
        work = require_allowed(options.work_dir, options.input_dir, overwrite=True)
        with exclusive(work):
            context = RunContext(work_dir=work.path, threads=1)
            alert.fn(context, watch_failed_run(work, run), options)
    except (ImgvetError, OSError):
        for event in failed(run).events:
            reasons = [send(run, event, "", address) for address in all_addresses(options.notify)]
            for reason in filter(None, [emit(run, event, "", SERVER), *reasons]):
                _logger.warning("A failed run was not told of: %s", reason)


@uncached_stage
def alert(context: RunContext, run: Run, options: MonitorOptions) -> Monitored:
    """Emit events and send messages, each once; no receiver can fail the run."""
    work = WorkDir(context.work.path, run.part)
    report = report_address(work, options.report_url, Section.ALARMS.page)
    run_logger.info(f"Compared with {run.baseline or 'nothing'}. {run.notice}".rstrip())
    for event in run.events:
        run_logger.log(logging.INFO if event.all_clear else logging.WARNING, event.title)
    emitted = deliver(work, run, [SERVER], report, emit)
    sent = deliver(work, run, all_addresses(options.notify), report)
    for row in monitored_runs(work):
        if not row.told:
            save_run(work, row.model_copy(update={"told": True}))
    problems = (*emitted.problems, *sent.problems)
    for problem in problems:
        run_logger.warning(problem)
    run_logger.info("Messages sent: %d", sent.arrived)
    return sent.model_copy(update={"problems": problems})


def emit(run: Run, event: Event, report: str, _: str) -> str:
    """Give an event to the server and wait until it has it: a :data:`imgvet.monitor.notify.Sender`.

    Prefect's own ``emit_event`` only puts it into a queue, which a server that is gone loses.
    """
    said = PrefectEvent(
        event=event.name,
        resource=labels_of(run, event),
        payload=payload_of(event, report),
        # The same for the same event of the same attempt, however often it is emitted.
        id=uuid5(NAMESPACE_URL, f"{run.run_id}/{run.started}/{event.name}"),
    )
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: PATIENCE}):
            run_coro_as_sync(_post(said))
    except (PrefectException, httpx.HTTPError, OSError, RuntimeError) as error:
        return str(error) or type(error).__name__
    return ""


async def _post(event: PrefectEvent) -> None:
    async with get_client() as client:
        event.related += await related_resources_from_run_context(client)
        await client.request("POST", "/events", json=[event.model_dump(mode="json")])


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
