"""``alerts.json`` in the work dir: what was sent to whom, and what still waits for its receiver.

It keeps a retry of a run from telling anything twice. Addresses hold secrets, so only their
digests are in it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from imgvet.monitor.message import Message
from imgvet.summary import Frozen
from imgvet.workdir import WorkDir, write_text

KEPT = 500
"""Sent messages that are remembered, the latest ones."""

WAITING = 50
"""Messages that may wait for a receiver that does not answer, the latest ones."""


class Sent(Frozen):
    """A message that arrived: the id of its event, and the digest of the address."""

    event_id: str
    to: str


class Waiting(Frozen):
    """A message that did not arrive yet, and the digest of the address."""

    message: Message
    to: str


class Alerts(Frozen):
    """The record.

    Attributes:
        told: the last run whose events were handed over for sending.
        sent: what arrived, oldest first.
        waiting: what is tried again in the next run, oldest first.
    """

    told: str = ""
    sent: tuple[Sent, ...] = ()
    waiting: tuple[Waiting, ...] = ()

    def was_sent(self, event_id: str, to: str) -> bool:
        """Whether an event was told to an address."""
        return Sent(event_id=event_id, to=to) in self.sent

    def with_sent(self, event_id: str, to: str) -> Alerts:
        """The record after a message arrived."""
        left = tuple(
            entry for entry in self.waiting if (entry.message.event_id, entry.to) != (event_id, to)
        )
        sent = (*self.sent, Sent(event_id=event_id, to=to))[-KEPT:]
        return self.model_copy(update={"sent": sent, "waiting": left})

    def with_waiting(self, message: Message, to: str) -> Alerts:
        """The record after a message could not be delivered."""
        entry = Waiting(message=message, to=to)
        if entry in self.waiting:
            return self
        return self.model_copy(update={"waiting": (*self.waiting, entry)[-WAITING:]})


def alerts_path(work: WorkDir) -> Path:
    """The file of the record."""
    return work.path / "alerts.json"


def read_alerts(work: WorkDir) -> Alerts:
    """The record of a work dir; an empty one if there is none or it is damaged."""
    try:
        return Alerts.model_validate_json(alerts_path(work).read_bytes())
    except (OSError, ValidationError):
        return Alerts()


def write_alerts(work: WorkDir, alerts: Alerts) -> None:
    """Keep the record, atomically. The caller holds the work dir."""
    write_text(alerts_path(work), alerts.model_dump_json(indent=2) + "\n")


def digest(address: str) -> str:
    """What an address is remembered by."""
    return hashlib.blake2b(address.encode(), digest_size=8).hexdigest()
