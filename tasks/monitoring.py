"""Tasks after a monitored run: show the trend, tell what is to be told."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey
from prefect.events import Event as PrefectEvent
from prefect.events.related import related_resources_from_run_context
from prefect.exceptions import PrefectException
from prefect.settings import (
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_LOGGING_TO_API_ENABLED,
    PREFECT_UI_URL,
    temporary_settings,
)
from prefect.utilities.asyncutils import run_coro_as_sync

from imgvet.errors import ImgvetError
from imgvet.format import slug
from imgvet.monitor.failure import tell_failure
from imgvet.monitor.history import Event, Run, monitored_runs
from imgvet.monitor.messages import Message, RunMessage, links_of
from imgvet.monitor.notify import SERVER, Monitored, deliver, mark_told
from imgvet.monitor.options import MonitorOptions
from imgvet.monitor.rates import RATES, rates_in_words
from imgvet.opening import send
from imgvet.reports.overview import verdict_of
from imgvet.tasks.artifacts import key_of, register
from imgvet.tasks.blocks import senders, with_addresses
from imgvet.tasks.context import RunContext, run_logger
from imgvet.tasks.policy import uncached_stage
from imgvet.workdir import WorkDir

SHOWN_RUNS = 20  # in the table of the trend, latest first

RESOURCE = "imgvet.dataset."
"""Start of the ids of datasets as Prefect's resources; the name follows."""

PATIENCE = 3
"""How often an event is sent again to a server that does not answer: after 2, 4 and 8 seconds."""


@uncached_stage
def alert_failure(run: Run, options: MonitorOptions) -> None:
    """Add a run that failed to the history and tell of it: once, or each time if it can't be."""
    with ExitStack() as stack:
        with suppress(ImgvetError):  # a block is gone, and its work dir with it
            options = stack.enter_context(with_addresses(options))
        for problem in tell_failure(run, options, {SERVER: emit, **senders(options)}, _pages()):
            run_logger.warning(problem)


@uncached_stage
def alert(context: RunContext, run: Run, options: MonitorOptions) -> Monitored:
    """Emit events and send messages, each once; no receiver can fail the run."""
    work = WorkDir(context.work.path, run.part)
    links = links_of(work, options.report_url, _pages())
    run_logger.info(f"Compared with {run.baseline or 'nothing'}. {run.notice}".rstrip())
    for event in run.events:
        run_logger.log(logging.INFO if event.all_clear else logging.WARNING, event.title)
    _, lost = deliver(work, {SERVER: emit}, links)
    send(work)  # who was told is noted at once, where the next run may be on another machine
    arrived, problems = deliver(work, senders(options), links, options)
    mark_told(work)
    send(work)
    for problem in (*lost, *problems):
        run_logger.warning(problem)
    if arrived:
        run_logger.info("Messages sent: %d", arrived)
    return Monitored(run=run, arrived=arrived, problems=(*lost, *problems))


def _pages() -> str:
    """Where the server shows runs; of a temporary one, which ends with the run, nowhere."""
    url = PREFECT_UI_URL.value() if PREFECT_LOGGING_TO_API_ENABLED.value() else None
    return f"{url.rstrip('/')}/runs/flow-run" if url else ""


def emit(message: RunMessage, _: str) -> str:
    """Give the events of a message to the server and wait until it has them: a Sender.

    First each for itself, for automations of the user's, then one for the message as a whole.
    Prefect's own ``emit_event`` only puts them into a queue, which a server that is gone loses.
    """
    run, whole = message.run, {"title": message.title, "body": message.body}
    said = [_event(run, one.name, labels_of(run, one), payload_of(one)) for one in message.events]
    said.append(_event(run, message.name, labels_of(run, message), whole))
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: PATIENCE}):
            run_coro_as_sync(_post(said))
    except (PrefectException, httpx.HTTPError, OSError, RuntimeError) as error:
        return str(error) or type(error).__name__
    return ""


def _event(run: Run, name: str, labels: dict[str, str], payload: dict[str, Any]) -> PrefectEvent:
    # The same id for the same event of the same attempt, however often it is emitted.
    number = uuid5(NAMESPACE_URL, f"{run.run_id}/{run.started}/{name}")
    return PrefectEvent(event=name, resource=labels, payload=payload, id=number)


async def _post(events: Sequence[PrefectEvent]) -> None:
    async with get_client() as client:
        related = await related_resources_from_run_context(client)
        for event in events:
            event.related += related
        body = [event.model_dump(mode="json") for event in events]
        await client.request("POST", "/events", json=body)


def labels_of(run: Run, event: Event | Message) -> dict[str, str]:
    """The resource of an event or message; triggers of automations match its labels."""
    return {
        "prefect.resource.id": f"{RESOURCE}{slug(run.dataset)}",
        "prefect.resource.name": run.dataset,
        "imgvet.dataset": run.dataset,
        "imgvet.severity": event.severity,
        "imgvet.all-clear": str(event.all_clear).lower(),
        "imgvet.run": run.run_id,
    }


def payload_of(event: Event) -> dict[str, Any]:
    """What an event says; templates of automations may use it."""
    kept = {"title", "body", "before", "after", "examples"}
    return event.model_dump(mode="json", include=kept)


@uncached_stage
def show_trend(context: RunContext, options: MonitorOptions) -> None:
    """Register the rates of the latest runs, and the last run of all datasets of the server."""
    rows = trend(monitored_runs(context.work), options.dataset)
    key, said = key_of(options.dataset, "rates"), f"Rates of {options.dataset}, latest run first"
    if register("rates", lambda: create_table_artifact(rows, key=key, description=said)):
        register("overview", _show_overview)


def _show_overview() -> None:
    """Make one table of the last rates of each dataset, which only the server knows all of."""
    key = ArtifactCollectionFilterKey(like_="imgvet-%-rates")
    with get_client(sync_client=True) as client:
        known = client.read_latest_artifacts(artifact_filter=ArtifactCollectionFilter(key=key))
    tables = [json.loads(str(artifact.data)) for artifact in known]
    rows = sorted((table[0] for table in tables if table), key=lambda row: str(row["Dataset"]))
    said = "The last run of each watched dataset"
    create_table_artifact(rows, key="imgvet-overview", description=said)


def trend(runs: Sequence[Run], dataset: str) -> list[dict[str, str | int]]:
    """The latest runs as rows of a table: when, how many images, each rate, alarms."""
    return [
        {
            "Dataset": dataset,
            "Run (UTC)": run.minute,
            "Verdict": verdict_of(run),
            "Alarms": ", ".join(run.alarms) or "none",
            "Images": run.images,
            "New": run.new_images,
            **dict.fromkeys((rate.title for rate in RATES), "-"),
            **rates_in_words(run.counts),
        }
        for run in runs[: -SHOWN_RUNS - 1 : -1]
    ]
