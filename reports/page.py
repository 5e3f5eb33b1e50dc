"""The pages: views as HTML, through Jinja2 with autoescape."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from imgvet.reports import limits
from imgvet.reports.pictures import Picture
from imgvet.reports.text import count
from imgvet.reports.view.report import PageView, ReportView

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
    return templates.get_template("page.html").render(
        view=view, page=page, pictures=pictures, page_size=limits.PAGE
    )


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
