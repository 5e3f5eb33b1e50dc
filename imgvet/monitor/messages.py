"""The message of a run: all that is to be said of it in one, for a person on a phone."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from imgvet.format import counted, filled, listed
from imgvet.monitor.alarms import anchor_of, ends_with_baseline
from imgvet.monitor.events import ALARMS, ALL_CLEARS
from imgvet.monitor.history import Event, Run
from imgvet.quality.result import Severity
from imgvet.sections import INDEX, Section
from imgvet.workdir import WorkDir

NotifyType = Literal["info", "success", "warning", "failure"]


@dataclass(frozen=True)
class Links:
    """Where more is to be seen."""

    report: str
    command: str
    runs: str = ""
    """Address below which a server shows runs by their ids; empty if there is none to be opened."""
    accept: str = ""
    """The command that makes a run, whose id follows, the one that later runs are compared with."""


@dataclass(frozen=True)
class Message:
    """What receivers are told."""

    severity: Severity
    all_clear: bool
    title: str
    body: str

    @property
    def kind(self) -> NotifyType:
        """Services choose colours and sounds by it."""
        kinds: dict[str, NotifyType] = {
            "critical": "failure", "warning": "warning", "info": "info",
        }  # fmt: skip
        return "success" if self.all_clear else kinds[self.severity]


@dataclass(frozen=True)
class RunMessage(Message):
    """What one receiver is told of one run."""

    run: Run
    events: Sequence[Event]

    @property
    def name(self) -> str:
        """Name of the event that stands for it on a server."""
        return ALL_CLEARS if self.all_clear else ALARMS


def report_address(work: WorkDir, report_url: str | None, page: str = INDEX) -> str:
    """Where a page of the report of a work dir is opened: a file, or below a public address."""
    if report_url is None and work.address:
        return f"{work.name}/{work.report.name}/{page}"
    if report_url is None or Path(report_url).suffix == ".html":
        return report_url or (work.report / page).as_uri()
    return f"{report_url.rstrip('/')}/{page}"


def links_of(work: WorkDir, report_url: str | None, runs: str = "") -> Links:
    """The links of the messages of a work dir."""
    report = report_address(work, report_url, Section.ALARMS.page)
    name = shlex.quote(work.name)
    accept = f"imgvet baseline {shlex.quote(WorkDir(work.path).name)} --set"
    return Links(report, f"imgvet explore {name}", runs, accept)


def message_of(run: Run, events: Sequence[Event], baseline: Run | None, links: Links) -> RunMessage:
    """One message of the events of a run, of which there is one at least."""
    alarms = [event for event in events if not event.all_clear]
    worst = min((event.severity for event in events), key=get_args(Severity).index)
    over = any(ends_with_baseline(key) for event in alarms for key in event.alarms)
    body = filled(
        "message.txt", run=run, events=events, baseline=baseline, links=links,
        may_be_meant=links.accept and over, anchor_of=anchor_of,
    )  # fmt: skip
    return RunMessage(
        severity=worst,
        all_clear=not alarms,
        title=_title(run, events),
        body=body.removesuffix("\n"),
        run=run,
        events=events,
    )


def _title(run: Run, events: Sequence[Event]) -> str:
    if len(events) == 1:
        return events[0].title
    number = {True: 0, False: 0}
    for event in events:
        number[event.all_clear] += 1
    said = [counted(number[False], "alarm")] if number[False] else []
    said += [counted(number[True], "all-clear")] if number[True] else []
    about = listed(list(dict.fromkeys(event.about for event in events)))
    return f"{run.dataset + ': ' if run.dataset else ''}{listed(said)}: {about}"
