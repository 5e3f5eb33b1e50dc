"""What a server shows of a dataset, as Markdown: is it fine, what changed, what to look at."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from imgvet.foreign import as_markdown
from imgvet.format import counted
from imgvet.quality.result import CheckState
from imgvet.reports.build import environment
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.overview import trend
from imgvet.reports.pictures import address_of
from imgvet.reports.text import base

PICTURES, SIDE = 6, 160
"""Images that are shown, and the pixels of the long side of each: some 5 kB."""


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
