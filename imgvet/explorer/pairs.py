"""The pairs of similar images of a run, as a person goes through them: filtered, and decided on."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from imgvet.errors import InvalidParameterError
from imgvet.explorer.decisions import Decisions, Kind
from imgvet.options import ComponentOptions, SimilarityOptions
from imgvet.reports.inputs import images_of
from imgvet.reports.pair_words import explained
from imgvet.reports.sections.alike import differing
from imgvet.search.image_table import MAX_ID, ImageTable
from imgvet.search.query import (
    MAX_OFFSET,
    MAX_PAGE,
    Condition,
    ImageSearch,
    Query,
    Requested,
    Short,
)
from imgvet.summary import RunRecord
from imgvet.tables import SIMILARITY, read_table
from imgvet.workdir import WorkDir

KINDS = {
    "near": "Near duplicates",
    "exact": "Exact copies",
    "leaks": "Across splits",
    "conflicts": "Labels that differ",
    "all": "All pairs",
}
"""What pairs there are, as in the report."""

Id = Annotated[int, Field(ge=0, le=MAX_ID)]


class PairQuery(Requested):
    """Which pairs are wanted, most alike first.

    One image at least of each is as ``text`` and ``where`` say (:class:`Query`), and the relation
    one of ``relations``, if any are named.
    """

    kind: Short = "all"
    text: Short = ""
    where: Annotated[tuple[Condition, ...], Field(max_length=100)] = ()
    relations: Annotated[tuple[Short, ...], Field(max_length=100)] = ()
    offset: int = Field(0, ge=0, le=MAX_OFFSET)
    limit: int = Field(60, ge=1, le=MAX_PAGE)


class PairToDecide(Requested):
    """A pair of images, by their ids, and what is decided; None takes it back."""

    first: Id
    second: Id
    decision: Kind | None


class Pairs:
    """The pairs of one run; may be used from several threads."""

    def __init__(self, work: WorkDir, record: RunRecord, images: ImageTable) -> None:
        self.decisions = Decisions(work)
        self._record, self._images, self._search = record, images, ImageSearch(images)
        pairs = read_table(work.table(SIMILARITY.name))
        order = ["similarity", "from", "to"]
        self._pairs = pairs.sort_values(order, ascending=[False, True, True], ignore_index=True)
        self._of = cache(self._of_kind)

    @property
    def relations(self) -> dict[str, int]:
        """How many pairs there are of each relation, if the run tells it."""
        if "relation" not in self._pairs:
            return {}
        return {str(name): int(n) for name, n in self._pairs["relation"].value_counts().items()}

    @property
    def kinds(self) -> list[dict[str, Any]]:
        """The kinds of pairs with their titles and totals; those that can't be are left out."""
        totals = {kind: len(self._of(kind)) for kind in KINDS}
        known = self._images.frame(["label", "split"]).nunique()
        absent = {"leaks": known["split"] < 2, "conflicts": known["label"] < 2}
        return [
            {"kind": kind, "title": title, "total": totals[kind]}
            for kind, title in KINDS.items()
            if not absent.get(kind)
        ]

    def page(self, query: PairQuery) -> dict[str, Any]:
        """How many pairs there are, and some of them, in words and with what was decided of each."""
        if query.kind not in KINDS:
            raise InvalidParameterError(f"Unknown kind {query.kind!r}", f"Use {', '.join(KINDS)}")
        found = self._of(query.kind)
        if query.text or query.where:
            ids = self._search.ids(Query(text=query.text, where=query.where))
            found = found[found["from"].isin(ids) | found["to"].isin(ids)]
        if query.relations and "relation" in found:
            found = found[found["relation"].isin(query.relations)]
        shown = found.iloc[query.offset : query.offset + query.limit]
        digests = self._images.frame(["digest"], np.unique(shown[["from", "to"]]))["digest"]
        contents = zip(shown["from"].map(digests), shown["to"].map(digests), strict=True)
        decided = self.decisions.of_pairs()
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
        """Keep what a person decided, by content; raises as :meth:`Decisions.decide`."""
        digests = self._images.frame(["digest"], [asked.first, asked.second])["digest"].tolist()
        if not all(isinstance(digest, str) for digest in digests):
            raise InvalidParameterError("There are no such images", "Load the page again")
        self.decisions.decide((digests[0], digests[1]), asked.decision)

    def _of_kind(self, kind: str) -> pd.DataFrame:
        known, pairs = self._images.frame(["digest", "label", "split"]), self._pairs
        if kind in ("exact", "near"):
            first, second = (pairs[end].map(known["digest"]) for end in ("from", "to"))
            return pairs[(first == second) == (kind == "exact")]
        if kind == "leaks":
            least = self._record.options(SimilarityOptions).threshold
            return differing(pairs, known["split"].dropna(), least)[pairs.columns]
        if kind == "conflicts":
            least = self._record.options(ComponentOptions).cc_threshold
            return differing(pairs, known["label"].dropna(), least)[pairs.columns]
        return pairs
