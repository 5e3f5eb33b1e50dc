"""Builds the report: inputs -> pages -> pictures, data and HTML, through Jinja2 with autoescape."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from imgvet.reports import data, limits, text
from imgvet.reports.inputs import ReportInputs, inputs_of
from imgvet.reports.pictures import write_pictures
from imgvet.reports.report import pages_of
from imgvet.sections import INDEX, Section
from imgvet.summary import PastRun
from imgvet.workdir import WorkDir, link_or_copy, swap_folder

ASSETS = ("style.css", "report.js", "gallery.js", "map.js")


def report_of(work: WorkDir, history: Sequence[PastRun] = ()) -> Path:
    """Build the report of a finished run again, and put it in place of the old one as a whole.

    The history is earlier runs, oldest first; returns the page to open.
    """
    inputs = inputs_of(work, history)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=work.home) as scratch:
        folder = Path(scratch) / "report"
        build_report(inputs, folder, earlier=work.report)
        add_tables(folder, {name: work.table(name) for name in inputs.tables})
        swap_folder(folder, work.report)
    return work.report / INDEX


def build_report(inputs: ReportInputs, folder: Path, earlier: Path | None = None) -> Path:
    """Write the report into a new or empty folder, and return the path of ``index.html``.

    The same inputs give the same bytes. No page loads anything from outside the folder. Pictures
    that an ``earlier`` report shows are not made again.
    """
    folder.mkdir(exist_ok=True)
    pages, templates = pages_of(inputs), environment()
    digests = dict.fromkeys(image.digest for page in pages for image in page.images if image.digest)
    pictures = write_pictures(digests, inputs.thumbnail, folder, earlier)
    for name in (data.FOLDER, data.TABLES):
        (folder / name).mkdir()
    page_template = templates.get_template("page.html")
    for page in pages:
        if page.points is not None:
            data.write_map(page.points, inputs, pictures, folder)
        data.write_page_data(page, inputs.facts, folder)
        html = page_template.render(run=inputs, pages=pages, page=page, pictures=pictures)
        data.write(folder / page.name, html)
    for name in ASSETS:
        data.write(folder / name, templates.get_template(name).render())
    data.write(folder / "plotly.min.js", get_plotlyjs())
    return folder / INDEX


def add_tables(report: Path, tables: Mapping[str, Path]) -> None:
    """Put the files of result tables, by name, into a report, whose pages link to them."""
    for name, path in tables.items():
        link_or_copy(path, report / data.TABLES / f"{name}.parquet")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates; every value is escaped and a missing name is an error.

    Made once: compiling them takes longer than filling them in.
    """
    made = Environment(
        loader=PackageLoader("imgvet.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(text.FILTERS)
    made.globals.update(Section=Section, limits=limits)
    return made
