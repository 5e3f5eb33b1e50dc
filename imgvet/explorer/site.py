"""The explorer's site: its page, the report, and what the page asks."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from imgvet import __version__
from imgvet.explorer.api import ERRORS, NEIGHBORS, Api
from imgvet.explorer.guard import Guard, Secrets
from imgvet.explorer.run import CurrentRun

PAGE, REPORT = "/explore", "/report"

REPORT_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content Security Policy of the report, whose pages bring a narrower one; its map compiles code
for the graphics card."""

_IN_REPORT = b'<script src="/static/in_report.js" defer></script>\n</head>'


class ReportFiles(StaticFiles):
    """The report's own files; its pages get links to the explorer."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """A file of the report."""
        path = Path(full_path)
        if path.suffix == ".html":
            page = path.read_bytes().replace(b"</head>", _IN_REPORT, 1)
            answer: Response = HTMLResponse(page, status_code)
        else:
            answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["content-security-policy"] = REPORT_POLICY
        answer.headers["cache-control"] = "no-cache"
        return answer


def make_site(current: CurrentRun, known: Secrets) -> ASGIApp:
    """The site that explores a run, guarded.

    Args:
        current: the run.
        known: what a browser has to know.
    """
    templates = Environment(
        loader=PackageLoader("imgvet.explorer"), autoescape=True, undefined=StrictUndefined
    )
    page = templates.get_template("explore.html")
    style = (resources.files("imgvet.reports") / "templates/style.css").read_bytes()

    def explore(request: Request) -> Response:  # noqa: ARG001
        title = current.get().title
        text = page.render(title=title, version=__version__, token=known.token, neighbors=NEIGHBORS)
        return HTMLResponse(text)

    report = ReportFiles(directory=current.get().work.report, html=True, check_dir=False)
    site = Starlette(
        routes=[
            Route("/", lambda _: RedirectResponse(PAGE)),
            Route(PAGE, explore),
            Route("/style.css", lambda _: Response(style, media_type="text/css")),
            *Api(current).routes,
            Mount(REPORT, report),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ],
        exception_handlers=ERRORS,
    )
    return Guard(site, known)
