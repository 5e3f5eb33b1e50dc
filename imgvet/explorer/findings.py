"""Findings that a person goes through, one after the other, and decides on: pairs, and labels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from imgvet.curation.decisions import OF_PAIRS, Decision, Kind, decide, read_decisions
from imgvet.errors import InvalidParameterError
from imgvet.options import ComponentOptions
from imgvet.reports.inputs import images_of
from imgvet.reports.pair_words import explained
from imgvet.search.image_table import MAX_ID
from imgvet.search.pairs import KINDS, AlikePairs
from imgvet.search.query import ImageSearch, Query, Requested, Short
from imgvet.summary import read_record
from imgvet.tables import LABEL_ISSUES, LEAKS, SIMILARITY, read_made, with_none
from imgvet.workdir import WorkDir

Id = Annotated[int, Field(ge=0, le=MAX_ID)]


class FindingQuery(Query):
    """Which findings of a kind are wanted: those with an image as :class:`Query` says.

    The relation of a pair is one of ``relations``, and its labels are both ``labels``, as far as
    these are named. They come in the order of their kind.
    """

    kind: Short = "all"
    relations: Annotated[tuple[Short, ...], Field(max_length=100)] = ()
    labels: tuple[Short, Short] | None = None


class ToDecide(Requested):
    """What is decided on the images of a finding, by their ids; None takes it back."""

    ids: Annotated[tuple[Id, ...], Field(max_length=2)]
    decision: Short | None
    before: Short | None = None
    """What the person saw; not given, it does not matter."""


class Findings:
    """The findings of one run, in their order; may be used from several threads."""

    titles: Mapping[str, str]
    """The kinds of findings, and what a person calls them."""
    ends: tuple[str, ...] = ("id",)
    """The columns with the images of a finding."""

    def __init__(self, work: WorkDir, search: ImageSearch) -> None:
        self._work, self._search, self._images = work, search, search.images
        self._digests = self._images.frame(["digest"])["digest"]

    def of(self, kind: str) -> pd.DataFrame:
        """All findings of a kind, in order."""
        raise NotImplementedError

    def decision_of(self, asked: ToDecide, images: pd.DataFrame) -> Decision:
        """What a person decided, or takes back, of images with ``digest`` and ``filename``."""
        raise NotImplementedError

    def decided(self, found: pd.DataFrame) -> pd.Series:
        """What was decided of each of some findings; missing if nothing was."""
        raise NotImplementedError

    def told(self, shown: pd.DataFrame) -> list[dict[Any, Any]]:
        """Some findings as JSON has them, with what was decided of each."""
        return with_none(shown.assign(decision=self.decided(shown))).to_dict(orient="records")

    def narrowed(self, found: pd.DataFrame, query: FindingQuery) -> pd.DataFrame:
        """The findings that a query asks for, of those of its kind."""
        if not query.is_narrow:
            return found
        wanted = found[list(self.ends)].isin(self._search.ids(query))
        return found[wanted.any(axis=1)]

    @property
    def kinds(self) -> list[dict[str, Any]]:
        """The kinds with their titles and totals."""
        return [
            {"kind": kind, "title": title, "total": len(self.of(kind))}
            for kind, title in self.titles.items()
        ]

    def page(self, query: FindingQuery) -> dict[str, Any]:
        """How many findings there are, and some of them; InvalidParameterError of the kind."""
        if query.kind not in self.titles:
            raise InvalidParameterError(
                f"Unknown kind {query.kind!r}", f"Use {', '.join(self.titles)}"
            )
        found = self.narrowed(self.of(query.kind), query)
        shown = found.iloc[query.offset : query.offset + query.limit]
        decided = int(self.decided(found).notna().sum())
        return {"total": len(found), "decided": decided, "rows": self.told(shown)}

    def decide(self, asked: ToDecide) -> str | None:
        """Keep what a person decided, or take it back, by content; the decision that stands then.

        One that was taken since the page showed another ``before`` stays: two may decide at once.
        InvalidParameterError if an image has no content; raises as
        :func:`imgvet.curation.decisions.decide`.
        """
        images = self._images.frame(["digest", "filename"], asked.ids)
        if len(images) != len(self.ends) or images["digest"].isna().any():
            raise InvalidParameterError("There is no such image", "Load the page again")
        about = pd.DataFrame([asked.ids], columns=list(self.ends))
        stands = next(iter(self.decided(about).dropna()), None)
        if "before" in asked.model_fields_set and stands != asked.before:
            return stands
        when = datetime.now(UTC).isoformat(timespec="seconds")
        decision = self.decision_of(asked, images)._replace(when=when)
        decide(self._work, decision, taken_back=asked.decision is None)
        return asked.decision


class Labels(Findings):
    """The table label_issues of one run, which is empty where there are no labels to compare."""

    titles = MappingProxyType(
        {"issues": "Likely wrong", "conflicts": "Copies that differ", "all": "All, worst first"}
    )

    def __init__(self, work: WorkDir, search: ImageSearch) -> None:
        super().__init__(work, search)
        self._labels = self._images.frame(["label"])["label"]
        judged = read_made(work, LABEL_ISSUES)
        # Of two copies with two labels nothing tells which is right: the other one is offered.
        others = judged["nearest"].map(self._labels)
        self._judged = judged.assign(suggested_label=judged["suggested_label"].fillna(others))

    def of(self, kind: str) -> pd.DataFrame:
        """The labels of a kind, the worst first."""
        column = {"issues": "is_issue", "conflicts": "conflict"}.get(kind)
        return self._judged if column is None else self._judged[self._judged[column].astype(bool)]

    def decided(self, found: pd.DataFrame) -> pd.Series:
        """The label that was decided on."""
        digests, decisions = found["id"].map(self._digests), read_decisions(self._work)
        own = found["id"].map(self._labels)
        own = own.where(digests.isin(decisions.of(Kind.LABEL_IS_RIGHT)))
        return digests.map(decisions.labels).astype(object).fillna(own.astype(object))

    def decision_of(self, asked: ToDecide, images: pd.DataFrame) -> Decision:
        """Which label of a content is right."""
        ((digest, name),) = images.itertuples(index=False)
        return Decision(Kind.LABEL_IS_RIGHT, digest, "", name, label=asked.decision or "")


class Pairs(Findings):
    """The pairs of similar images of one run, most alike first."""

    ends = ("from", "to")

    def __init__(self, work: WorkDir, search: ImageSearch) -> None:
        super().__init__(work, search)
        images, joins = search.images, read_record(work).options(ComponentOptions).cc_threshold
        tables = read_made(work, SIMILARITY), read_made(work, LEAKS)
        self._pairs = AlikePairs(*tables, images, joins)
        known = images.frame(["label", "split"]).nunique()
        absent = {"leaks": known["split"] < 2, "conflicts": known["label"] < 2}
        absent["within"] = images["time_ms"].null_count == len(images)
        self.titles = {kind: title for kind, title in KINDS.items() if not absent.get(kind)}

    def of(self, kind: str) -> pd.DataFrame:
        """The pairs of a kind, most alike first."""
        return self._pairs.of(kind)

    @property
    def relations(self) -> dict[str, int]:
        """How many pairs there are of each relation, if the run tells it."""
        found = self._pairs.of("all")["relation"].value_counts()
        return {str(name): int(n) for name, n in found.items()}

    def narrowed(self, found: pd.DataFrame, query: FindingQuery) -> pd.DataFrame:
        """The pairs that a query asks for."""
        found = super().narrowed(found, query)
        if query.relations:
            found = found[found["relation"].isin(query.relations)]
        return found if query.labels is None else found[self._pairs.labelled(found, query.labels)]

    def told(self, shown: pd.DataFrame) -> list[dict[Any, Any]]:
        """Some pairs in words."""
        same = shown["from"].map(self._digests) == shown["to"].map(self._digests)
        rows = super().told(shown.assign(same_bytes=same))
        for row in rows:
            row["explained"] = explained(row, *images_of(self._images, (row["from"], row["to"])))
            row.pop("transform", None)
        return rows

    def decided(self, found: pd.DataFrame) -> pd.Series:
        """What was decided of each pair of contents."""
        known = read_decisions(self._work).pairs
        ends = found[list(self.ends)].apply(lambda end: end.map(self._digests))
        ends = ends[ends.isin({digest for pair in known for digest in pair}).all(axis=1)]
        decided = [known.get(pair) for pair in ends.itertuples(index=False, name=None)]
        return pd.Series(decided, ends.index, dtype=object).reindex(found.index)

    def decision_of(self, asked: ToDecide, images: pd.DataFrame) -> Decision:
        """What is decided on two contents; InvalidParameterError if it is not decided on such."""
        kind = asked.decision or Kind.KEEP_BOTH
        if kind not in OF_PAIRS:
            raise InvalidParameterError(
                f"{kind!r} is not decided on pairs", f"Use {', '.join(sorted(OF_PAIRS))}"
            )
        return Decision(Kind(kind), *images["digest"], *images["filename"])
