"""What a person decided once and for all: ``decisions.csv`` of a work dir, by content.

A decision holds for the contents that it names, whatever their files are called, in every later
run, plan and export; no run replaces it. The file may be edited by hand.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from enum import auto
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from imgvet.errors import PlanError
from imgvet.opening import edited
from imgvet.parameters import Frozen
from imgvet.reasons import Code
from imgvet.spreadsheet import csv_bytes, read_csv
from imgvet.workdir import WorkDir, write_bytes


class Kind(Code):
    """A decision, and what it means."""

    KEEP = auto(), "the image is as it should be: no list of single images names it"
    KEEP_LEFT = auto(), "of the two images, which are alike, the first one stays"
    KEEP_RIGHT = auto(), "of the two images, which are alike, the other one stays"
    KEEP_BOTH = auto(), "the two images are alike, and both stay"
    NOT_A_DUPLICATE = auto(), "the two images are no duplicates of each other"
    LABEL_IS_RIGHT = auto(), "the label named is right, or else that which the image has"


_TURNED = {Kind.KEEP_LEFT: Kind.KEEP_RIGHT, Kind.KEEP_RIGHT: Kind.KEEP_LEFT}
_BOTH_STAY = (Kind.KEEP_BOTH, Kind.NOT_A_DUPLICATE)
OF_PAIRS = frozenset({*_TURNED, *_BOTH_STAY})
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
    label: str = ""
    """The label that is right; empty for that which the image has."""

    @property
    def about(self) -> Hashable:
        """What is decided: a later decision on the same counts instead of this one."""
        if self.kind in OF_PAIRS:
            return frozenset((self.digest, self.other_digest))
        return self.kind, self.digest


COLUMNS = ("decision", *Decision._fields[1:])


class Decisions(Frozen):
    """All decisions on a dataset."""

    all: tuple[Decision, ...] = ()

    def of(self, kind: Kind) -> set[str]:
        """Digests of the images of which that was decided."""
        return {one.digest for one in self.all if one.kind is kind}

    @cached_property
    def pairs(self) -> Mapping[tuple[str, str], Kind]:
        """What was decided of two digests, in either order."""
        found = [one for one in self.all if one.kind in OF_PAIRS]
        turned = {(one.other_digest, one.digest): _TURNED.get(one.kind, one.kind) for one in found}
        return turned | {(one.digest, one.other_digest): one.kind for one in found}

    @cached_property
    def apart(self) -> tuple[tuple[str, str], ...]:
        """The contents that are no duplicates of each other; two digests in order, sorted."""
        found = (one for one in self.all if one.kind is Kind.NOT_A_DUPLICATE)
        ends = {(one.digest, one.other_digest) for one in found}
        return tuple(sorted((min(pair), max(pair)) for pair in ends if len(set(pair)) > 1))

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """The right label by digest, where one was named."""
        kind = Kind.LABEL_IS_RIGHT
        return {one.digest: one.label for one in self.all if one.kind is kind and one.label}

    def corrected(self, images: pd.DataFrame) -> pd.Series:
        """The labels of images, by their digests: those that were named, else their own."""
        known = images["digest"].isin(self.labels.keys())
        return images["label"].mask(known, images["digest"].map(self.labels))

    def both_stay(self, digest: str, other: str) -> bool:
        """Whether neither of two contents goes for the other."""
        return self.pairs.get((digest, other)) in _BOTH_STAY

    def goes_for(self, digest: str, other: str) -> bool:
        """Whether the first content goes, as the other one stays."""
        return self.pairs.get((digest, other)) is Kind.KEEP_RIGHT


def read_decisions(work: WorkDir) -> Decisions:
    """The decisions of a work dir; PlanError if the file is not as it should be."""
    if not work.decisions.is_file():
        return Decisions()
    found = []
    rows = read_csv(work.decisions, COLUMNS[:3]).reindex(columns=COLUMNS, fill_value="")
    for number, (kind, *rest) in enumerate(rows.itertuples(index=False, name=None), 2):
        if kind not in set(Kind) or not rest[0] or (kind in OF_PAIRS and not rest[1]):
            raise PlanError(
                f"Row {number} of {work.decisions} is no decision",
                f"It needs a digest (two for {Kind.NOT_A_DUPLICATE} and the like), and is one of "
                f"{', '.join(Kind)}",
            )
        found.append(Decision(Kind(kind), *rest))
    return Decisions(all=tuple(found))


def decide(work: WorkDir, *decisions: Decision, taken_back: bool = False) -> Decisions:
    """Add decisions to those of a work dir, in place of others on the same; or take these back.

    PlanError if one of two files with the same bytes is to stay: contents can't say which.
    """
    with edited(work):
        known = {one.about: one for one in read_decisions(work).all}
        for one in decisions:
            if one.digest == one.other_digest and one.kind in _TURNED and not taken_back:
                raise PlanError(
                    "Both files have the same bytes", "Let the rules of a plan keep one"
                )
            if taken_back:
                known.pop(one.about, None)
            else:
                known[one.about] = one
        table = pd.DataFrame(known.values(), columns=COLUMNS, dtype=str)
        write_bytes(work.decisions, csv_bytes(table, to_edit=True))
    return Decisions(all=tuple(known.values()))
