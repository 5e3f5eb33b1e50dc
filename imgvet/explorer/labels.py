"""The labels of a run that are likely wrong, as a person goes through them and decides on them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from imgvet.curation.decisions import Decision, Kind, read_decisions
from imgvet.explorer.findings import FindingQuery, Findings, Id, plain
from imgvet.search.image_table import ImageTable
from imgvet.search.query import Requested, Short
from imgvet.tables import LABEL_ISSUES, read_made
from imgvet.workdir import WorkDir

KINDS = {
    "issues": "Likely wrong",
    "conflicts": "Copies that differ",
    "all": "All, worst first",
}
"""What labels there are to judge, and what a person calls them."""


class LabelQuery(FindingQuery):
    """Which labels are wanted, the worst first."""

    kind: Short = "issues"


class LabelToDecide(Requested):
    """An image by its id, and the label that is right; None takes that back."""

    id: Id
    label: Short | None


class Labels(Findings):
    """The table label_issues of one run, which is empty where there are no labels to compare."""

    def __init__(self, work: WorkDir, images: ImageTable) -> None:
        super().__init__(work, images)
        self.titles = KINDS
        self._judged = read_made(work.table(LABEL_ISSUES.name), LABEL_ISSUES)

    def of(self, kind: str) -> pd.DataFrame:
        """The labels of a kind, the worst first."""
        column = {"issues": "is_issue", "conflicts": "conflict"}.get(kind)
        return self._judged if column is None else self._judged[self._judged[column].astype(bool)]

    def page(self, query: LabelQuery) -> dict[str, Any]:
        """How many labels there are, and some of them with the label that was decided on."""
        found, ids = self.known(query.kind), self.wanted(query)
        if ids is not None:
            found = found[found["id"].isin(ids)]
        shown = found.iloc[query.offset : query.offset + query.limit]
        digests = self._images.frame(["digest"], shown["id"].to_numpy())["digest"]
        decisions = read_decisions(self._work)
        right = decisions.of(Kind.LABEL_IS_RIGHT)
        rows = plain(shown)
        for row, digest in zip(rows, digests, strict=True):
            own = row["label"] if digest in right else None
            row["decision"] = decisions.labels.get(digest, own)
        return {"total": len(found), "rows": rows}

    def decide(self, asked: LabelToDecide) -> None:
        """Keep which label of a content is right; raises as :meth:`keep`."""
        known = self._images.frame(["digest", "filename"], [asked.id]).iloc[0]
        label = asked.label or ""
        made = Decision(Kind.LABEL_IS_RIGHT, known["digest"], "", known["filename"], label=label)
        self.keep(made, taken_back=asked.label is None)
