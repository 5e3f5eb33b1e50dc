"""The pairs of similar images of a run, as a person goes through them: filtered, and decided on."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from imgvet.curation.decisions import OF_PAIRS, Decision, Kind, decide, read_decisions
from imgvet.errors import InvalidParameterError
from imgvet.options import ComponentOptions
from imgvet.reports.inputs import images_of
from imgvet.reports.pair_words import explained
from imgvet.search.image_table import MAX_ID, ImageTable
from imgvet.search.pairs import KINDS, AlikePairs
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
from imgvet.summary import RunRecord
from imgvet.tables import LEAKS, SIMILARITY, read_made
from imgvet.workdir import WorkDir


def _of_a_pair(kind: Kind) -> Kind:
    if kind not in OF_PAIRS:
        raise ValueError("is not decided on pairs")
    return kind


Id = Annotated[int, Field(ge=0, le=MAX_ID)]


class PairQuery(Requested):
    """Which pairs are wanted, most alike first.

    One image at least of each is as ``text`` and ``where`` say (:class:`Query`), and the relation
    one of ``relations``, if any are named.
    """

    kind: Short = "all"
    text: Short = ""
    list: Short | None = None
    where: Annotated[tuple[Condition, ...], Field(max_length=100)] = ()
    relations: Annotated[tuple[Short, ...], Field(max_length=100)] = ()
    offset: int = Field(0, ge=0, le=MAX_OFFSET)
    limit: int = Field(60, ge=1, le=MAX_PAGE)


class PairToDecide(Requested):
    """A pair of images, by their ids, and what is decided; None takes it back."""

    first: Id
    second: Id
    decision: Annotated[Kind, AfterValidator(_of_a_pair)] | None


class Pairs:
    """The pairs of one run; may be used from several threads."""

    def __init__(self, work: WorkDir, record: RunRecord, images: ImageTable) -> None:
        self._work, self._deciding = work, threading.Lock()
        self._images = images
        self._search = ImageSearch(images, partial(names_in_list, work))
        self._pairs = AlikePairs(
            read_made(work.table(SIMILARITY.name), SIMILARITY),
            read_made(work.table(LEAKS.name), LEAKS),
            images,
            record.options(ComponentOptions).cc_threshold,
        )

    @property
    def relations(self) -> dict[str, int]:
        """How many pairs there are of each relation, if the run tells it."""
        found = self._pairs.of("all")["relation"].value_counts()
        return {str(name): int(n) for name, n in found.items()}

    @property
    def kinds(self) -> list[dict[str, Any]]:
        """The kinds of pairs with their titles and totals; those that can't be are left out."""
        totals = {kind: len(self._pairs.of(kind)) for kind in KINDS}
        known = self._images.frame(["label", "split"]).nunique()
        absent = {"leaks": known["split"] < 2, "conflicts": known["label"] < 2}
        return [
            {"kind": kind, "title": title, "total": totals[kind]}
            for kind, title in KINDS.items()
            if not absent.get(kind)
        ]

    def page(self, query: PairQuery) -> dict[str, Any]:
        """How many pairs there are, and some of them, in words, with what was decided of each."""
        if query.kind not in KINDS:
            raise InvalidParameterError(f"Unknown kind {query.kind!r}", f"Use {', '.join(KINDS)}")
        found = self._pairs.of(query.kind)
        images = Query(text=query.text, where=query.where, list=query.list)
        if images.is_narrow:
            ids = self._search.ids(images)
            found = found[found["from"].isin(ids) | found["to"].isin(ids)]
        if query.relations:
            found = found[found["relation"].isin(query.relations)]
        shown = found.iloc[query.offset : query.offset + query.limit]
        digests = self._images.frame(["digest"], np.unique(shown[["from", "to"]]))["digest"]
        contents = zip(shown["from"].map(digests), shown["to"].map(digests), strict=True)
        decided = read_decisions(self._work).pairs
        rows: list[Any] = shown.astype(object).where(shown.notna(), None).to_dict(orient="records")
        for row in rows:
            row["explained"] = explained(row, *images_of(self._images, (row["from"], row["to"])))
            row.pop("transform", None)
        decisions = (
            {"same_bytes": pair[0] == pair[1], "decision": decided.get(pair)} for pair in contents
        )
        pairs = [row | decision for row, decision in zip(rows, decisions, strict=True)]
        return {"total": len(found), "pairs": pairs}

    def decide(self, asked: PairToDecide) -> None:
        """Keep what a person decided, by content; raises as :func:`decide`."""
        images = self._images.frame(["digest", "filename"], [asked.first, asked.second])
        (one, other), (name, other_name) = images["digest"], images["filename"]
        if not (isinstance(one, str) and isinstance(other, str)):
            raise InvalidParameterError("There are no such images", "Load the page again")
        when = datetime.now(UTC).isoformat(timespec="seconds")
        kind = asked.decision or Kind.KEEP_BOTH
        made = Decision(kind, one, other, name, other_name, when)
        with self._deciding:
            decide(self._work, made, taken_back=asked.decision is None)
