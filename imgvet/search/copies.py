"""Exact copies: which one to keep and why, or why a person has to decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pandas as pd

from imgvet.format import listed
from imgvet.tables import with_none

NAME_REASONS = ("its name is the shortest", "its name sorts first", "its path sorts first")
"""Why of several names one is first, by the parts of :func:`name_rank`."""
_REASONS = ("it alone has the {}", *NAME_REASONS)


class CopyGroup(NamedTuple):
    """Valid images of the same content, and so of the same pixels and file size."""

    ids: tuple[int, ...]
    """The one to keep first; in order of listing if a person has to decide."""
    decided: bool
    reason: str
    """Why the first is kept, or why a person has to decide."""


def copy_groups(valid: pd.DataFrame) -> list[CopyGroup]:
    """The groups of two or more among valid rows of the table items; largest first, then by id."""
    copies = valid[valid["digest"].notna() & valid["digest"].duplicated(keep=False)]
    copies = copies.sort_values(["digest", "id"])
    copies = copies[["digest", "id", "filename", "label", "split"]]
    rows = with_none(copies).to_dict(orient="records")
    groups = [_judged(list(same)) for _, same in groupby(rows, lambda row: row["digest"])]
    return sorted(groups, key=lambda group: (-len(group.ids), min(group.ids)))


def _judged(copies: Sequence[dict[Any, Any]]) -> CopyGroup:
    found = {name: {copy[name] for copy in copies} - {None} for name in ("label", "split")}
    known = [name for name, values in found.items() if values]
    lacks = (sum(copy[name] is None for name in known) for copy in copies)
    ranks = sorted(
        (lack, *name_rank(copy["filename"]), copy["id"])
        for lack, copy in zip(lacks, copies, strict=True)
    )
    if differing := [f"{name}s" for name in known if len(found[name]) > 1]:
        problem = f"{listed(differing)} differ"
    elif ranks[0][0]:
        problem = f"none has the {listed(known)}"
    elif len({copy["filename"] for copy in copies}) < len(copies):
        problem = "a file is listed twice"
    else:
        decisive = next(n for n in range(len(_REASONS)) if ranks[0][n] != ranks[1][n])
        reason = _REASONS[decisive].format(listed(known))
        return CopyGroup(tuple(rank[-1] for rank in ranks), decided=True, reason=reason)
    return CopyGroup(tuple(copy["id"] for copy in copies), decided=False, reason=problem)


def name_rank(filename: str) -> tuple[int, str, str]:
    """Of names of the same picture the least is the original's: what is added marks a copy."""
    base = re.split(r"[/\\]", filename)[-1]
    return len(base), base, filename
