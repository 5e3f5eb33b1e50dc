"""Exact copies: which one to keep and why, or why a person has to decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import pandas as pd

from imgvet.format import listed

_REASONS = ("it alone has the {}", "its name is the shortest", "its name sorts first",
            "its path sorts first")  # fmt: skip


class CopyGroup(NamedTuple):
    """Valid images of the same content, and so of the same pixels and file size."""

    ids: tuple[int, ...]
    """The one to keep first; in order of listing if a person has to decide."""
    decided: bool
    reason: str
    """Why the first is kept, or why a person has to decide."""


class _Copy(NamedTuple):
    id: int
    filename: str
    label: str | None
    split: str | None

    @property
    def names(self) -> tuple[int, str, str]:
        """By what a name is preferred: what is added to it marks a copy."""
        base = re.split(r"[/\\]", self.filename)[-1]
        return len(base), base, self.filename


def copy_groups(valid: pd.DataFrame) -> list[CopyGroup]:
    """The groups of two or more among valid rows of the table items; largest first, then by id."""
    copies = valid[valid["digest"].notna() & valid["digest"].duplicated(keep=False)]
    copies = copies.sort_values(["digest", "id"])[["digest", *_Copy._fields]].astype(object)
    rows = copies.where(copies.notna(), None).itertuples(index=False, name=None)
    groups = [
        _judged([_Copy(*row[1:]) for row in same]) for _, same in groupby(rows, lambda r: r[0])
    ]
    return sorted(groups, key=lambda group: (-len(group.ids), min(group.ids)))


def _judged(copies: Sequence[_Copy]) -> CopyGroup:
    labels, splits = ({copy[place] for copy in copies} - {None} for place in (2, 3))
    found = {"label": labels, "split": splits}
    known = [name for name, values in found.items() if values]
    ranked = sorted(copies, key=lambda copy: _rank(copy, known))
    differing = [f"{name}s" for name in known if len(found[name]) > 1]
    if differing:
        problem = f"{listed(differing)} differ"
    elif _rank(ranked[0], known)[0]:
        problem = f"none has the {listed(known)}"
    elif len({copy.filename for copy in copies}) < len(copies):
        problem = "a file is listed twice"
    else:
        ranks = zip(_rank(ranked[0], known), _rank(ranked[1], known), strict=True)
        decisive = next(place for place, (kept, other) in enumerate(ranks) if kept != other)
        reason = _REASONS[decisive].format(listed(known))
        return CopyGroup(tuple(copy.id for copy in ranked), decided=True, reason=reason)
    return CopyGroup(tuple(copy.id for copy in copies), decided=False, reason=problem)


def _rank(copy: _Copy, known: Sequence[str]) -> tuple[int, int, str, str]:
    """What a copy lacks of what is known of its group, and its names; the least is kept."""
    return sum(getattr(copy, name) is None for name in known), *copy.names
