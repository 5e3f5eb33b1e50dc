"""Automations that notify, as code: created or updated by name, never twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from prefect.automations import Automation, EventTrigger, Posture, ResourceSpecification
from prefect.blocks.notifications import SlackWebhook
from prefect.client.orchestration import get_client
from prefect.events.actions import ActionTypes, DoNothing, SendNotification
from pydantic import SecretStr

from imgvet.monitor.events import EVENT_NAMES
from imgvet.monitor.notify import NotifyType, check_addresses
from imgvet.tasks.artifacts import slug
from imgvet.tasks.monitoring import RESOURCE


@dataclass(frozen=True)
class Rule:
    """One automation, found again by its name; subject and body are Jinja over the event."""

    name: str
    description: str
    trigger: EventTrigger
    kind: NotifyType
    subject: str = "{{ event.payload.title }}"
    body: str = "{{ event.payload.body }}"


def _of_datasets(*, all_clear: str) -> EventTrigger:
    labels = {"prefect.resource.id": f"{RESOURCE}*", "imgvet.all-clear": all_clear}
    return EventTrigger(
        expect=set(EVENT_NAMES),
        match=ResourceSpecification(labels),
        for_each={"prefect.resource.id"},
        posture=Posture.Reactive,
        threshold=1,
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "imgvet alarms",
        "A rate jumped, a check failed, new images drift, or a run failed.",
        _of_datasets(all_clear="false"),
        "warning",
    ),
    Rule(
        "imgvet all-clears",
        "What an alarm told of is over.",
        _of_datasets(all_clear="true"),
        "success",
    ),
    Rule(
        "imgvet crashed runs",
        "A run ended without being able to tell: killed, out of memory, machine gone.",
        EventTrigger(
            expect={"prefect.flow-run.Crashed"},
            match_related=ResourceSpecification(
                {"prefect.resource.role": "flow", "prefect.resource.name": "monitor_dataset"}
            ),
            posture=Posture.Reactive,
            threshold=1,
        ),
        "failure",
        subject="{{ flow_run.name }}: the run crashed",
        body="{{ flow_run.state.message }}",
    ),
)


def apply_automations(addresses: Sequence[str]) -> list[tuple[str, str, int]]:
    """Create the automations, or update those of the same name; refuses what can be no address.

    Whether one is switched off on the server is left as it is; without addresses (as Apprise
    writes them) so is to whom an existing one sends. Of each come its name, ``created`` or
    ``updated``, and to how many addresses it sends.
    """
    check_addresses(addresses)
    return [_apply(rule, addresses) for rule in RULES]


def _apply(rule: Rule, addresses: Sequence[str]) -> tuple[str, str, int]:
    actions: list[ActionTypes] = []
    for number, url in enumerate(addresses, 1):
        # Slack's block hands every other address to Apprise as it is, and the server knows it
        # without imgvet being installed there.
        block = SlackWebhook(url=SecretStr(url), notify_type=rule.kind)
        saved = UUID(str(block.save(f"{slug(rule.name)}-{number}", overwrite=True)))
        actions.append(
            SendNotification(block_document_id=saved, subject=rule.subject, body=rule.body)
        )
    with get_client(sync_client=True) as client:
        found = client.read_automations_by_name(rule.name)
    if not actions:
        actions = list(found[0].actions) if found else [DoNothing()]
    automation = Automation(
        name=rule.name, description=rule.description, trigger=rule.trigger, actions=actions
    )
    notifies = sum(isinstance(action, SendNotification) for action in actions)
    if not found:
        automation.create()
        return rule.name, "created", notifies
    automation.id, automation.enabled = found[0].id, found[0].enabled
    automation.update()
    return rule.name, "updated", notifies
