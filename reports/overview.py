"""Many watched datasets on one page, and the runs of one as a small picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from imgvet.format import filled
from imgvet.monitor.alarms import in_short
from imgvet.monitor.history import Run
from imgvet.monitor.messages import Message
from imgvet.quality.result import Severity
from imgvet.reports.build import environment

SHOWN = 30  # runs in a picture, the latest

_NAMESPACE = "http://www.w3.org/2000/svg"
_SEVERITIES: dict[str, Severity] = {
    "bad": "critical", "warn": "warning", "good": "info", "none": "info",
}  # fmt: skip
_ORDER = tuple(_SEVERITIES)


@dataclass(frozen=True)
class Watched:
    """One dataset of an overview."""

    name: str
    runs: Sequence[Run]
    """Its monitored runs, oldest first."""
    coming: str
    """When it runs next, in words."""
    report: str
    """Address of its report; empty if there is none."""
    problem: str = ""
    """Why its history can't be read."""

    @property
    def state(self) -> str:
        """How it is: ``bad``, ``warn``, ``good``, or ``none`` without a run."""
        return "bad" if self.problem else state_of(self.runs[-1]) if self.runs else "none"


def state_of(run: Run) -> str:
    """How a run ended: ``bad`` if it or a critical check failed, ``warn`` with other findings."""
    if run.verdict is None or run.verdict.value in ("failed", "errored"):
        return "bad"
    return "warn" if run.alarms or run.verdict.value == "warnings" else "good"


def trend(runs: Sequence[Run]) -> Markup:
    """The latest runs as a picture (SVG): a bar each, as high as it had images.

    Its colour says how it ended: green, amber with warnings or alarms, red if it failed.
    """
    template = environment().get_template("trend.svg")
    picture = template.render(runs=runs[-SHOWN:], state_of=state_of, namespace=_NAMESPACE)
    return Markup(picture)  # noqa: S704  the template escapes what is foreign


def overview_page(datasets: Sequence[Watched], now: datetime) -> str:
    """The page; datasets that need a look come first."""
    ordered = sorted(datasets, key=lambda one: _ORDER.index(one.state))
    return environment().get_template("overview.html").render(
        datasets=ordered, now=now.isoformat(timespec="seconds"), trend=trend,
        numbers={state: sum(one.state == state for one in datasets) for state in _ORDER},
    )  # fmt: skip


def digest(datasets: Sequence[Watched]) -> Message:
    """The overview as a message, with a line for each dataset that needs a look."""
    text = filled("digest.txt", datasets=datasets, verdict_of=verdict_of, in_short=in_short)
    title, _, body = text.removesuffix("\n").partition("\n")
    worst = min((one.state for one in datasets), key=_ORDER.index)
    return Message("status", _SEVERITIES[worst], worst == "good", title, body)


def verdict_of(run: Run) -> str:
    """How it ended, in words."""
    return "run failed" if run.verdict is None else run.verdict.value
