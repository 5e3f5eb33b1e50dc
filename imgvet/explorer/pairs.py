"""The pairs of similar images of a run, as a person goes through them: filtered, and decided on."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field

from imgvet.curation.decisions import OF_PAIRS, Decision, Kind, read_decisions
from imgvet.explorer.findings import FindingQuery, Findings, Id, plain
from imgvet.options import ComponentOptions
from imgvet.reports.inputs import images_of
from imgvet.reports.pair_words import explained
from imgvet.search.image_table import ImageTable
from imgvet.search.pairs import KINDS, AlikePairs
from imgvet.search.query import Requested, Short
from imgvet.summary import RunRecord
from imgvet.tables import LEAKS, SIMILARITY, read_made
from imgvet.workdir import WorkDir


def _of_a_pair(kind: Kind) -> Kind:
    if kind not in OF_PAIRS:
        raise ValueError("is not decided on pairs")
    return kind


class PairQuery(FindingQuery):
    """Which pairs are wanted, most alike first.

    One image at least is as :class:`FindingQuery` says, the relation one of ``relations``, and the
    labels are both ``labels``, as far as these are named.
    """

    kind: Short = "all"
    relations: Annotated[tuple[Short, ...], Field(max_length=100)] = ()
    labels: tuple[Short, Short] | None = None


class PairToDecide(Requested):
    """A pair of images, by their ids, and what is decided; None takes it back."""

    first: Id
    second: Id
    decision: Annotated[Kind, AfterValidator(_of_a_pair)] | None


class Pairs(Findings):
    """The pairs of one run."""

    def __init__(self, work: WorkDir, record: RunRecord, images: ImageTable) -> None:
        super().__init__(work, images)
        self._pairs = AlikePairs(
            read_made(work.table(SIMILARITY.name), SIMILARITY),
            read_made(work.table(LEAKS.name), LEAKS),
            images,
            record.options(ComponentOptions).cc_threshold,
        )
        known = images.frame(["label", "split"]).nunique()
        absent = {"leaks": known["split"] < 2, "conflicts": known["label"] < 2}
        self.titles = {kind: title for kind, title in KINDS.items() if not absent.get(kind)}

    def of(self, kind: str) -> pd.DataFrame:
        """The pairs of a kind, most alike first."""
        return self._pairs.of(kind)

    @property
    def relations(self) -> dict[str, int]:
        """How many pairs there are of each relation, if the run tells it."""
        found = self._pairs.of("all")["relation"].value_counts()
        return {str(name): int(n) for name, n in found.items()}

    def page(self, query: PairQuery) -> dict[str, Any]:
        """How many pairs there are, and some of them, in words, with what was decided of each."""
        found, ids = self.known(query.kind), self.wanted(query)
        if ids is not None:
            found = found[found["from"].isin(ids) | found["to"].isin(ids)]
        if query.relations:
            found = found[found["relation"].isin(query.relations)]
        if query.labels is not None:
            found = found[self._pairs.labelled(found, query.labels)]
        shown = found.iloc[query.offset : query.offset + query.limit]
        digests = self._images.frame(["digest"], np.unique(shown[["from", "to"]]))["digest"]
        contents = zip(shown["from"].map(digests), shown["to"].map(digests), strict=True)
        decided = read_decisions(self._work).pairs
        rows = plain(shown)
        for row, pair in zip(rows, contents, strict=True):
            row["explained"] = explained(row, *images_of(self._images, (row["from"], row["to"])))
            row.pop("transform", None)
            row |= {"same_bytes": pair[0] == pair[1], "decision": decided.get(pair)}
        return {"total": len(found), "rows": rows}

    def decide(self, asked: PairToDecide) -> None:
        """Keep what a person decided on two contents; raises as :meth:`keep`."""
        images = self._images.frame(["digest", "filename"], [asked.first, asked.second])
        kind = asked.decision or Kind.KEEP_BOTH
        made = Decision(kind, *images["digest"], *images["filename"])
        self.keep(made, taken_back=asked.decision is None)
