"""Builds the report: inputs -> view -> pictures, data and pages -> files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from jinja2 import Environment
from plotly.offline import get_plotlyjs

from imgvet.reports.inputs import ReportInputs
from imgvet.reports.map_data import write_map
from imgvet.reports.page import environment, page_data, render_page
from imgvet.reports.payload import FOLDER as DATA
from imgvet.reports.pictures import write_pictures
from imgvet.reports.tiles import write_tiles
from imgvet.reports.view.map import tiled
from imgvet.reports.view.report import report_view
from imgvet.reports.view.section import Chart
from imgvet.sections import INDEX

ASSETS = ("style.css", "report.js", "gallery.js", "map.js")
TABLES = "tables"


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
    pictures = write_pictures(view.digests(), inputs.thumbnail, folder)
    for name in (DATA, TABLES):
        (folder / name).mkdir()
    if view.map is not None:
        points = view.map.points
        chosen = [points.digests[place] for place in tiled(len(points.digests)).tolist()]
        tiles = write_tiles(chosen, inputs.thumbnail, folder)
        write_map(points, tiles, view.facts, pictures, folder)
    for page in view.pages:
        _write(folder / DATA / f"{page.stem}.js", page_data(view, page))
        _write(folder / page.name, render_page(view, page, pictures, templates))
    for chart in view.charts():
        _write(folder / TABLES / f"{chart.figure_id}.csv", _as_csv(chart))
    _write_assets(templates, folder)
    return folder / INDEX


def _write_assets(templates: Environment, folder: Path) -> None:
    for name in ASSETS:
        _write(folder / name, templates.get_template(name).render())
    _write(folder / "plotly.min.js", get_plotlyjs())


def _as_csv(chart: Chart) -> str:
    """The numbers of a figure as a table."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(chart.file_header)
    writer.writerows(chart.file_rows)
    return stream.getvalue()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
