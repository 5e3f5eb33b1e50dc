"""Deliver messages to addresses: each once, however often a run is repeated.

A message is noted as sent after it arrived. One whose receiver does not answer waits in the record
and is tried again in the next run, so that nothing is lost and no run fails for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from imgvet.monitor.message import Message
from imgvet.monitor.record import digest, read_alerts, write_alerts
from imgvet.monitor.send import send, shown
from imgvet.workdir import WorkDir

Sender = Callable[[Message, str], str]
"""Sends a message to an address, and returns why it did not arrive, empty if it did."""


@dataclass(frozen=True)
class Delivery:
    """What delivering gave.

    Attributes:
        arrived: how many messages arrived, each address counted.
        problems: one line for each address that could not be reached.
    """

    arrived: int = 0
    problems: tuple[str, ...] = ()


def deliver(
    work: WorkDir, messages: Sequence[Message], addresses: Iterable[str], sender: Sender = send
) -> Delivery:
    """Deliver what waits and what is new to each address. The caller holds the work dir.

    Args:
        work: the work dir with the record.
        messages: what is new.
        addresses: who is told.
        sender: how a message is sent.
    """
    arrived, problems = 0, []
    for address in addresses:
        number, problem = _deliver_to(work, messages, address, sender)
        arrived += number
        problems += [problem] if problem else []
    return Delivery(arrived, tuple(problems))


def _deliver_to(
    work: WorkDir, messages: Sequence[Message], address: str, sender: Sender
) -> tuple[int, str]:
    """How many messages arrived at one address, and why others did not."""
    to, alerts, arrived, reason = digest(address), read_alerts(work), 0, ""
    earlier = [entry.message for entry in alerts.waiting if entry.to == to]
    for message in dict.fromkeys((*earlier, *messages)):
        if alerts.was_sent(message.event_id, to):
            continue
        # A receiver that failed once is not asked again in this run: each try takes seconds.
        reason = reason or sender(message, address)
        if reason:
            alerts = alerts.with_waiting(message, to)
        else:
            alerts = alerts.with_sent(message.event_id, to)
            arrived += 1
        write_alerts(work, alerts)
    waiting = sum(entry.to == to for entry in alerts.waiting)
    if not reason:
        return arrived, ""
    what = "1 message was" if waiting == 1 else f"{waiting} messages were"
    return arrived, f"{what} not delivered to {shown(address)} ({reason}); tried again next time"
