"""The finished run that is explored: what is kept in memory of it, each part made when needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

from imgvet.errors import InputNotFoundError, InputUnreadableError, StaleReferenceError
from imgvet.explorer.findings import Labels, Pairs
from imgvet.format import visible
from imgvet.metrics import FLAGS, Flag, limit_of
from imgvet.opening import open_finished
from imgvet.options import FlagOptions
from imgvet.reasons import Failure
from imgvet.search.image_table import (
    COPIES,
    HIGHEST,
    ISSUE,
    LEAKING,
    PIXELS,
    SIDES,
    ImageTable,
    Rows,
)
from imgvet.search.index import Match, SearchIndex
from imgvet.search.originals import Originals
from imgvet.search.picture import embed_picture, model_of, read_picture
from imgvet.search.query import Condition, ImageSearch, Query
from imgvet.search.saved_lists import names_in_list
from imgvet.sources.kinds import plain_name
from imgvet.store.packs import Thumbnails
from imgvet.store.store import Store
from imgvet.summary import RunRecord, read_record
from imgvet.workdir import WorkDir


class ExploredRun:
    """One finished run; may be used from several threads."""

    def __init__(self, work: WorkDir) -> None:
        self.work = work
        self.record: RunRecord = read_record(work)
        self.images = ImageTable.of_run(work)
        self.search = ImageSearch(self.images, partial(names_in_list, work))
        self.originals = Originals(work, self.record)
        self._loading, self._embedding = threading.Lock(), threading.Lock()
        self._thumbnails: Thumbnails | None = None

    @cached_property
    def index(self) -> SearchIndex:
        """Its embeddings."""
        return SearchIndex.of_run(self.work, self.images)

    @cached_property
    def pairs(self) -> Pairs:
        """Its pairs of similar images."""
        return Pairs(self.work, self.search)

    @cached_property
    def labels(self) -> Labels:
        """Its labels that are likely wrong."""
        return Labels(self.work, self.search)

    def thumbnail(self, digest: str) -> bytes | None:
        """JPEG bytes of the thumbnail of a content, None if there is none any more."""
        for _ in range(2):
            with self._loading:
                known = self._thumbnails = self._thumbnails or Thumbnails(Store(self.work).measures)
            with suppress(StaleReferenceError):
                return known.read(digest)
            self._thumbnails = None  # A run on the same store has merged packs.
        return None

    @property
    def title(self) -> str:
        """What was vetted, short."""
        return visible(self.record.dataset)

    @property
    def noun(self) -> str:
        """What was analysed, one of them."""
        return "crop" if self.work.part else "image"

    @property
    def presets(self) -> dict[str, Query]:
        """By title the queries that most people ask first, those that the run has columns for."""
        limits, component = self.record.options(FlagOptions), "components.component_id"
        queries = {
            f"All {self.noun}s": Query(),
            "Exact copies": _having(COPIES, above=1, sort="embedding_row"),
            "Near duplicates": _having(HIGHEST, sort=HIGHEST, descending=True),
            "Outliers": _having("outliers.score", sort="outliers.score", descending=True),
            "In several splits": _having(LEAKING, above=0, sort=LEAKING, descending=True),
            "Label issues": _having(ISSUE, values=("true",), sort="label_issues.score"),
            **{flag.name.capitalize(): _flagged(flag, limits) for flag in FLAGS},
            "In components": _having(component, sort=component),
            "Lowest contrast": _having("stats.contrast", sort="stats.contrast"),
            "Smallest": _having(PIXELS, sort=PIXELS),
            "Longest and narrowest": _having(SIDES, sort=SIDES, descending=True),
            "Invalid files": _having("invalid.reason"),
        }
        columns = self.images.columns.keys()
        return {title: query for title, query in queries.items() if columns >= set(query.columns)}

    def nearest_to_picture(
        self, data: bytes, k: int, among: Rows | None = None
    ) -> list[Match] | Failure:
        """The images nearest to a picture, or why it can't be decoded; raises as `model_of`.

        One picture is decoded at a time, so that memory holds no more than that.
        """
        with self._embedding:
            vector = embed_picture(data, model_of(self.record))
        return vector if isinstance(vector, Failure) else self.index.nearest(vector, k, among)

    def nearest_to(
        self, picture: int | str | Path | bytes, k: int, among: Rows | None = None
    ) -> list[Match]:
        """The images nearest to one: its id, its name in the run, a picture file, or its bytes.

        Of an id the others. InputNotFoundError if there is no such file, InputUnreadableError if it
        is no picture; raises as :meth:`nearest_to_picture`.
        """
        if isinstance(picture, int):
            return self.index.nearest_to_item(picture, k, among)
        data = picture if isinstance(picture, bytes) else b""
        if not isinstance(picture, bytes):
            path = Path(picture).expanduser()
            names = str(picture), plain_name(str(path.absolute()))
            named = Condition(column="filename", values=names)
            embedded = Condition(column="embedding_row", missing=False)
            ids = self.search.ids(Query(where=(named, embedded)))
            if len(ids):
                return self.index.nearest(self.index.vector_of(int(ids[0])), k, among)
            if not path.exists():
                raise InputNotFoundError(
                    f"{picture} is neither a file nor an image of the run",
                    "Give the path of a picture, or a file name as the tables have it",
                )
            data = read_picture(path)
        found = self.nearest_to_picture(data, k, among)
        if isinstance(found, Failure):
            what = "The picture" if isinstance(picture, bytes) else str(picture)
            raise InputUnreadableError(
                f"{what} can't be decoded ({found.reason.value}: {found.detail})",
                "Search for another picture; a video or an archive is looked up by --against",
            )
        return found


def current_run(path: Path) -> Callable[[], ExploredRun]:
    """Gives the finished run in a work dir; a new one takes the place of the old.

    Raises RunNotFoundError if there is none, now or when it is asked for.
    """
    path = open_finished(path, stored=True).home  # of a work dir in a bucket: its copy, as of now
    opened = lru_cache(maxsize=1)(lambda work, *_: ExploredRun(work))

    def current() -> ExploredRun:
        work = open_finished(path)
        known = work.run_json.stat()
        return opened(work, known.st_mtime_ns, known.st_ino)

    current()
    return current


def _having(column: str, *, sort: str | None = None, descending: bool = False, **of: Any) -> Query:
    """The images with a value of a column, or with one that meets a condition."""
    where = (Condition(column=column, **(of or {"missing": False})),)
    return Query(where=where, sort=sort, descending=descending)


def _flagged(flag: Flag, options: FlagOptions) -> Query:
    column = f"stats.{flag.metric}"
    limit: Any = {"below" if flag.below else "above": limit_of(flag, options)}
    return _having(column, **limit, sort=column, descending=not flag.below)
