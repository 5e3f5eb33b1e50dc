"""Findings that a person goes through, one after the other, and decides on."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from imgvet.curation.decisions import Decision, decide
from imgvet.errors import InvalidParameterError
from imgvet.search.image_table import MAX_ID, ImageTable, Rows
from imgvet.search.query import (
    MAX_OFFSET,
    MAX_PAGE,
    Condition,
    ImageSearch,
    Query,
    Requested,
    Short,
)
from imgvet.search.saved_lists import names_in_list
from imgvet.workdir import WorkDir

Id = Annotated[int, Field(ge=0, le=MAX_ID)]


class FindingQuery(Requested):
    """Which findings of a kind are wanted: those with an image as :class:`Query` says."""

    kind: Short
    text: Short = ""
    list: Short | None = None
    where: Annotated[tuple[Condition, ...], Field(max_length=100)] = ()
    offset: int = Field(0, ge=0, le=MAX_OFFSET)
    limit: int = Field(60, ge=1, le=MAX_PAGE)


class Findings:
    """The findings of one run; may be used from several threads."""

    titles: Mapping[str, str]
    """The kinds of findings, and what a person calls them."""

    def __init__(self, work: WorkDir, images: ImageTable) -> None:
        self._work, self._images, self._deciding = work, images, threading.Lock()
        self._search = ImageSearch(images, partial(names_in_list, work))

    def of(self, kind: str) -> pd.DataFrame:
        """All findings of a kind."""
        raise NotImplementedError

    @property
    def kinds(self) -> list[dict[str, Any]]:
        """The kinds with their titles and totals."""
        return [
            {"kind": kind, "title": title, "total": len(self.of(kind))}
            for kind, title in self.titles.items()
        ]

    def known(self, kind: str) -> pd.DataFrame:
        """The same as :meth:`of`; InvalidParameterError of an unknown kind."""
        if kind not in self.titles:
            raise InvalidParameterError(f"Unknown kind {kind!r}", f"Use {', '.join(self.titles)}")
        return self.of(kind)

    def wanted(self, query: FindingQuery) -> Rows | None:
        """The ids of the images that a query is narrowed to; None for all."""
        images = Query(text=query.text, where=query.where, list=query.list)
        return self._search.ids(images) if images.is_narrow else None

    def keep(self, decision: Decision, *, taken_back: bool) -> None:
        """Keep or take back what a person decided, by content.

        InvalidParameterError if an image has none; raises as :func:`decide`.
        """
        if not all(isinstance(one, str) for one in (decision.digest, decision.other_digest)):
            raise InvalidParameterError("There is no such image", "Load the page again")
        when = datetime.now(UTC).isoformat(timespec="seconds")
        with self._deciding:
            decide(self._work, decision._replace(when=when), taken_back=taken_back)


def plain(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows as JSON has them, None for what is missing."""
    return rows.astype(object).where(rows.notna(), None).to_dict(orient="records")
