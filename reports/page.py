"""The pages: views as HTML, through Jinja2 with autoescape."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from imgvet.reports import limits
from imgvet.reports.figures import figure, template
from imgvet.reports.payload import assignment
from imgvet.reports.pictures import Picture
from imgvet.reports.text import count
from imgvet.reports.view.report import PageView, ReportView
from imgvet.sections import Section

TEMPLATES = "templates"


def render_page(
    view: ReportView, page: PageView, pictures: Mapping[str, Picture], templates: Environment
) -> str:
    """One page of the report as HTML.

    Args:
        view: what the report says.
        page: the page.
        pictures: content digest -> picture; images without one get a placeholder.
        templates: from :func:`environment`.
    """
    found = templates.get_template("page.html")
    return found.render(
        view=view,
        page=page,
        pages=view.pages,
        pictures=pictures,
        page_size=limits.PAGE,
        has_map=page.sections[0].anchor is Section.MAP,
    )


def page_data(view: ReportView, page: PageView) -> str:
    """The script with the data of one page: its figures, and what is known of its images."""
    facts = view.facts
    figures = {chart.figure_id: figure(chart) for chart in page.charts}
    columns = [
        {"key": c.key, "title": c.title, "form": c.form, "unit": c.unit} for c in facts.columns
    ]
    parts: dict[str, Any] = {"columns": columns, "images": facts.rows(page.ids)}
    if figures or page.sections[0].anchor is Section.MAP:
        parts |= {"template": template(), "figures": figures}
    return "".join(assignment(name, value) for name, value in parts.items())


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates; every value is escaped and a missing name is an error.

    Made once: compiling them takes longer than filling them in.
    """
    made = Environment(
        loader=PackageLoader("imgvet.reports", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["count"] = count
    return made
