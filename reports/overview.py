"""Many watched datasets on one page, and what a server shows of one."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from imgvet.format import as_markdown, counted, filled
from imgvet.monitor.alarms import in_short
from imgvet.monitor.history import Run
from imgvet.monitor.messages import Message
from imgvet.quality.result import CheckState, Severity
from imgvet.reports.build import environment
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.pictures import address_of
from imgvet.reports.text import base

SHOWN = 30  # runs in a picture, the latest

PICTURES, SIDE = 6, 160
"""Images that are shown, and the pixels of the long side of each: some 5 kB."""

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
    return Message(_SEVERITIES[worst], worst == "good", title, body)


def verdict_of(run: Run) -> str:
    """How it ended, in words."""
    return "run failed" if run.verdict is None else run.verdict.value


def dataset_markdown(run: ReportInputs, report: str, lines: Sequence[str]) -> str:
    """The page of a dataset, the checks that did not pass first; foreign text in it stays text.

    Of the run it takes the tables items and alarms; ``report`` is the address of its report,
    ``lines`` are its summary.
    """
    markdown = environment().overlay(autoescape=False).get_template("artifact.md")
    return markdown.render(
        run=run,
        report=report,
        lines=lines,
        trend=base64.b64encode(trend(run.watched).encode()).decode(),
        pictures=_pictures(run),
        checks=sorted(run.checks, key=lambda check: check.state is CheckState.PASSED),
        counted=counted,
    )


def _pictures(run: ReportInputs) -> list[tuple[str, str]]:
    """The worst images of the alarms, then of failed checks, each once: thumbnails and names."""
    found = run.table("alarms").groupby("alarm")["id"].head(2).tolist()
    failed = [check for check in run.checks if check.state is CheckState.FAILED]
    found += [image for check in failed for image in check.examples[:2]]
    pictures = []
    for image in run.images(list(dict.fromkeys(found))[:PICTURES]):
        small = address_of(image.digest, run.thumbnail, SIDE)
        name = as_markdown(base(image.filename))
        pictures.append((f"![{name}]({small})" if small else "no picture", name))
    return pictures
