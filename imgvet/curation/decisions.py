"""What a person decided once and for all: ``decisions.csv`` of a work dir, by content.

A decision holds for the contents that it names, whatever their files are called, in every later
plan; no run replaces it. The file may be edited by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import auto
from functools import cached_property
from typing import NamedTuple

from imgvet.curation.spreadsheet import csv_text, read_csv
from imgvet.errors import PlanError
from imgvet.reasons import Code
from imgvet.workdir import WorkDir, write_text

COLUMNS = ("decision", "digest", "other_digest", "filename", "other_filename", "when")


class Kind(Code):
    """A decision, and what it means."""

    KEEP = auto(), "the image is as it should be: no list of single images names it"
    KEEP_LEFT = auto(), "of the two images, which are alike, the first one stays"
    KEEP_RIGHT = auto(), "of the two images, which are alike, the other one stays"
    KEEP_BOTH = auto(), "the two images are alike, and both stay"
    NOT_A_DUPLICATE = auto(), "the two images are no duplicates of each other"
    LABEL_IS_RIGHT = auto(), "the label is right, whatever its neighbours say"


_TURNED = {Kind.KEEP_LEFT: Kind.KEEP_RIGHT, Kind.KEEP_RIGHT: Kind.KEEP_LEFT}
OF_PAIRS = frozenset({*_TURNED, Kind.KEEP_BOTH, Kind.NOT_A_DUPLICATE})
"""The kinds that are decided on two contents."""


class Decision(NamedTuple):
    """A decision on one content or two; file names are there for people only."""

    kind: Kind
    digest: str
    other_digest: str = ""
    filename: str = ""
    other_filename: str = ""
    when: str = ""
    """ISO 8601; empty if it is not known."""


@dataclass(frozen=True)
class Decisions:
    """All decisions on a dataset."""

    all: tuple[Decision, ...] = ()

    def _digests(self, kind: Kind) -> frozenset[str]:
        return frozenset(one.digest for one in self.all if one.kind is kind)

    @property
    def kept(self) -> frozenset[str]:
        """Digests of images that are as they should be."""
        return self._digests(Kind.KEEP)

    @property
    def right_labels(self) -> frozenset[str]:
        """Digests of images whose label is right."""
        return self._digests(Kind.LABEL_IS_RIGHT)

    @property
    def distinct(self) -> frozenset[frozenset[str]]:
        """Pairs of digests of which neither goes for the other."""
        stay = (Kind.NOT_A_DUPLICATE, Kind.KEEP_BOTH)
        return frozenset(frozenset(pair) for pair, kind in self.pairs.items() if kind in stay)

    @property
    def preferred(self) -> frozenset[tuple[str, str]]:
        """Pairs of digests of which the first stays for the second, which goes."""
        return frozenset(pair for pair, kind in self.pairs.items() if kind is Kind.KEEP_LEFT)

    @cached_property
    def pairs(self) -> Mapping[tuple[str, str], Kind]:
        """What was decided of two digests, in either order."""
        found = [one for one in self.all if one.kind in OF_PAIRS]
        turned = {(one.other_digest, one.digest): _TURNED.get(one.kind, one.kind) for one in found}
        return turned | {(one.digest, one.other_digest): one.kind for one in found}


def read_decisions(work: WorkDir) -> Decisions:
    """The decisions of a work dir; PlanError if the file is not as it should be."""
    if not work.decisions.is_file():
        return Decisions()
    found = []
    for number, row in enumerate(read_csv(work.decisions, COLUMNS[:3]), 2):
        kind, *rest = (row.get(name, "") for name in COLUMNS)
        pair = kind in OF_PAIRS
        if kind not in set(Kind) or not rest[0] or (pair and not rest[1]):
            raise PlanError(
                f"Row {number} of {work.decisions} is no decision",
                f"It needs a digest (two for {Kind.NOT_A_DUPLICATE} and the like), and is one of "
                f"{', '.join(Kind)}",
            )
        found.append(Decision(Kind(kind), *rest))
    return Decisions(tuple(found))


def add_decisions(work: WorkDir, decisions: Sequence[Decision]) -> Decisions:
    """Add decisions to those of a work dir; one that is there already is not added again."""
    known = {one[:3]: one for one in (*read_decisions(work).all, *decisions)}
    return _written(work, known.values())


def decide(work: WorkDir, pair: Decision, *, taken_back: bool = False) -> Decisions:
    """Decide on two contents, in place of what was decided on them, or take that back.

    PlanError if one of two files with the same bytes is to stay: contents can't say which.
    """
    contents = {pair.digest, pair.other_digest}
    if len(contents) == 1 and pair.kind in _TURNED and not taken_back:
        raise PlanError("Both files have the same bytes", "Let the rules of a plan keep one")
    others = (
        one
        for one in read_decisions(work).all
        if one.kind not in OF_PAIRS or {one.digest, one.other_digest} != contents
    )
    return _written(work, others if taken_back else (*others, pair))


def _written(work: WorkDir, decisions: Iterable[Decision]) -> Decisions:
    made = tuple(decisions)
    write_text(work.decisions, csv_text(COLUMNS, made))
    return Decisions(made)
