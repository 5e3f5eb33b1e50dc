"""What the explorer's page asks: images that match, images alike, pictures, lists."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from imgvet.errors import InvalidParameterError
from imgvet.explorer.answers import bad_picture, read_body, read_json, refused
from imgvet.explorer.run import CurrentRun, ExploredRun
from imgvet.images.picture import Failure
from imgvet.search.columns import MAX_ID
from imgvet.search.index import MAX_NEIGHBORS, Match
from imgvet.search.items import ALWAYS
from imgvet.search.picture import MAX_BYTES, read_picture
from imgvet.search.query import Query, parse_query
from imgvet.search.saved_lists import list_path, save_list, saved_lists

NEIGHBORS = 60
"""How many images are found alike unless another number is asked for."""

PICTURE_POLICY = "default-src 'none'; sandbox"
"""Content Security Policy of pictures, whatever a browser takes them for."""

_PICTURE_HEADERS = {
    "content-security-policy": PICTURE_POLICY,
    "cache-control": "private, max-age=300",
}


Asked = TypeVar("Asked", bound=BaseModel)


class ListToSave(BaseModel):
    """A list that the page wants to be saved: chosen images, or all that match a query."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    ids: tuple[Annotated[int, Field(ge=0, le=MAX_ID)], ...] | None = None
    query: Query | None = None
    replace: bool = False


class PathToSearch(BaseModel):
    """A picture on this machine that the page wants to search for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
                "images": len(run.items),
                "max_bytes": MAX_BYTES,
                "columns": [asdict(column) for column in run.items.columns],
                "presets": [
                    {"title": preset.title, "query": preset.query.model_dump(exclude_defaults=True)}
                    for preset in run.presets
                ],
            }
        )

    def items(self, request: Request) -> Response:
        """A page of the images that match ``query``, JSON of a Query."""
        query = parse_query(request.query_params.get("query", "{}"))
        return JSONResponse(asdict(self._current.get().items.query(query)))

    def facts(self, request: Request) -> Response:
        """All that the tables say of one image."""
        found = self._current.get().items.facts(request.path_params["item"])
        return JSONResponse(found) if found is not None else _no_image()

    def column(self, request: Request) -> Response:
        """What is in a column."""
        described = self._current.get().items.describe(request.path_params["name"])
        return JSONResponse(asdict(described))

    def similar(self, request: Request) -> Response:
        """The images nearest to one of the run."""
        run, item = self._current.get(), request.path_params["item"]
        if run.items.facts(item, ("id",)) is None:
            return _no_image()
        return _matches(run, run.index.nearest_to_item(item, _wanted(request)))

    async def search(self, request: Request) -> Response:
        """The images nearest to the picture that is the body of the request."""
        wanted = _wanted(request)
        data = await read_body(request, MAX_BYTES)
        return await run_in_threadpool(self._search, data, wanted)

    async def search_path(self, request: Request) -> Response:
        """The images nearest to a picture on this machine; the picture itself is not given out."""
        asked = _parsed(PathToSearch, await read_json(request))
        return await run_in_threadpool(self._search_path, asked)

    def lists(self, request: Request) -> Response:  # noqa: ARG002
        """The lists that were saved."""
        found = saved_lists(self._current.get().work)
        return JSONResponse({"lists": [{"name": one.name, "count": one.count} for one in found]})

    async def save(self, request: Request) -> Response:
        """Save a list."""
        asked = _parsed(ListToSave, await read_json(request))
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
        facts = run.items.facts(request.path_params["item"], ("digest",))
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
        return bad_picture(found) if isinstance(found, Failure) else _matches(run, found)

    def _search_path(self, asked: PathToSearch) -> Response:
        return self._search(read_picture(Path(asked.path).expanduser()), asked.k)

    def _save(self, asked: ListToSave) -> Response:
        run = self._current.get()
        if (asked.ids is None) == (asked.query is None):
            raise InvalidParameterError("Give either ids or a query", "Choose images first")
        ids = run.items.ids(asked.query) if asked.query is not None else asked.ids or ()
        names = [str(row[0]) for row in run.items.rows_of(ids, ("filename",))]
        saved = save_list(run.work, asked.name, names, replace=asked.replace)
        return JSONResponse(
            {
                "name": saved.name,
                "path": str(saved.path),
                "count": saved.count,
                "left_out": saved.left_out,
            },
            HTTPStatus.CREATED,
        )


def _parsed(kind: type[Asked], data: dict[str, Any]) -> Asked:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidParameterError(f"{where}: {first['msg']}", "Correct the request") from None


def _wanted(request: Request) -> int:
    text = request.query_params.get("k", str(NEIGHBORS))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidParameterError("k is not a number", f"Ask for 1 to {MAX_NEIGHBORS} images")
    return int(text)


def _matches(run: ExploredRun, found: list[Match]) -> Response:
    """Images that were found, best first, with their similarity."""
    rows = run.items.rows_of([match.id for match in found], ALWAYS)
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


def _no_image() -> Response:
    return refused("There is no such image", HTTPStatus.NOT_FOUND)
