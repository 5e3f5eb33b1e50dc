"""Builds the report: inputs -> pages -> pictures, data and HTML, through Jinja2 with autoescape."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from imgvet.format import templates_in
from imgvet.reports import data, limits, text
from imgvet.reports.inputs import ReportInputs, inputs_of
from imgvet.reports.pictures import as_address, write_pictures
from imgvet.reports.report import Page, pages_of
from imgvet.sections import INDEX, Section
from imgvet.workdir import WorkDir, draft_in, link_or_copy, made_in_one_step, write_text

ASSETS = ("style.css", "report.js", "gallery.js", "map.js")


def report_of(work: WorkDir) -> Path:
    """Build the report of a finished run again, in place of the old one; returns its first page."""
    inputs = inputs_of(work)
    with made_in_one_step(work.report) as folder:
        build_report(inputs, folder, earlier=work.report)
        add_tables(folder, {name: work.table(name) for name in inputs.tables})
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
        stem = Path(page.name).stem
        (folder / data.FOLDER / f"{stem}.js").write_text(data.page_data(page, inputs), "utf-8")
        html = page_template.render(run=inputs, pages=pages, page=page, pictures=pictures)
        (folder / page.name).write_text(html, "utf-8")
    data.write_tables(pages, inputs, folder)
    for name in ASSETS:
        (folder / name).write_text(templates.get_template(name).render(), "utf-8")
    (folder / "plotly.min.js").write_text(get_plotlyjs(), "utf-8")
    return folder / INDEX


def build_single_file(inputs: ReportInputs, file: Path) -> Path:
    """Write the report as one page that holds all it needs, to send; returns its path.

    It has no map and no tables: the one would need the graphics card's compiler, the others are
    files of their own.
    """
    pages, templates = pages_of(inputs), environment()
    shown = (page.sections.items() for page in pages if page.points is None)
    page = Page(file.name, dict(itertools.chain.from_iterable(shown)))
    with draft_in(file.parent) as scratch:
        folder = Path(scratch)
        digests = dict.fromkeys(image.digest for image in page.images if image.digest)
        pictures = write_pictures(digests, inputs.thumbnail, folder)
        # Each once, however often it is shown: the script puts them into their places.
        written = {digest: as_address(folder / shown.src) for digest, shown in pictures.items()}
    scripts = [get_plotlyjs(), data.page_data(page, inputs)]
    scripts.append(data.assignment("pictures", written))
    scripts += [templates.get_template(name).render() for name in ("report.js", "gallery.js")]
    # Our own files, and JSON that can't end a script.
    single = {
        "style": Markup(templates.get_template("style.css").render()),  # noqa: S704
        "scripts": [Markup(script) for script in scripts],  # noqa: S704
    }
    html = templates.get_template("page.html").render(
        run=inputs, pages=[page], page=page, pictures=pictures, single=single
    )
    # What is foreign has no quotation marks of its own.
    html = re.sub(r'href="[a-z-]+\.html(#[a-z-]+)?"', lambda to: f'href="{to[1] or "#"}"', html)
    write_text(file, html)
    return file


def add_tables(report: Path, tables: Mapping[str, Path]) -> None:
    """Put the files of result tables, by name, into a report, whose pages link to them."""
    for name, path in tables.items():
        link_or_copy(path, report / data.TABLES / f"{name}.parquet")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates; every value is escaped and a missing name is an error.

    Made once: compiling them takes longer than filling them in, and to optimise them, too.
    """
    made = templates_in("imgvet.reports", autoescape=True, lstrip_blocks=True, optimized=False)
    made.filters.update(text.FILTERS)
    made.globals.update(Section=Section, limits=limits, single=None)
    return made
