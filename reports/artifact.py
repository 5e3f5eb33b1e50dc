"""What a server shows of a dataset, as Markdown: is it fine, what changed, what to look at."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from imgvet.foreign import as_markdown
from imgvet.format import counted
from imgvet.monitor.history import Run
from imgvet.quality.result import CheckResult, CheckState
from imgvet.reports.build import environment
from imgvet.reports.inputs import ThumbnailReader
from imgvet.reports.overview import trend
from imgvet.reports.pictures import address_of
from imgvet.reports.text import base
from imgvet.summary import RunSummary

PICTURES, SIDE = 6, 160
"""Images that are shown, and the pixels of the long side of each: some 5 kB."""

_SIGNS = {CheckState.PASSED: "\u2713 passed", CheckState.FAILED: "\u2717 failed",
          CheckState.ERRORED: "? errored"}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A finished run to be shown."""

    name: str
    summary: RunSummary
    checks: Sequence[CheckResult]
    items: pd.DataFrame
    """Its table items."""
    alarms: pd.DataFrame | None
    """Its table alarms; None if it is not monitored."""
    runs: Sequence[Run]
    """The monitored runs of its work dir, this one last; none if it is not monitored."""
    report: str
    """Address of its report."""
    lines: Sequence[str]
    """Its summary as lines of text."""


def dataset_markdown(shown: Shown, read: ThumbnailReader) -> str:
    """The page of a dataset, the checks that did not pass first; foreign text in it stays text."""
    markdown = environment().overlay(autoescape=False).get_template("artifact.md")
    return markdown.render(
        shown=shown,
        run=shown.runs[-1] if shown.runs else None,
        trend=base64.b64encode(trend(shown.runs).encode()).decode(),
        pictures=_pictures(shown, read),
        checks=sorted(shown.checks, key=lambda check: check.state is CheckState.PASSED),
        signs=_SIGNS,
        counted=counted,
    )


def _pictures(shown: Shown, read: ThumbnailReader) -> list[tuple[str, str]]:
    """The worst images of the alarms, then of failed checks, each once: thumbnails and names."""
    found = [] if shown.alarms is None else shown.alarms.groupby("alarm")["id"].head(2).tolist()
    failed = [check for check in shown.checks if check.state is CheckState.FAILED]
    found += [image for check in failed for image in check.examples[:2]]
    rows = shown.items.set_index("id").loc[list(dict.fromkeys(found))[:PICTURES]]
    pictures = []
    for digest, filename in zip(rows["digest"], rows["filename"], strict=True):
        small = address_of(digest, read, SIDE)
        name = as_markdown(base(filename))
        pictures.append((f"![{name}]({small})" if small else "no picture", name))
    return pictures
