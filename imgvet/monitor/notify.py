"""Tell receivers of events, each once: addresses, with Apprise (https://github.com/caronc/apprise).

An event is noted as told after its receiver has confirmed it. One whose receiver does not is noted
as well and tried again in the next runs, so that nothing is lost and no run fails for it.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from imgvet.errors import InvalidParameterError
from imgvet.monitor.events import RUN_FAILED
from imgvet.monitor.history import Delivery, Event, Run, read_history, save_run
from imgvet.sections import INDEX
from imgvet.summary import Exact
from imgvet.workdir import WorkDir

RETRIED = 50  # latest runs whose events are tried again

NotifyType = Literal["info", "success", "warning", "failure"]

Sender = Callable[[Run, Event, str, str], str]
"""Sends an event of a run, with a link, to a receiver; returns why it did not arrive, or ""."""


class Monitored(Exact):
    """What a monitored run gave."""

    run: Run
    arrived: int = 0
    """Messages that arrived."""
    problems: tuple[str, ...] = ()
    """One line for each address that could not be reached."""


def report_address(work: WorkDir, report_url: str | None, page: str = INDEX) -> str:
    """Where a page of the report of a work dir is opened: a file, or below a public address."""
    if report_url is None or Path(report_url).suffix == ".html":
        return report_url or (work.report / page).as_uri()
    return f"{report_url.rstrip('/')}/{page}"


def body_of(event: Event, report: str) -> str:
    """The text of a message, with a link to the report; a run that failed left none of its own."""
    return event.body if event.name == RUN_FAILED else f"{event.body}\nReport: {report}"


def kind_of(event: Event) -> NotifyType:
    """The kind of the message that tells of an event; services choose colours and sounds by it."""
    kinds: dict[str, NotifyType] = {"critical": "failure", "warning": "warning", "info": "info"}
    return "success" if event.all_clear else kinds[event.severity]


def check_addresses(addresses: Iterable[str]) -> None:
    """Refuse an address that no message can be sent to (InvalidParameterError); sends nothing."""
    for address in addresses:
        if _service(address) is None:
            scheme = address.partition("://")[0]
            raise InvalidParameterError(
                f"notify: {scheme}://... is no address that messages can be sent to",
                "Write it as Apprise does: json://host:port/path, slack://..., mailto://...",
            )


def without_secrets(receiver: str) -> str:
    """An address without its secrets and settings, to be shown; of other receivers the name."""
    if "://" not in receiver:
        return receiver
    return str(_service(receiver).url(privacy=True)).partition("?")[0]


def send(_: Run, event: Event, report: str, address: str) -> str:
    """Send the message that tells of an event: a :data:`Sender`."""
    from apprise import Apprise, LogCapture, NotifyFormat, NotifyType

    capture: Any = LogCapture
    with capture(level=logging.WARNING, fmt="%(message)s") as captured:
        arrived = Apprise(_service(address)).notify(
            title=event.title,
            body=body_of(event, report),
            notify_type=NotifyType(kind_of(event)),
            body_format=NotifyFormat.TEXT,
        )
        said = ["it was refused", *captured.getvalue().strip().splitlines()]
    return "" if arrived else str(said[-1]).rstrip(".")


def deliver(
    work: WorkDir, run: Run, receivers: Iterable[str], report: str, sender: Sender = send
) -> Monitored:
    """Tell each receiver of the events of a run of the history, and of what waits for it."""
    arrived, problems = 0, []
    for receiver in receivers:
        # Addresses hold secrets, so they are remembered by their digests.
        to = hashlib.blake2b(receiver.encode(), digest_size=8).hexdigest()
        reason, waiting = "", 0
        for row in read_history(work)[-RETRIED:]:
            # Of a run that was told of only what did not arrive; one may have been killed before.
            told = {entry.event: entry.arrived for entry in row.deliveries if entry.to == to}
            for event in (event for event in row.events if not told.get(event.name, row.told)):
                # A receiver that failed once is not asked again in this run: a try takes seconds.
                reason = reason or sender(row, event, report, receiver)
                note(work, row, event, to, arrived=not reason)
                arrived += not reason
                waiting += bool(reason)
        if waiting:
            what = "1 message was" if waiting == 1 else f"{waiting} messages were"
            where = f"{without_secrets(receiver)} ({reason})"
            problems.append(f"{what} not delivered to {where}; tried again next time")
    return Monitored(run=run, arrived=arrived, problems=tuple(problems))


def note(work: WorkDir, run: Run, event: Event, to: str, *, arrived: bool) -> None:
    """Keep in the history whether an event of a run arrived at a receiver."""
    row = next(row for row in read_history(work) if row.run_id == run.run_id)
    others = [entry for entry in row.deliveries if (entry.event, entry.to) != (event.name, to)]
    entry = Delivery(event=event.name, to=to, arrived=arrived)
    save_run(work, row.model_copy(update={"deliveries": (*others, entry)}))


def _service(address: str) -> Any:
    with warnings.catch_warnings():
        # Apprise's plugins use modules that later versions of Python leave out.
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise

        return Apprise.instantiate(address, suppress_exceptions=True)
