"""Automations that notify, as code: created or updated by name, never twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast
from uuid import UUID

from prefect.automations import Automation, EventTrigger, Posture, ResourceSpecification
from prefect.blocks.notifications import SlackWebhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, DoNothing, SendNotification
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY
from pydantic import SecretStr

from imgvet.flows.ending import ALARMS, STATE_NAMES
from imgvet.format import slug
from imgvet.monitor.events import ALARMS as ALARMS_EVENT
from imgvet.monitor.events import ALL_CLEARS
from imgvet.monitor.messages import NotifyType
from imgvet.monitor.notify import check_addresses, kept_whole
from imgvet.parameters import BLOCK
from imgvet.tasks.blocks import load
from imgvet.tasks.monitoring import RESOURCE

MISSED_HEARTBEATS = 3
"""Heartbeats that a run may miss before it counts as dead."""

OVERDUE = timedelta(minutes=15)
"""How long after its time a scheduled run may begin."""

_FINISHED = frozenset({*STATE_NAMES.values(), ALARMS})
_ENDED = _FINISHED | {"Failed", "TimedOut", "Cancelled", "Crashed"}
_BEGUN = _ENDED | {"Running"}


@dataclass(frozen=True)
class Rule:
    """One automation, found again by its name; subject and body are Jinja over the event.

    One with an action of its own sends nothing.
    """

    name: str
    description: str
    trigger: EventTrigger
    kind: NotifyType = "failure"
    subject: str = "{{ event.payload.title }}"
    body: str = "{{ event.payload.body }}"
    action: ActionTypes | None = None


def rules(silent_hours: int) -> tuple[Rule, ...]:
    """All automations; a dataset is silent if no scheduled run of it finished for so long."""
    # Prefect's default counts where heartbeats are off.
    setting = PREFECT_FLOWS_HEARTBEAT_FREQUENCY
    patience = timedelta(seconds=MISSED_HEARTBEATS * (setting.value() or setting.default()))
    return (
        Rule(
            "imgvet alarms",
            "A rate jumped, a check failed, new images drift, or a run failed.",
            _of_datasets(ALARMS_EVENT),
            "warning",
        ),
        Rule(
            "imgvet all-clears",
            "What an alarm told of is over.",
            _of_datasets(ALL_CLEARS),
            "success",
        ),
        Rule(
            "imgvet dead runs",
            "Marks runs as Crashed whose heartbeats ended before them.",
            _missing(_ENDED | {"heartbeat"}, {"heartbeat"}, patience, "prefect.resource.id"),
            action=_crashed("Its heartbeats have ended: killed, out of memory, or machine gone."),
        ),
        Rule(
            "imgvet stuck runs",
            "Marks runs as Crashed that were taken and never began, as they let no other begin.",
            # A server that was started anew holds back what it hears of a state, no heartbeats.
            _missing(_BEGUN | {"heartbeat"}, {"Pending"}, OVERDUE, "prefect.resource.id"),
            action=_crashed("It was taken by a process or a worker that ended before it began."),
        ),
        Rule(
            "imgvet crashed runs",
            "A run ended without being able to tell.",
            EventTrigger(
                expect={"prefect.flow-run.Crashed"}, match_related=_FLOW, posture=Posture.Reactive
            ),
            subject="{{ deployment.name or flow_run.name }}: the run crashed",
            body="{{ flow_run.name }}: {{ flow_run.state.message }}",
        ),
        Rule(
            "imgvet late runs",
            "A scheduled run does not begin: nothing serves the dataset, or no worker is there.",
            _missing({"Pending", "Running", "Cancelled"}, {"Late"}, OVERDUE, _DEPLOYMENT),
            subject="{{ deployment.name }}: a run is late",
            body="It should have begun by now. Does imgvet serve, or a worker, still run?",
        ),
        Rule(
            "imgvet silence",
            "No scheduled run of a dataset has finished for long.",
            _missing(_FINISHED, _FINISHED, timedelta(hours=silent_hours), _DEPLOYMENT, _SCHEDULED),
            subject=f"{{{{ deployment.name }}}}: no run has finished for {silent_hours} hours",
            body="The last one was {{ flow_run.name }}.",
        ),
    )


def _of_datasets(message: str) -> EventTrigger:
    return EventTrigger(
        expect={message},
        match=ResourceSpecification({"prefect.resource.id": f"{RESOURCE}*"}),
        for_each={"prefect.resource.id"},
        posture=Posture.Reactive,
    )


def _crashed(message: str) -> ChangeFlowRunState:
    return ChangeFlowRunState(state=StateType.CRASHED, message=message)


_FLOW = ResourceSpecification(
    {"prefect.resource.role": "flow", "prefect.resource.name": "monitor_dataset"}
)
_SCHEDULED = ResourceSpecification(
    {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.auto-scheduled"}
)
_DEPLOYMENT = "related:deployment:prefect.resource.id"


def _missing(
    expected: Iterable[str],
    after: Iterable[str],
    within: timedelta,
    each: str,
    *related: ResourceSpecification,
) -> EventTrigger:
    """After one event of a run the other does not come in time; told once for each ``each``."""
    return EventTrigger(
        after={f"prefect.flow-run.{name}" for name in after},
        expect={f"prefect.flow-run.{name}" for name in expected},
        match_related=[_FLOW, *related],
        for_each={each},
        posture=Posture.Proactive,
        within=within,
    )


def apply_automations(addresses: Sequence[str], silent_hours: int) -> dict[str, str]:
    """Create the automations, or update those of the same name; refuses what can be no address.

    Whether one is switched off on the server is left as it is; without addresses (as Apprise
    writes them) so is to whom an existing one sends. Of each comes what was done, by its name.
    """
    check_addresses(addresses)
    return {rule.name: _apply(rule, addresses) for rule in rules(silent_hours)}


def _apply(rule: Rule, addresses: Sequence[str]) -> str:
    with get_client(sync_client=True) as client:
        found = client.read_automations_by_name(rule.name)
    actions = [rule.action] if rule.action else _notifications(rule, addresses)
    if not actions:
        actions = cast("list[ActionTypes]", found[0].actions) if found else [DoNothing()]
    automation = Automation(
        name=rule.name, description=rule.description, trigger=rule.trigger, actions=actions
    )
    notifies = sum(isinstance(action, SendNotification) for action in actions)
    told = f"sends to {notifies or 'nobody yet'}" if rule.action is None else "ends them"
    if not found:
        automation.create()
        return f"created, {told}"
    automation.id, automation.enabled = found[0].id, found[0].enabled
    automation.update()
    return f"updated, {told}"


def _notifications(rule: Rule, addresses: Sequence[str]) -> list[ActionTypes]:
    """Messages to addresses, which are kept on the server as blocks, and by blocks that are there.

    Slack's block hands every other address to Apprise as it is, and the server knows it without
    imgvet being installed there.
    """
    actions: list[ActionTypes] = []
    for number, url in enumerate(addresses, 1):
        if url.startswith(BLOCK):
            saved = load(url, "notify")._block_document_id  # noqa: SLF001
        else:
            block = SlackWebhook(url=SecretStr(kept_whole(url)), notify_type=rule.kind)
            saved = UUID(str(block.save(f"{slug(rule.name)}-{number}", overwrite=True)))
        actions.append(
            SendNotification(block_document_id=saved, subject=rule.subject, body=rule.body)
        )
    return actions
