"""Builds the report: inputs -> view -> pictures, data and pages -> files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment
from plotly.offline import get_plotlyjs

from imgvet.reports.data import CSV, page_data, write_map
from imgvet.reports.data import FOLDER as DATA
from imgvet.reports.inputs import ReportInputs, inputs_of
from imgvet.reports.page import environment, render_page
from imgvet.reports.pictures import write_pictures
from imgvet.reports.tiles import write_tiles
from imgvet.reports.view.map import tiled
from imgvet.reports.view.report import report_view
from imgvet.sections import INDEX
from imgvet.summary import PastRun
from imgvet.workdir import WorkDir, swap_folder

ASSETS = ("style.css", "report.js", "gallery.js", "map.js")
TABLES = "tables"


def report_of(work: WorkDir, history: Sequence[PastRun] = ()) -> Path:
    """Build the report of a finished run again, and put it in place of the old one as a whole.

    Args:
        work: its work dir.
        history: earlier runs, oldest first.

    Returns:
        the page to open.
    """
    inputs = inputs_of(work, history)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=work.home) as scratch:
        folder = Path(scratch) / "report"
        folder.mkdir()
        build_report(inputs, folder)
        swap_folder(folder, work.report)
    return work.report / INDEX


def build_report(inputs: ReportInputs, folder: Path) -> Path:
    """Write the report into a new, empty folder.

    The same inputs give the same bytes. No page loads anything from outside the folder.

    Args:
        inputs: records and tables of a finished run.
        folder: an existing, empty folder.

    Returns:
        the path of ``index.html``.
    """
    view = report_view(inputs)
    templates = environment()
    pictures = write_pictures(view.digests, inputs.thumbnail, folder)
    for name in (DATA, TABLES):
        (folder / name).mkdir()
    points = view.points
    if points is not None:
        chosen = points.digests[tiled(len(points.digests))].tolist()
        tiles = write_tiles(chosen, inputs.thumbnail, folder)
        write_map(points, tiles, view.facts, pictures, folder)
    for page in view.pages:
        _write(folder / DATA / f"{page.stem}.js", page_data(page, view.facts))
        _write(folder / page.name, render_page(view, page, pictures, templates))
        for chart in page.charts:
            chart.numbers.to_csv(
                folder / TABLES / f"{chart.figure_id}.csv", float_format="%g", **CSV
            )
    _write_assets(templates, folder)
    return folder / INDEX


def _write_assets(templates: Environment, folder: Path) -> None:
    for name in ASSETS:
        _write(folder / name, templates.get_template(name).render())
    _write(folder / "plotly.min.js", get_plotlyjs())


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
