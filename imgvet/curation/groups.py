"""Groups of images that say the same: which one stays, and what happens to the others.

Never all of a group goes: each image that goes has one that stays and that it is, itself, a copy
or near duplicate of. Chains do not count: of A like B and B like C, where A is unlike C, keeping A
keeps C as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.curation.findings import Finding, Found
from imgvet.curation.keepers import Keepers
from imgvet.format import counted, listed
from imgvet.search.copies import copy_groups
from imgvet.similarity.distances import Metric, space_of
from imgvet.similarity.pairs import families_of
from imgvet.store.references import read_vectors
from imgvet.summary import read_record

_WHOLE = 0.95
"""Of an image that is a copy or a part of another at least this share is seen there."""

_SAID = {
    "near": "a near duplicate",
    "unproven": "similar, though the pixels prove no copy",
    "contained": "a part of another image",
    "same_video": "like another frame of its video",
}
_FACTS = ["digest", "label", "split", "video", "embedding_row"]


def exact_findings(found: Found, left: pd.DataFrame, keepers: Keepers) -> Iterator[Finding]:
    """What happens to exact copies among the images that are ``left``."""
    facts, rules = left[_FACTS].to_dict("index"), found.rules
    for group in copy_groups(left.reset_index()):
        kept, *others = sorted(group.ids, key=keepers.rank)
        digest = facts[kept]["digest"]
        if found.decisions.both_stay(digest, digest):
            continue
        still = {item for item in others if _in_one_video(facts[item], facts[kept])}
        lists = {item: "same_video" if item in still else "exact" for item in others}
        going = {item: name for item, name in lists.items() if getattr(rules, name) != "off"}
        if going:
            yield _stays(kept, next(iter(going.values())), len(going))
        for item, name in going.items():
            doubt = _lost(facts[item], facts[kept]) if group.decided else group.reason
            rest = f", but {doubt}" if doubt else f"; the other stays, as {keepers.why(kept, item)}"
            action = "review" if doubt else getattr(rules, name)
            yield Finding(item, action, name, f"an exact copy{rest}", kept, 1.0)


def leaking_findings(found: Found, left: pd.DataFrame, keepers: Keepers) -> Iterator[Finding]:
    """Images of table ``leaks``, which are in several splits: left to a person."""
    leaks = found.tables["leaks"]
    if found.rules.leaking == "off":
        return
    there = leaks["from"].isin(left.index) & leaks["to"].isin(left.index)
    leaks = leaks[there & (leaks["similarity"] >= found.rules.leak_threshold)]
    facts = left[["digest", "split"]].to_dict("index")
    for one, other, similarity in leaks[["from", "to", "similarity"]].itertuples(index=False):
        if not found.decisions.both_stay(facts[one]["digest"], facts[other]["digest"]):
            kept, item = sorted((one, other), key=keepers.rank)
            splits = listed([facts[item]["split"], facts[kept]["split"]])
            said = f"in {splits}; the other would stay, as {keepers.why(kept, item)}"
            yield Finding(kept, "keep", "leaking", f"in {splits}, and would stay", kept)
            yield Finding(item, "review", "leaking", said, kept, similarity)


def _lost(item: Mapping[Any, Any], kept: Mapping[Any, Any]) -> str:
    """What is known of an image and not, or otherwise, of the one that stays; empty if nothing."""
    names = [
        f"{name}s"
        for name in ("label", "split")
        if isinstance(item[name], str) and item[name] != kept[name]
    ]
    return f"{listed(names)} differ" if names else ""


def _in_one_video(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    return isinstance(one["video"], str) and one["video"] == other["video"]


def _stays(item: int, name: str, others: int) -> Finding:
    return Finding(item, "keep", name, f"stays for {counted(others, 'image')} like it", item)


class Pair(NamedTuple):
    """How one image is like another."""

    list: str
    """near, unproven, contained or same_video."""
    similarity: float
    is_part: bool = False
    """Whether the pixels prove that all of it is seen in the other."""


class NearGroups:
    """Near duplicates, and parts of others, among images of which each content has one row."""

    def __init__(self, found: Found, left: pd.DataFrame, keepers: Keepers) -> None:
        rules, metric = found.rules, Metric.of_run(read_record(found.work))
        vectors = read_vectors(found.work.embeddings)
        self._found, self._keepers = found, keepers
        names = ("near", "unproven", "contained", "same_video")
        self._actions = {name: getattr(rules, name) for name in names}
        self._facts = left[_FACTS].to_dict("index")
        self._row_of = pd.Series(left.index, left["digest"].to_numpy())
        pairs = self._pairs()
        near = pairs.loc[pairs["list"] == "near", ["from", "to"]].to_numpy(np.int64)
        groups = enumerate(_components(near))
        self._proven = {item: number for number, group in groups for item in group}
        self._known: dict[int, dict[int, Pair]] = defaultdict(dict)
        columns = ["from", "to", "list", "similarity", "from_shown", "to_shown"]
        for one, other, name, similarity, *shown in pairs[columns].itertuples(index=False):
            for item, beside, share in ((one, other, shown[1]), (other, one, shown[0])):
                is_part = name != "unproven" and share >= _WHOLE
                self._known[item][beside] = Pair(name, similarity, is_part)
        off = [name for name, action in self._actions.items() if action == "off"]
        joins = ~pairs["list"].isin(off) | (rules.same_video != "off")
        self._ends = pairs.loc[joins, ["from", "to"]].to_numpy(np.int64)
        self._space = space_of(vectors if len(pairs) else vectors[:0], metric)
        self._let_go: dict[int, set[int]] = defaultdict(set)
        """By image those of which a person decided that they stay for it."""
        present = set(self._row_of.index)
        for digest, other in found.decisions.pairs:
            if found.decisions.goes_for(digest, other) and {digest, other} <= present:
                self._let_go[self._row_of[digest]].add(self._row_of[other])

    def findings(self) -> Iterator[Finding]:
        """What happens to the images of each group: who was let go in it is ranked last."""
        for group in _components(self._ends):
            gone = {item for item in group if not self._let_go[item].isdisjoint(group)}
            if not gone and self._actions["same_video"] == "off" and self._is_one_video(group):
                continue
            ranked = sorted(group, key=lambda item: (item in gone, self._keepers.rank(item)))
            open_ids = dict.fromkeys(ranked)
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

    def _is_one_video(self, group: Sequence[int]) -> bool:
        first = self._facts[group[0]]
        return all(_in_one_video(first, self._facts[item]) for item in group)

    def _alike(self, item: int, others: Sequence[int]) -> dict[int, Pair]:
        """Those of the others that are like an image, listed as pairs or not."""
        alike = self._ruled(item, self._similar(item, others) | self._known[item]) if others else {}
        decisions, digest = self._found.decisions, self._facts[item]["digest"]
        return {
            other: alike[other]
            for other in others
            if other in alike and not decisions.both_stay(digest, self._facts[other]["digest"])
        }

    def _ruled(self, item: int, alike: Mapping[int, Pair]) -> dict[int, Pair]:
        """Those whose list is on; frames of one video have their own, unless decided on."""
        facts, decided = self._facts[item], self._found.decisions.pairs
        ruled = dict(alike)
        for other, pair in alike.items():
            of_other = self._facts[other]
            ends = facts["digest"], of_other["digest"]
            if _in_one_video(facts, of_other) and ends not in decided:
                ruled[other] = pair._replace(list="same_video")
        return {other: pair for other, pair in ruled.items() if self._actions[pair.list] != "off"}

    def _similar(self, item: int, others: Sequence[int]) -> dict[int, Pair]:
        """Those whose embeddings are near; proven if pairs that are lead from one to the other."""
        rows = np.array([int(self._facts[one]["embedding_row"]) for one in (item, *others)])
        alike = self._space.alike(rows[:1], rows[1:])[0]
        group = self._proven.get(item, -1)
        similar = zip(others, alike.tolist(), strict=True)
        names = ("near" if self._proven.get(other) == group else "unproven" for other in others)
        return {
            other: Pair(name, value, name == "near")
            for name, (other, value) in zip(names, similar, strict=True)
            if value >= self._found.least
        }

    def _goes(self, keeper: int, item: int, pair: Pair) -> Finding:
        action, rest = self._actions[pair.list], ""
        if keeper in self._let_go[item]:
            action, rest = "remove", "; a person decided that the other stays"
        elif lost := _lost(self._facts[item], self._facts[keeper]):
            action, rest = "review", f", but {lost}"
        elif pair.list in ("contained", "same_video") and not pair.is_part:
            action, rest = "review", ", but may show more than is seen there"
        else:
            rest = f"; the other stays, as {self._keepers.why(keeper, item)}"
        said = _SAID[pair.list] + rest
        return Finding(item, action, pair.list, said, keeper, pair.similarity)

    def _pairs(self) -> pd.DataFrame:
        """The listed pairs of different contents, by the rows that are left, and their list."""
        pairs = self._found.tables["similarity"].copy()
        for end in ("from", "to"):
            pairs[end] = pairs[end].map(self._found.images["digest"]).map(self._row_of)
        pairs = pairs.dropna(subset=["from", "to"])
        pairs = pairs[pairs["from"] != pairs["to"]].astype({"from": np.int64, "to": np.int64})
        shown = ["from_shown", "to_shown"]
        pairs[shown] = pairs[shown].fillna(1.0)
        proven = pairs["verified"].fillna(0) > 0
        is_part = pairs[shown].min(axis=1) < _WHOLE
        pairs["list"] = np.where(proven, np.where(is_part, "contained", "near"), "unproven")
        return pairs[proven | (pairs["similarity"] >= self._found.least)]


def _components(ends: NDArray[np.int64]) -> Iterator[list[int]]:
    """The groups that pairs of ids join, each sorted."""
    ids, places = np.unique(ends, return_inverse=True)
    for _, group in pd.Series(ids).groupby(families_of(places.reshape(-1, 2), len(ids))):
        yield group.tolist()
