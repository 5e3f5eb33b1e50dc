"""What a person decided once and for all: ``decisions.csv`` of a work dir, by content.

A decision holds for the contents that it names, whatever their files are called, in every later
plan; no run replaces it. The file may be edited by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import auto
from typing import NamedTuple

from imgvet.curation.spreadsheet import csv_text, read_csv
from imgvet.errors import PlanError
from imgvet.reasons import Code
from imgvet.workdir import WorkDir, write_text

COLUMNS = ("decision", "digest", "other_digest", "filename", "other_filename")


class Kind(Code):
    """A decision, and what it means."""

    KEEP = auto(), "the image is as it should be: no list of single images names it"
    NOT_A_DUPLICATE = auto(), "the two images are no duplicates of each other"
    LABEL_IS_RIGHT = auto(), "the label is right, whatever its neighbours say"


class Decision(NamedTuple):
    """A decision on one content or two; file names are there for people only."""

    kind: Kind
    digest: str
    other_digest: str = ""
    filename: str = ""
    other_filename: str = ""


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
        """Pairs of digests that are no duplicates."""
        pairs = (one for one in self.all if one.kind is Kind.NOT_A_DUPLICATE)
        return frozenset(frozenset((one.digest, one.other_digest)) for one in pairs)


def read_decisions(work: WorkDir) -> Decisions:
    """The decisions of a work dir; PlanError if the file is not as it should be."""
    if not work.decisions.is_file():
        return Decisions()
    found = []
    for number, row in enumerate(read_csv(work.decisions, COLUMNS[:3]), 2):
        kind, *rest = (row.get(name, "") for name in COLUMNS)
        pair = kind == Kind.NOT_A_DUPLICATE
        if kind not in set(Kind) or not rest[0] or (pair and not rest[1]):
            raise PlanError(
                f"Row {number} of {work.decisions} is no decision",
                f"It needs a digest (two for {Kind.NOT_A_DUPLICATE}), and is one of "
                f"{', '.join(Kind)}",
            )
        found.append(Decision(Kind(kind), *rest))
    return Decisions(tuple(found))


def add_decisions(work: WorkDir, decisions: Sequence[Decision]) -> Decisions:
    """Add decisions to those of a work dir; one that is there already is not added again."""
    known = {one[:3]: one for one in (*read_decisions(work).all, *decisions)}
    write_text(work.decisions, csv_text(COLUMNS, known.values()))
    return Decisions(tuple(known.values()))
