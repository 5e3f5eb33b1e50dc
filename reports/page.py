"""The page: views and figures as HTML, through Jinja2 with autoescape."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from imgvet.reports.figures import histogram_figure, template
from imgvet.reports.pictures import Picture
from imgvet.reports.text import count
from imgvet.reports.view.report import ReportView

TEMPLATES = "templates"


def render_page(view: ReportView, pictures: Mapping[str, Picture]) -> str:
    """The report as one HTML page.

    Args:
        view: what the report says.
        pictures: content digest -> picture; images without one get a placeholder.
    """
    figures = {histogram.figure_id: histogram_figure(histogram) for histogram in view.histograms()}
    return (
        environment()
        .get_template("report.html")
        .render(view=view, pictures=pictures, figures={"template": template(), "figures": figures})
    )


def environment() -> Environment:
    """The templates; every value is escaped and a missing name is an error."""
    made = Environment(
        loader=PackageLoader("imgvet.reports", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["count"] = count
    return made
