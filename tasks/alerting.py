"""Tell of alarms and all-clears: as Prefect's events, and as messages to addresses."""

from __future__ import annotations

import logging
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prefect.events import emit_event

from imgvet.monitor.deliver import Delivery, deliver
from imgvet.monitor.events import Event
from imgvet.monitor.message import Naming, message_of, named
from imgvet.monitor.monitor_options import all_addresses
from imgvet.monitor.record import read_alerts, write_alerts
from imgvet.tasks.artifacts import slug
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import uncached_stage
from imgvet.tasks.watching import Seen
from imgvet.workdir import WorkDir

RESOURCE = "imgvet.dataset."
"""Start of the ids of datasets as Prefect's resources; the name follows."""

_PREFECT = "prefect"
"""What Prefect is called in the record of what was sent."""

_logger = logging.getLogger(__name__)


@uncached_stage
def alert(context: RunContext, seen: Seen, naming: Naming, notify: tuple[str, ...]) -> Delivery:
    """Emit events and send messages, each once; no receiver can fail the run."""
    work = context.work
    for event in seen.events:
        _emit(work, named(event, naming.dataset), naming)
    messages = [message_of(event, naming) for event in seen.events]
    delivery = deliver(work, messages, all_addresses(notify))
    write_alerts(work, read_alerts(work).model_copy(update={"told": seen.run_id}))
    for problem in delivery.problems:
        _logger.warning(problem)
    return delivery


def labels_of(event: Event) -> dict[str, str]:
    """The resource of an event; triggers of automations match its labels."""
    return {
        "prefect.resource.id": f"{RESOURCE}{slug(event.dataset)}",
        "prefect.resource.name": event.dataset,
        "imgvet.dataset": event.dataset,
        "imgvet.severity": event.severity,
        "imgvet.all-clear": str(event.all_clear).lower(),
        "imgvet.run": event.run_id,
    }


def payload_of(event: Event, naming: Naming) -> dict[str, Any]:
    """What an event says; templates of automations may use it."""
    message = message_of(event, naming)
    return {
        "title": message.title,
        "body": message.body,
        "before": event.before,
        "after": event.after,
        "examples": list(event.examples),
        "report": naming.report,
    }


def _emit(work: WorkDir, event: Event, naming: Naming) -> None:
    alerts = read_alerts(work)
    if alerts.was_sent(event.id, _PREFECT):
        return
    try:
        emit_event(
            event.name,
            resource=labels_of(event),
            payload=payload_of(event, naming),
            id=uuid5(NAMESPACE_URL, event.id),
        )
    except (OSError, RuntimeError, ValueError) as error:
        _logger.warning("The event %s could not be emitted: %s", event.name, error)
        return
    write_alerts(work, alerts.with_sent(event.id, _PREFECT))
