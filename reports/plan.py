"""The plan of a curation as a page of its own: one file that can be sent, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from imgvet.curation.plan import make_plan
from imgvet.curation.plan_file import ACTIONS, write_plan
from imgvet.curation.rules import Rules
from imgvet.options import RunOptions
from imgvet.reports import limits
from imgvet.reports.build import environment
from imgvet.reports.pictures import shrink
from imgvet.search.image_table import ImageTable
from imgvet.store.packs import Thumbnails
from imgvet.store.store import Store
from imgvet.summary import read_record
from imgvet.workdir import WorkDir, write_text

HEADINGS = {
    "exact": "Exact copies",
    "near": "Near duplicates",
    "contained": "Parts of other images",
    "invalid": "Files that can't be analysed",
    "listed": "Chosen by a person",
    "outlying": "Unlike all others",
    "mislabelled": "Labels that are likely wrong",
    "leaking": "In several splits",
    "protected": "Protected",
}
"""What the lists are called that are not called as they are written."""


class Actions(NamedTuple):
    """How many images stay, go and wait for a person, and the bytes of those that go."""

    keep: int
    remove: int
    review: int
    size: int

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Actions:
        """Those of some rows of a plan."""
        keep, remove, review = (int((rows["action"] == action).sum()) for action in ACTIONS)
        size = int(rows["file_size"][rows["action"] == "remove"].sum())
        return cls(keep, remove, review, size)


def propose(work: WorkDir, rules: Rules, *, replace: bool = False) -> pd.DataFrame:
    """Make the plan of a finished run and write it as CSV, Parquet and a page.

    PlanError if a plan that a person edited would be replaced and ``replace`` is not given.
    """
    plan = make_plan(work, rules)
    write_plan(work, plan, replace=replace)
    write_page(work, plan)
    return plan


def write_page(work: WorkDir, plan: pd.DataFrame) -> Path:
    """Write the page of a plan; the same plan gives the same bytes."""
    pictures = _Pictures(work)
    sections = [_section(name, rows, pictures) for name, rows in _by_list(plan)]
    page = (
        environment()
        .get_template("plan.html")
        .render(
            title=read_record(work).options(RunOptions).dataset,
            root=ImageTable.of_run(work).root,
            actions=Actions.of(plan),
            sections=sections,
            place=str(work.plan_csv),
        )
    )
    write_text(work.plan_page, page)
    return work.plan_page


def _by_list(plan: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each list with the images that stay for them, in the order of the plan."""
    group = plan["kept"].fillna(plan["filename"])
    first = plan["list"].where(plan["action"] != "keep").groupby(group).first()
    names = group.map(first).fillna(plan["list"])
    for name in names.drop_duplicates():
        yield str(name), plan.assign(group=group)[names == name]


def _section(name: str, rows: pd.DataFrame, pictures: _Pictures) -> dict[str, Any]:
    plain = rows.astype(object).where(rows.notna(), None).to_dict("records")
    groups = [list(same) for _, same in groupby(plain, lambda row: row["group"])]
    shown = groups[: limits.CARDS]
    return {
        "name": name,
        "heading": HEADINGS.get(name, f"{name.capitalize()} images"),
        "actions": Actions.of(rows),
        "is_grouped": any(len(group) > 1 for group in groups),
        "total": len(groups),
        "groups": [
            [row | {"picture": pictures.inline(row["digest"])} for row in group[: limits.COPIES]]
            for group in shown
        ],
        "sizes": [len(group) for group in shown],
    }


class _Pictures:
    """Thumbnails as they stand in a page, as long as it stays light."""

    def __init__(self, work: WorkDir) -> None:
        self._read = Thumbnails(Store(work).measures).read
        self._left = limits.PICTURES_BYTES

    def inline(self, digest: str | None) -> str:
        """A picture as a data URL; empty if there is none, or the page has enough."""
        known = self._read(digest) if digest and self._left > 0 else None
        shrunk = shrink(known, limits.LEAST_PICTURE_SIDE + 32) if known else None
        if shrunk is None:
            return ""
        text = base64.b64encode(shrunk[0]).decode()
        self._left -= len(text)
        return f"data:image/jpeg;base64,{text}"
