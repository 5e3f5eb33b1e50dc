"""The explorer's site: its page, the report, and what the page asks of the run.

Plain functions answer in threads; what has a body is read first, and then answered in a thread.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp

from imgvet import __version__
from imgvet.errors import ImgvetError, InputNotFoundError, InvalidParameterError, RunNotFoundError
from imgvet.explorer.findings import FindingQuery, Findings, ToDecide
from imgvet.explorer.guard import Guard, Secrets
from imgvet.explorer.run import ExploredRun
from imgvet.reasons import Failure
from imgvet.search import saved_lists
from imgvet.search.image_table import MAX_ID, Rows
from imgvet.search.index import MAX_NEIGHBORS, Match
from imgvet.search.picture import MAX_BYTES, has_model, read_picture
from imgvet.search.query import ALWAYS, Page, Query, Requested

PAGE = "/explore"
FINDINGS = ("pairs", "labels")
"""What a person decides on, as :class:`ExploredRun` calls it."""

NEIGHBORS = 60
"""How many images are found alike unless another number is asked for."""

MAX_JSON = 16_000_000
"""Greatest size of what is asked as JSON, in bytes: a selection of a million images."""

REPORT_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content Security Policy of the report, whose pages bring a narrower one; its map compiles code
for the graphics card."""

PICTURE_POLICY = "default-src 'none'; sandbox"
"""Content Security Policy of pictures, whatever a browser takes them for."""

CHANGED_HEADER = "x-imgvet-changed"
"""Header of an original that is another one than the run saw."""

_IN_REPORT = b'<script src="/static/in_report.js" defer></script>\n</head>'
_HERE = Path(__file__).parent
_TEMPLATES = Jinja2Templates(_HERE / "templates")


class ListToSave(Requested):
    """A list that the page wants to be saved: chosen images, or all that match a query."""

    name: str
    ids: tuple[Annotated[int, Field(ge=0, le=MAX_ID)], ...] | None = None
    query: Query | None = None
    replace: bool = False


class ListToChange(Requested):
    """What becomes of a list: another name, or without one it comes back after it was deleted."""

    name: str | None = None


class PathToSearch(Requested):
    """A picture on this machine that the page wants to search for; it is not given out."""

    path: str = Field(min_length=1, max_length=4096)
    k: int = NEIGHBORS
    query: Query = Query()


class ReportFiles(StaticFiles):
    """The report's own files; its pages get links to the explorer."""

    def file_response(
        self, full_path: str | os.PathLike[str], *args: Any, **kwargs: Any
    ) -> Response:
        """A file of the report."""
        answer = super().file_response(full_path, *args, **kwargs)
        if answer.media_type == "text/html":
            page = Path(full_path).read_bytes().replace(b"</head>", _IN_REPORT, 1)
            answer = HTMLResponse(page, answer.status_code)
        answer.headers["content-security-policy"] = REPORT_POLICY
        answer.headers["cache-control"] = "no-cache"
        return answer


def make_site(current: Callable[[], ExploredRun], known: Secrets) -> ASGIApp:
    """The guarded site that explores the current run."""
    report = ReportFiles(directory=current().work.report, html=True, check_dir=False)
    style = str(resources.files("imgvet.reports") / "templates" / "style.css")
    site = Starlette(
        routes=[
            Route("/", lambda _: RedirectResponse(PAGE)),
            Route(PAGE, partial(_page, name="explore.html")),
            *(Route(f"/{kind}", partial(_page, name=f"{kind}.html")) for kind in FINDINGS),
            Route("/style.css", lambda _: FileResponse(style)),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
            Mount("/report", report),
            Route("/api/run", _about),
            Route("/api/items", _items),
            Route("/api/items/{item:int}", lambda request: JSONResponse(_known(request))),
            Route("/api/columns/{name}", _column),
            Route("/api/similar/{item:int}", _similar),
            Route("/api/search", _search, methods=["POST"]),
            _asking("/api/search-path", PathToSearch, _search_path),
            *(Route(f"/api/{kind}", partial(_found, kind=kind)) for kind in FINDINGS),
            *(_asking(f"/api/{kind}", ToDecide, partial(_decide, kind=kind)) for kind in FINDINGS),
            Route("/api/lists", _lists),
            _asking("/api/lists", ListToSave, _save),
            _asking("/api/lists/{name}", ListToChange, _change_list),
            Route("/api/lists/{name}", _delete_list, methods=["DELETE"]),
            Route("/lists/{name}.txt", _download),
            Route("/thumbnail/{item:int}", _thumbnail),
            Route("/original/{item:int}", _original),
        ],
        exception_handlers={ImgvetError: _answer_error, HTTPException: _answer_error},
    )
    site.state.current, site.state.token = current, known.token
    return Guard(site, known)


def _run(request: Request) -> ExploredRun:
    """The current run; a page that shows an earlier one is refused, whose ids mean other images."""
    run: ExploredRun = request.app.state.current()
    if request.headers.get("x-imgvet-run", run.record.run_id) != run.record.run_id:
        raise HTTPException(HTTPStatus.CONFLICT, "A new run has finished: load the page again.")
    return run


def _page(request: Request, name: str) -> Response:
    run = _run(request)
    page = {"title": run.title, "run": run.record.run_id, "token": request.app.state.token}
    page |= {"version": __version__, "neighbors": NEIGHBORS, "noun": run.noun}
    return _TEMPLATES.TemplateResponse(request, name, page)


def _about(request: Request) -> Response:
    run = _run(request)
    return JSONResponse(
        {
            "title": run.title,
            "run": run.record.run_id,
            "root": run.images.root,
            "model": run.record.model.get("name"),
            "takes_pictures": has_model(run.record),
            "images": len(run.images),
            "max_bytes": MAX_BYTES,
            "pairs": run.pairs.kinds,
            "labels": run.labels.kinds,
            "relations": run.pairs.relations,
            "columns": [
                asdict(column)
                for column in run.images.columns.values()
                if run.images[column.name].null_count < len(run.images)  # else nothing is found
            ],
            "presets": [
                {
                    "title": title,
                    "query": query.model_dump(exclude_defaults=True),
                    "total": len(run.search.ids(query)),
                }
                for title, query in run.presets.items()
            ],
        }
    )


def _query(request: Request) -> Query:
    return Query.parse(request.query_params.get("query", "{}"))


def _among(run: ExploredRun, query: Query) -> Rows | None:
    """The images that a search by picture may find; None for all."""
    return run.search.ids(query) if query.is_narrow else None


def _items(request: Request) -> Response:
    return JSONResponse(asdict(_run(request).search.page(_query(request))))


def _column(request: Request) -> Response:
    return JSONResponse(asdict(_run(request).search.summary_of(request.path_params["name"])))


def _similar(request: Request) -> Response:
    run, item = _run(request), _known(request, "id")["id"]
    among = _among(run, _query(request))
    return _matches(run, run.index.nearest_to_item(item, _wanted(request), among))


async def _search(request: Request) -> Response:
    wanted, query = _wanted(request), _query(request)
    data = await _body(request, MAX_BYTES)
    return await run_in_threadpool(_nearest, request, data, wanted, query)


def _search_path(request: Request, asked: PathToSearch) -> Response:
    data = read_picture(Path(asked.path).expanduser())
    return _nearest(request, data, asked.k, asked.query)


def _nearest(request: Request, picture: bytes, k: int, query: Query) -> Response:
    run = _run(request)
    found = run.nearest_to_picture(picture, k, _among(run, query))
    if not isinstance(found, Failure):
        return _matches(run, found)
    meaning = found.reason.meaning
    # Without the detail: of a file that is no picture it tells the first bytes.
    answer = {"error": f"{meaning[:1].upper()}{meaning[1:]}.", "reason": found.reason.value}
    return JSONResponse(answer, HTTPStatus.UNPROCESSABLE_ENTITY)


def _found(request: Request, kind: str) -> Response:
    findings: Findings = getattr(_run(request), kind)
    return JSONResponse(findings.page(FindingQuery.parse(request.query_params.get("query", "{}"))))


def _decide(request: Request, asked: ToDecide, kind: str) -> Response:
    findings: Findings = getattr(_run(request), kind)
    return JSONResponse({"decision": findings.decide(asked)})


def _lists(request: Request) -> Response:
    found = saved_lists.saved_lists(_run(request).work)
    return JSONResponse({"lists": [{"name": one.name, "count": one.count} for one in found]})


def _save(request: Request, asked: ListToSave) -> Response:
    if (asked.ids is None) == (asked.query is None):
        raise InvalidParameterError("Give either ids or a query", "Choose images first")
    run = _run(request)
    ids = run.search.ids(asked.query) if asked.query is not None else asked.ids or ()
    names = [str(name) for (name,) in run.images.values(("filename",), ids)]
    saved = saved_lists.save_list(run.work, asked.name, names, replace=asked.replace)
    return JSONResponse(asdict(saved) | {"path": str(saved.path)}, HTTPStatus.CREATED)


def _change_list(request: Request, asked: ListToChange) -> Response:
    work, name = _run(request).work, request.path_params["name"]
    if asked.name is None:
        saved_lists.restore_list(work, name)
    else:
        saved_lists.rename_list(work, name, asked.name)
    return JSONResponse({"name": asked.name or name})


def _delete_list(request: Request) -> Response:
    saved_lists.delete_list(_run(request).work, request.path_params["name"])
    return JSONResponse({"name": request.path_params["name"]})


def _download(request: Request) -> Response:
    path = saved_lists.list_path(_run(request).work, request.path_params["name"])
    if path.is_symlink() or not path.is_file():
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such list")
    return FileResponse(path, media_type="text/plain; charset=utf-8", filename=path.name)


def _thumbnail(request: Request) -> Response:
    digest = _known(request, "digest").get("digest")
    data = _run(request).thumbnail(digest) if digest is not None else None
    if data is None:
        raise _no_image()
    return _picture(data, "image/jpeg", {"cache-control": "private, max-age=300"})


def _original(request: Request) -> Response:
    whole = "whole" in request.query_params
    shown = _run(request).originals.show(_known(request, "id")["id"], whole=whole)
    if isinstance(shown, Failure):
        raise HTTPException(HTTPStatus.NOT_FOUND, f"{shown.reason.value}: {shown.detail}")
    if shown is None:
        raise _no_image()
    headers = {CHANGED_HEADER: "1"} if shown.changed else {}
    return _picture(shown.data, shown.media_type, headers)


def _known(request: Request, *names: str) -> dict[str, Any]:
    known = _run(request).images.facts(request.path_params["item"], names or None)
    if known is None:
        raise _no_image()
    return known


def _no_image() -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, "There is no such image")


def _wanted(request: Request) -> int:
    text = request.query_params.get("k", str(NEIGHBORS))
    if not re.fullmatch("[0-9]{1,9}", text):
        raise InvalidParameterError("k is not a number", f"Ask for 1 to {MAX_NEIGHBORS} images")
    return int(text)


def _matches(run: ExploredRun, found: list[Match]) -> Response:
    rows = run.images.values(ALWAYS, [match.id for match in found])
    shown = [(*row, match.similarity) for row, match in zip(rows, found, strict=True)]
    return JSONResponse(asdict(Page(len(found), (*ALWAYS, "similarity"), shown)))


def _picture(data: bytes, media_type: str, headers: dict[str, str]) -> Response:
    policy = {"content-security-policy": PICTURE_POLICY}
    return Response(data, media_type=media_type, headers=policy | headers)


def _answer_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code)
    missing = isinstance(error, (InputNotFoundError, RunNotFoundError))
    status = HTTPStatus.NOT_FOUND if missing else HTTPStatus.BAD_REQUEST
    return JSONResponse({"error": str(error)}, status)


def _asking(path: str, kind: type[Requested], answer: Callable[[Request, Any], Response]) -> Route:
    """A route for what is asked as JSON: it is read, and then answered in a thread."""

    async def read_and_answer(request: Request) -> Response:
        said = request.headers.get("content-type", "").partition(";")[0].strip()
        if said != "application/json":
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        asked = kind.parse(await _body(request, MAX_JSON))
        return await run_in_threadpool(answer, request, asked)

    return Route(path, read_and_answer, methods=["POST"])


async def _body(request: Request, limit: int) -> bytes:
    """The body of a request; no more than ``limit`` bytes are read, whatever it says of itself."""
    said = request.headers.get("content-length", "0")
    if not said.isdigit() or int(said) > limit:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)
