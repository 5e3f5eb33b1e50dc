"""Builds the report: inputs -> view -> pictures and page -> files."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment
from plotly.offline import get_plotlyjs

from imgvet.reports.inputs import ReportInputs
from imgvet.reports.page import environment, render_page
from imgvet.reports.pictures import write_pictures
from imgvet.reports.view.report import report_view

INDEX = "index.html"
ASSETS = ("style.css", "report.js")


def build_report(inputs: ReportInputs, folder: Path) -> Path:
    """Write the report into a new, empty folder.

    The same inputs give the same bytes. The page loads nothing from outside its folder.

    Args:
        inputs: records and tables of a finished run.
        folder: an existing, empty folder.

    Returns:
        the path of ``index.html``.
    """
    view = report_view(inputs)
    pictures = write_pictures(view.digests(), inputs.thumbnail, folder)
    _write_assets(environment(), folder)
    index = folder / INDEX
    _write(index, render_page(view, pictures))
    return index


def _write_assets(templates: Environment, folder: Path) -> None:
    for name in ASSETS:
        _write(folder / name, templates.get_template(name).render())
    _write(folder / "plotly.min.js", get_plotlyjs())


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
