"""What a person is told: one message for each event, short enough for a phone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from imgvet.monitor.events import Event
from imgvet.summary import Frozen
from imgvet.workdir import WorkDir

Kind = Literal["info", "success", "warning", "failure"]

RUN_FAILED = "imgvet.run.failed"


class Message(Frozen):
    """One message.

    Attributes:
        event_id: the event that it tells of; the same after a retry of the run.
        title: one line.
        body: a few lines, the last of which leads to the report.
        kind: what services that know colours or sounds choose them by.
    """

    event_id: str
    title: str
    body: str
    kind: Kind


@dataclass(frozen=True)
class Naming:
    """How a dataset and its report are called.

    Attributes:
        dataset: name of the dataset.
        report: address of the report's page.
    """

    dataset: str
    report: str


def report_address(work: WorkDir, report_url: str | None) -> str:
    """Where the report of a work dir is opened: a file, or a page below a public address."""
    if report_url is None:
        return work.report_index.as_uri()
    if Path(report_url).suffix == ".html":
        return report_url
    return f"{report_url.rstrip('/')}/{work.report_index.name}"


def named(event: Event, dataset: str) -> Event:
    """The event under the name that a person gave the dataset."""
    if event.dataset == dataset:
        return event
    title = event.title.removeprefix(f"{event.dataset}: ") if event.dataset else event.title
    return replace(event, dataset=dataset, title=f"{dataset}: {title}")


def message_of(event: Event, naming: Naming) -> Message:
    """The message that tells of an event."""
    told = named(event, naming.dataset)
    # A run that failed left no report of its own.
    lines = [told.body] if event.name == RUN_FAILED else [told.body, f"Report: {naming.report}"]
    return Message(event_id=event.id, title=told.title, body="\n".join(lines), kind=_kind(event))


def _kind(event: Event) -> Kind:
    if event.all_clear:
        return "success"
    kinds: dict[str, Kind] = {"critical": "failure", "warning": "warning"}
    return kinds.get(event.severity, "info")
