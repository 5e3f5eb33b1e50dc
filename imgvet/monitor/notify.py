"""Tell receivers of events, each once: addresses, with Apprise (https://github.com/caronc/apprise).

The history is the outbox. An event is noted as told after its receiver has confirmed its message,
one that was not confirmed waits for the next run or ``imgvet monitor --deliver``: nothing is lost,
and no run fails for it. Only who is killed between the two sends a message again.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from imgvet.errors import InvalidParameterError
from imgvet.monitor.history import (
    Delivery,
    Event,
    Run,
    find_run,
    monitored_runs,
    read_history,
    save_run,
)
from imgvet.monitor.messages import Links, Message, RunMessage, message_of
from imgvet.monitor.options import NotifyOptions
from imgvet.parameters import BLOCK, block_in
from imgvet.quality.result import Severity
from imgvet.store.references import digest_bytes
from imgvet.summary import Exact
from imgvet.workdir import WorkDir

SERVER = "the Prefect server"
"""As a receiver of events."""

RETRIED = 50  # latest runs of those with events that did not arrive, which are tried again

Sender = Callable[[RunMessage, str], str]
"""Sends the message of a run to a receiver; returns why it did not arrive, or ""."""


class Monitored(Exact):
    """What a monitored run gave."""

    run: Run
    arrived: int = 0
    """How many messages did."""
    problems: tuple[str, ...] = ()
    """One line for each address that could not be reached."""


def check_addresses(addresses: Iterable[str]) -> None:
    """Refuse an address that no message can be sent to (InvalidParameterError); sends nothing.

    Of a block only how its name is written is checked.
    """
    for address in addresses:
        if address.startswith(BLOCK):
            block_in(address)
        elif _service(address) is None:
            scheme = address.partition("://")[0]
            raise InvalidParameterError(
                f"notify: {scheme}://... is no address that messages can be sent to",
                "Write it as Apprise does: json://host:port/path, slack://..., mailto://...; or "
                f"name a block of the server: {BLOCK}slack-webhook/NAME",
            )


def kept_whole(address: str) -> str:
    """An address with what Apprise must be told so that a message arrives as it is.

    A POST that is redirected becomes a GET without the message, and what answers that would count.
    Of an e-mail Apprise and Prefect's blocks make HTML in which no line breaks.
    """
    is_mail = address.startswith(("mailto://", "mailtos://"))
    base, _, own = address.partition("?")
    ours = "redirect=no&format=text" if is_mail else "redirect=no"
    return f"{base}?{ours}&{own}".rstrip("&")  # of two settings of a name the last counts


def without_secrets(receiver: str) -> str:
    """An address without its secrets and settings, to be shown; of other receivers the name."""
    if not _is_address(receiver) or receiver.startswith(BLOCK):
        return receiver
    return str(_service(receiver).url(privacy=True)).partition("?")[0]


def post(message: Message, address: str) -> str:
    """Send a message to an address; returns why it did not arrive, or ""."""
    from apprise import Apprise, LogCapture, NotifyFormat, NotifyType

    capture: Any = LogCapture
    with capture(level=logging.WARNING, fmt="%(message)s") as captured:
        arrived = Apprise(_service(address)).notify(
            title=message.title,
            body=message.body,
            notify_type=NotifyType(message.kind),
            body_format=NotifyFormat.TEXT,
        )
        said = ["it was refused", *captured.getvalue().strip().splitlines()]
    return "" if arrived else str(said[-1]).rstrip(".")


def reachable(addresses: Iterable[str]) -> list[str]:
    """The addresses without those that can be none."""
    return [one for one in addresses if one.startswith(BLOCK) or _service(one) is not None]


def deliver(
    work: WorkDir,
    receivers: Mapping[str, Sender],
    links: Links,
    options: NotifyOptions = NotifyOptions(),  # noqa: B008
) -> tuple[int, tuple[str, ...]]:
    """Send to each receiver, by its sender, what waits for it, a message for each run.

    How many messages arrived, and one line for each receiver that could not be reached. What
    ``options`` keep back goes to no address: for good, or until the quiet hours are over.
    """
    arrived, problems = 0, []
    named = {_digest(receiver) for receiver in (SERVER, *receivers)}
    for receiver, sender in receivers.items():
        to = _digest(receiver)
        reason, waiting = "", 0
        rows = read_history(work)
        untold = [(row, found) for row in rows if (found := _untold(row, to, named))]
        for row, unsaid in untold[-RETRIED:]:
            events, held = unsaid, False
            if _is_address(receiver):
                severities = {event.name: severity_of(event, rows) for event in unsaid}
                events = [one for one in unsaid if options.tells(severities[one.name])]
                held = options.is_quiet() and "critical" not in severities.values()
            if not events:
                continue
            if not held:
                message = message_of(row, events, find_run(rows, row.baseline or ""), links)
                # A receiver that failed once is not asked again in this run: a try takes seconds.
                reason = reason or sender(message, receiver)
                arrived += not reason
                waiting += bool(reason)
            entries = {(entry.event, entry.to): entry for entry in row.deliveries}
            for name in (event.name for event in events):
                entries[name, to] = Delivery(event=name, to=to, arrived=not (held or reason))
            save_run(work, row.model_copy(update={"deliveries": tuple(entries.values())}))
        if waiting:
            what = "1 message was" if waiting == 1 else f"{waiting} messages were"
            where = f"{without_secrets(receiver)} ({reason})"
            problems.append(f"{what} not delivered to {where}; tried again next time")
    return arrived, tuple(problems)


def _digest(receiver: str) -> str:
    """What a receiver is remembered by: addresses hold secrets."""
    return digest_bytes(receiver.encode(), 8)


def _untold(row: Run, to: str, named: Collection[str]) -> list[Event]:
    """The events of a run that a receiver was not told of yet.

    Of a run that was told of only what did not arrive; one may have been killed before. What waits
    for an address that is not named any more, as its secret was changed, goes to who is new.
    """
    told = {entry.event: entry.arrived for entry in row.deliveries if entry.to == to}
    left = {one.event for one in row.deliveries if not one.arrived and one.to not in named}
    return [
        event
        for event in row.events
        if not told.get(event.name, row.told and event.name not in left)
    ]


def severity_of(event: Event, rows: Sequence[Run]) -> Severity:
    """How severe an event is; of an all-clear, how severe the last alarm was that it ends."""
    if not event.all_clear:
        return event.severity
    said = [one for row in rows for one in row.events if not one.all_clear]
    raised = [one for one in said if {*one.alarms} & {*event.alarms}]
    return raised[-1].severity if raised else event.severity


def mark_told(work: WorkDir) -> None:
    """Keep that receivers that are there were told of all runs; later ones learn of later runs."""
    for row in monitored_runs(work):
        if not row.told:
            save_run(work, row.model_copy(update={"told": True}))


def _is_address(receiver: str) -> bool:
    """Whether it is one of Apprise; the server is none, its automations have their own rules."""
    return "://" in receiver or receiver.startswith(BLOCK)


def _service(address: str) -> Any:
    with warnings.catch_warnings():
        # Apprise's plugins use modules that later versions of Python leave out.
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise

        return Apprise.instantiate(kept_whole(address), suppress_exceptions=True)
