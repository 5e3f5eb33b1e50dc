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
    """The page of a dataset; foreign text in it stays text."""
    parts = [f"# {as_markdown(shown.name)}: {shown.summary.verdict.meaning}", *_alarms(shown.runs)]
    parts += _pictures(shown, read)
    parts += [_checks(shown.checks), f"[Report]({shown.report})"]
    parts.append("\n".join(["```", *shown.lines, "```"]))
    return "\n\n".join(parts)


def _alarms(runs: Sequence[Run]) -> list[str]:
    """Which alarms are on, what this run changed, and the latest runs as a picture."""
    if not runs:
        return []
    run = runs[-1]
    on = f"**{counted(len(run.alarms), 'alarm')} on**" if run.alarms else "No alarm is on"
    new = f"{counted(run.new_images, 'image')} of {run.images:,} are new"
    lines = [f"{on}; {new}. {as_markdown(run.notice)}".rstrip()]
    changes = [f"- {as_markdown(event.title)}" for event in run.events]
    lines.append("\n".join(changes) or "Nothing changed since the last run.")
    picture = base64.b64encode(trend(runs).encode()).decode()
    lines.append(f"![Images of the latest runs](data:image/svg+xml;base64,{picture})")
    return lines


def _checks(checks: Sequence[CheckResult]) -> str:
    """The checks as a table, those that did not pass first."""
    ordered = sorted(checks, key=lambda check: check.state is CheckState.PASSED)
    rows = [
        (_SIGNS[check.state], as_markdown(check.title), check.severity,
         as_markdown(check.observed or check.detail), as_markdown(check.allowed))
        for check in ordered
    ]  # fmt: skip
    head = [("State", "Check", "Severity", "Observed", "Allowed"), ("---",) * 5]
    return "\n".join(f"| {' | '.join(row)} |" for row in (*head, *rows))


def _pictures(shown: Shown, read: ThumbnailReader) -> list[str]:
    """The worst images of the alarms, then of failed checks, each once, as thumbnails."""
    found = [] if shown.alarms is None else shown.alarms.groupby("alarm")["id"].head(2).tolist()
    failed = [check for check in shown.checks if check.state is CheckState.FAILED]
    found += [image for check in failed for image in check.examples[:2]]
    rows = shown.items.set_index("id").loc[list(dict.fromkeys(found))]
    pictures = []
    for digest, filename in zip(rows["digest"], rows["filename"], strict=True):
        small = address_of(digest, read, SIDE)
        name = as_markdown(base(filename))
        pictures.append((f"![{name}]({small})" if small else "no picture", name))
    lines = zip(*pictures[:PICTURES], strict=True)
    head, names = (f"| {' | '.join(line)} |" for line in lines) if pictures else ("", "")
    rule = "|" + " --- |" * len(pictures[:PICTURES])
    return ["## Look at", f"{head}\n{rule}\n{names}"] if pictures else []
