"""Groups of images that say the same: which one stays, and what happens to the others.

Never all of a group goes: each image that goes has one that stays and that it is, itself, a copy
or near duplicate of. Chains do not count: of A like B and B like C, where A is unlike C, keeping A
keeps C as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from imgvet.curation.findings import Finding, Found
from imgvet.curation.keepers import Keepers
from imgvet.format import counted, listed
from imgvet.search.copies import copy_groups, name_rank
from imgvet.similarity.distances import Metric, Vectors, distances_between, unit_of

_WHOLE = 0.95
"""Of an image that is a copy or a part of another at least this share is seen there."""

_SAID = {
    "near": "a near duplicate",
    "unproven": "similar, though the pixels prove no copy",
    "contained": "a part of another image",
}
_FACTS = ("filename", "digest", "label", "split", "embedding_row")
_TIE = "its name is the shortest, or sorts first"


def exact_findings(found: Found, left: pd.DataFrame, keepers: Keepers) -> Iterator[Finding]:
    """What happens to exact copies among the images that are ``left``."""
    facts = left[["label", "split"]].to_dict("index")
    for group in copy_groups(left.reset_index()) if found.rules.exact != "off" else ():
        (kept, *others), _ = keepers.ranked(group.ids, group.reason)
        yield _stays(kept, "exact", len(others))
        for item in others:
            doubt = _lost(facts[item], facts[kept]) if group.decided else group.reason
            why = keepers.ranked((kept, item), group.reason)[1]
            rest = f", but {doubt}" if doubt else f"; the other stays, as {why}"
            action = "review" if doubt else found.rules.exact
            yield Finding(item, action, "exact", f"an exact copy{rest}", kept, 1.0)


def leaking_findings(found: Found, left: pd.DataFrame, keepers: Keepers) -> Iterator[Finding]:
    """Images of table ``leaks`` (where it is), which are in several splits: left to a person."""
    leaks = found.tables.get("leaks")
    if leaks is None or found.rules.leaking == "off":
        return
    there = leaks["from"].isin(left.index) & leaks["to"].isin(left.index)
    leaks = leaks[there & (leaks["similarity"] >= found.rules.leak_threshold)]
    digests, distinct = found.images["digest"], found.decisions.distinct
    for one, other, similarity in leaks[["from", "to", "similarity"]].itertuples(index=False):
        if frozenset((digests[one], digests[other])) not in distinct:
            by_name = sorted(
                (one, other), key=lambda item: name_rank(str(left.at[item, "filename"]))
            )
            (kept, item), why = keepers.ranked(by_name, _TIE)
            splits = left.loc[[item, kept], "split"].tolist()
            said = f"in {listed(splits)}; the other would stay, as {why}"
            yield _stays(kept, "leaking", 1)
            yield Finding(item, "review", "leaking", said, kept, similarity)


def _lost(item: Mapping[Any, Any], kept: Mapping[Any, Any]) -> str:
    """What is known of an image and not, or otherwise, of the one that stays; empty if nothing."""
    names = [
        f"{name}s"
        for name in ("label", "split")
        if isinstance(item[name], str) and item[name] != kept[name]
    ]
    return f"{listed(names)} differ" if names else ""


def _stays(item: int, name: str, others: int) -> Finding:
    return Finding(item, "keep", name, f"stays for {counted(others, 'image')} like it", item)


class Pair(NamedTuple):
    """How one image is like another."""

    list: str
    """near, unproven or contained."""
    similarity: float
    is_part: bool = False
    """Of contained: whether all of it is seen in the other."""


@dataclass
class NearGroups:
    """Near duplicates, and parts of others, among images of which each content has one row."""

    found: Found
    left: pd.DataFrame
    keepers: Keepers
    vectors: Vectors
    metric: Metric

    def __post_init__(self) -> None:
        rules = self.found.rules
        actions = {"near": rules.near, "unproven": rules.unproven, "contained": rules.contained}
        self._actions = {name: action for name, action in actions.items() if action != "off"}
        self._facts = self.left[list(_FACTS)].to_dict("index")
        pairs = self._pairs()
        self._ends = pairs[["from", "to"]].to_numpy(np.int64)
        self._known: dict[int, dict[int, Pair]] = {}
        columns = ["from", "to", "list", "similarity", "from_shown", "to_shown"]
        for one, other, name, similarity, *shown in pairs[columns].itertuples(index=False):
            for first, second, share in ((one, other, shown[1]), (other, one, shown[0])):
                pair = Pair(name, similarity, is_part=share >= _WHOLE)
                self._known.setdefault(first, {})[second] = pair
        near = self._ends[(pairs["list"] == "near").to_numpy()]
        self._proven = {
            item: number for number, group in enumerate(_components(near)) for item in group
        }
        self._unit = unit_of(self.vectors, self.metric.distance) if len(pairs) else 1.0

    def findings(self) -> Iterator[Finding]:
        """What happens to the images of each group."""
        for group in _components(self._ends):
            by_name = sorted(group, key=lambda item: name_rank(str(self._facts[item]["filename"])))
            ranked, _ = self.keepers.ranked(by_name, _TIE)
            open_ids = dict.fromkeys(sorted(ranked, key=partial(self._was_let_go, ranked)))
            while open_ids:
                keeper = next(iter(open_ids))
                del open_ids[keeper]
                alike = self._alike(keeper, list(open_ids))
                going = [self._goes(keeper, item, pair) for item, pair in alike.items()]
                if going:
                    yield _stays(keeper, going[0].list, len(going))
                for finding in going:
                    yield finding
                    if finding.action == "remove":
                        del open_ids[finding.id]

    def _was_let_go(self, group: Sequence[int], item: int) -> bool:
        """Whether a person let an image go for another of its group: it is ranked after those."""
        return any(self._is_decided(other, item) for other in group)

    def _is_decided(self, keeper: int, item: int) -> bool:
        digests = self._facts[keeper]["digest"], self._facts[item]["digest"]
        return digests in self.found.decisions.preferred

    def _alike(self, item: int, others: Sequence[int]) -> dict[int, Pair]:
        """Those of the others that are like an image, listed as pairs or not."""
        alike = self._similar(item, others) | self._known[item]
        digest, distinct = self._facts[item]["digest"], self.found.decisions.distinct
        return {
            other: alike[other]
            for other in others
            if other in alike
            and alike[other].list in self._actions
            and frozenset((digest, self._facts[other]["digest"])) not in distinct
        }

    def _similar(self, item: int, others: Sequence[int]) -> dict[int, Pair]:
        """Those whose embeddings are near; proven if pairs that are lead from one to the other."""
        if not others:
            return {}
        rows = [int(self._facts[one]["embedding_row"]) for one in (item, *others)]
        apart = distances_between(
            np.asarray(self.vectors[rows[:1]]), np.asarray(self.vectors[rows[1:]]),
            self.metric.distance, self._unit,
        )  # fmt: skip
        group = self._proven.get(item, -1)
        return {
            other: Pair("near" if self._proven.get(other) == group else "unproven", value)
            for other, value in zip(others, self.metric.similarity(apart)[0].tolist(), strict=True)
            if value >= self.found.least
        }

    def _goes(self, keeper: int, item: int, pair: Pair) -> Finding:
        if self._is_decided(keeper, item):
            said = f"{_SAID[pair.list]}; a person decided that the other stays"
            return Finding(item, "remove", pair.list, said, keeper, pair.similarity)
        action = self._actions[pair.list]
        if lost := _lost(self._facts[item], self._facts[keeper]):
            action, rest = "review", f", but {lost}"
        elif pair.list == "contained" and not pair.is_part:
            action, rest = "review", ", but shows more than is seen there"
        else:
            rest = f"; the other stays, as {self.keepers.ranked((keeper, item), _TIE)[1]}"
        said = _SAID[pair.list] + rest
        return Finding(item, action, pair.list, said, keeper, pair.similarity)

    def _pairs(self) -> pd.DataFrame:
        """The listed pairs of different contents as pairs of rows of ``left``, and their list.

        Runs of earlier versions compared no pixels: what they list is as good as proven.
        """
        row_of = pd.Series(self.left.index, self.left["digest"].to_numpy())
        pairs = self.found.tables["similarity"].copy()
        for end in ("from", "to"):
            pairs[end] = pairs[end].map(self.found.images["digest"]).map(row_of)
        pairs = pairs.dropna(subset=["from", "to"])
        pairs = pairs[pairs["from"] != pairs["to"]].astype({"from": np.int64, "to": np.int64})
        for name in ("from_shown", "to_shown"):
            pairs[name] = pairs.get(name, pd.Series(1.0, pairs.index)).fillna(1.0)
        proven = pairs["verified"].fillna(0) > 0 if "verified" in pairs else True
        is_part = pairs[["from_shown", "to_shown"]].min(axis=1) < _WHOLE
        kinds = np.where(is_part, "contained", "near")
        pairs["list"] = np.where(proven, kinds, "unproven")
        wanted = pairs["list"].isin(list(self._actions))
        return pairs[wanted & (proven | (pairs["similarity"] >= self.found.least))]


def _components(ends: NDArray[np.int64]) -> Iterator[list[int]]:
    """The groups that pairs of ids join, each sorted."""
    if not len(ends):
        return
    ids, places = np.unique(ends, return_inverse=True)
    places = places.reshape(-1, 2)
    graph = coo_array((np.ones(len(places), np.int8), tuple(places.T)), (len(ids), len(ids)))
    labels = connected_components(graph, directed=False)[1]
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order], prepend=-1, append=len(ids)))
    for start, end in pairwise(cuts.tolist()):
        yield ids[order[start:end]].tolist()
