"""What the explorer's page asks: images that match, images alike, pictures, lists."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from imgvet.errors import (
    ImgvetError,
    InputNotFoundError,
    InvalidParameterError,
    RunNotFoundError,
)
from imgvet.explorer.run import CurrentRun, ExploredRun
from imgvet.reasons import MEANING, Failure
from imgvet.search.image_table import MAX_ID
from imgvet.search.index import MAX_NEIGHBORS, Match
from imgvet.search.picture import MAX_BYTES, read_picture
from imgvet.search.query import ALWAYS, Query, Requested
from imgvet.search.saved_lists import list_path, save_list, saved_lists

NEIGHBORS = 60
"""How many images are found alike unless another number is asked for."""

MAX_JSON = 16_000_000
"""Greatest size of what is asked as JSON, in bytes: a selection of a million images."""

PICTURE_POLICY = "default-src 'none'; sandbox"
"""Content Security Policy of pictures, whatever a browser takes them for."""

_PICTURE_HEADERS = {
    "content-security-policy": PICTURE_POLICY,
    "cache-control": "private, max-age=300",
}


class ListToSave(Requested):
    """A list that the page wants to be saved: chosen images, or all that match a query."""

    name: str
    ids: tuple[Annotated[int, Field(ge=0, le=MAX_ID)], ...] | None = None
    query: Query | None = None
    replace: bool = False


class PathToSearch(Requested):
    """A picture on this machine that the page wants to search for."""

    path: str = Field(min_length=1, max_length=4096)
    k: int = NEIGHBORS


class Api:
    """The endpoints of one explored run."""

    def __init__(self, current: CurrentRun) -> None:
        self._current = current

    @property
    def routes(self) -> list[Route]:
        """Addresses and what answers them; plain functions run in threads."""
        return [
            Route("/api/run", self.about),
            Route("/api/items", self.items),
            Route("/api/items/{item:int}", self.facts),
            Route("/api/columns/{name}", self.column),
            Route("/api/similar/{item:int}", self.similar),
            Route("/api/search", self.search, methods=["POST"]),
            Route("/api/search-path", self.search_path, methods=["POST"]),
            Route("/api/lists", self.lists),
            Route("/api/lists", self.save, methods=["POST"]),
            Route("/lists/{name}.txt", self.download),
            Route("/thumbnail/{item:int}", self.thumbnail),
            Route("/original/{item:int}", self.original),
        ]

    def about(self, request: Request) -> Response:  # noqa: ARG002
        """What is explored, and what can be asked."""
        run = self._current.get()
        return JSONResponse(
            {
                "title": run.title,
                "root": run.root,
                "model": run.record.model.get("name"),
                "takes_pictures": run.takes_pictures,
                "images": len(run.images),
                "max_bytes": MAX_BYTES,
                "columns": [asdict(column) for column in run.images.columns.values()],
                "presets": [
                    {"title": title, "query": query.model_dump(exclude_defaults=True)}
                    for title, query in run.presets.items()
                ],
            }
        )

    def items(self, request: Request) -> Response:
        """A page of the images that match ``query``, JSON of a Query."""
        query = Query.parse(request.query_params.get("query", "{}"))
        return JSONResponse(asdict(self._current.get().search.page(query)))

    def facts(self, request: Request) -> Response:
        """All that the tables say of one image."""
        found = self._current.get().images.facts(request.path_params["item"])
        return JSONResponse(found) if found is not None else _no_image()

    def column(self, request: Request) -> Response:
        """What is in a column."""
        summary = self._current.get().search.summary_of(request.path_params["name"])
        return JSONResponse(asdict(summary))

    def similar(self, request: Request) -> Response:
        """The images nearest to one of the run."""
        run, item = self._current.get(), request.path_params["item"]
        if run.images.facts(item, ("id",)) is None:
            return _no_image()
        return _matches(run, run.index.nearest_to_item(item, _wanted(request)))

    async def search(self, request: Request) -> Response:
        """The images nearest to the picture that is the body of the request."""
        wanted = _wanted(request)
        data = await read_body(request, MAX_BYTES)
        return await run_in_threadpool(self._search, data, wanted)

    async def search_path(self, request: Request) -> Response:
        """The images nearest to a picture on this machine; the picture itself is not given out."""
        asked = PathToSearch.parse(await read_json(request))
        return await run_in_threadpool(self._search_path, asked)

    def lists(self, request: Request) -> Response:  # noqa: ARG002
        """The lists that were saved."""
        found = saved_lists(self._current.get().work)
        return JSONResponse({"lists": [{"name": one.name, "count": one.count} for one in found]})

    async def save(self, request: Request) -> Response:
        """Save a list."""
        asked = ListToSave.parse(await read_json(request))
        return await run_in_threadpool(self._save, asked)

    def download(self, request: Request) -> Response:
        """A list that was saved, as a file."""
        path = list_path(self._current.get().work, request.path_params["name"])
        if path.is_symlink() or not path.is_file():
            return refused("There is no such list", HTTPStatus.NOT_FOUND)
        return FileResponse(path, media_type="text/plain; charset=utf-8", filename=path.name)

    def thumbnail(self, request: Request) -> Response:
        """The thumbnail of an image."""
        run = self._current.get()
        facts = run.images.facts(request.path_params["item"], ("digest",))
        digest = facts.get("digest") if facts is not None else None
        data = run.thumbnail(digest) if isinstance(digest, str) else None
        return _picture(data, "image/jpeg") if data is not None else _no_image()

    def original(self, request: Request) -> Response:
        """The original of an image, in full size."""
        item = request.path_params["item"]
        shown = self._current.get().originals.show(item) if item <= MAX_ID else None
        if shown is None:
            return _no_image()
        if isinstance(shown, Failure):
            return refused(f"{shown.reason.value}: {shown.detail}", HTTPStatus.NOT_FOUND)
        return _picture(shown.data, shown.media_type)

    def _search(self, data: bytes, wanted: int) -> Response:
        run = self._current.get()
        found = run.nearest_to_picture(data, wanted)
        return _bad_picture(found) if isinstance(found, Failure) else _matches(run, found)

    def _search_path(self, asked: PathToSearch) -> Response:
        return self._search(read_picture(Path(asked.path).expanduser()), asked.k)

    def _save(self, asked: ListToSave) -> Response:
        run = self._current.get()
        if (asked.ids is None) == (asked.query is None):
            raise InvalidParameterError("Give either ids or a query", "Choose images first")
        ids = run.search.ids(asked.query) if asked.query is not None else asked.ids or ()
        names = [str(name) for (name,) in run.images.values(("filename",), ids)]
        saved = save_list(run.work, asked.name, names, replace=asked.replace)
        return JSONResponse(asdict(saved) | {"path": str(saved.path)}, HTTPStatus.CREATED)


def _wanted(request: Request) -> int:
    text = request.query_params.get("k", str(NEIGHBORS))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidParameterError("k is not a number", f"Ask for 1 to {MAX_NEIGHBORS} images")
    return int(text)


def _matches(run: ExploredRun, found: list[Match]) -> Response:
    """Images that were found, best first, with their similarity."""
    rows = run.images.values(ALWAYS, [match.id for match in found])
    similarities = {match.id: match.similarity for match in found}
    return JSONResponse(
        {
            "total": len(rows),
            "columns": [*ALWAYS, "similarity"],
            "rows": [[*row, similarities[int(str(row[0]))]] for row in rows],
        }
    )


def _picture(data: bytes, media_type: str) -> Response:
    return Response(data, media_type=media_type, headers=_PICTURE_HEADERS)


def _bad_picture(failure: Failure) -> Response:
    """The answer to a picture that can't be decoded."""
    meaning = MEANING[failure.reason]
    problem = f"{meaning[:1].upper()}{meaning[1:]} ({failure.detail})."
    return JSONResponse(
        {"error": problem, "reason": failure.reason.value}, HTTPStatus.UNPROCESSABLE_ENTITY
    )


def _no_image() -> Response:
    return refused("There is no such image", HTTPStatus.NOT_FOUND)


def refused(problem: str, status: HTTPStatus) -> Response:
    """An answer that says what is wrong."""
    return JSONResponse({"error": problem}, status)


def answer_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """The answer to a request that can't be carried out, or that leads nowhere."""
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return refused(status.phrase, status)
    missing = isinstance(error, (InputNotFoundError, RunNotFoundError))
    return refused(str(error), HTTPStatus.NOT_FOUND if missing else HTTPStatus.BAD_REQUEST)


ERRORS: dict[Any, Any] = {ImgvetError: answer_error, HTTPException: answer_error}
"""Which answer is given to which exception."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request; no more than ``limit`` bytes are read.

    Raises:
        HTTPException: 413, it is larger.
    """
    said = request.headers.get("content-length", "0")
    if not said.isdigit() or int(said) > limit:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        parts.append(part)
    return b"".join(parts)


async def read_json(request: Request) -> bytes:
    """The body of a request that says that it is JSON.

    Raises:
        HTTPException: 413, it is too large; 415, it is not said to be JSON.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return await read_body(request, MAX_JSON)
