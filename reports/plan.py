"""The plan of a curation as a page of its own: one file that can be sent, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from imgvet.curation.plan import PROTECTED, make_plan
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
    "unproven": "Similar, but not proven to be copies",
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
    sections = list(_sections(plan, pictures))
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


def _sections(plan: pd.DataFrame, pictures: _Pictures) -> Iterator[dict[str, Any]]:
    """The lists in the order of the plan: each group begins with what stays for the others."""
    plan = plan.assign(group=plan["kept"].fillna(plan["filename"]))
    staying = plan[plan["filename"].isin(plan["kept"])].drop_duplicates("filename")
    kept = {str(row["filename"]): row for row in _plain(staying)}
    touched = plan[(plan["action"] != "keep") | (plan["list"] == PROTECTED)]
    for name, rows in touched.groupby("list", sort=False):
        ordered = sorted(_plain(rows), key=lambda row: str(row["group"]))
        groups = [list(same) for _, same in groupby(ordered, lambda row: row["group"])]
        whole = [
            [kept[key], *same] if (key := str(same[0]["kept"])) in kept else same for same in groups
        ]
        yield {
            "name": name,
            "heading": HEADINGS.get(str(name), f"{str(name).capitalize()} images"),
            "actions": Actions.of(rows),
            "is_grouped": len(whole[0]) > 1,
            "total": len(groups),
            "groups": [
                [
                    row | {"picture": pictures.inline(row["digest"])}
                    for row in group[: limits.COPIES]
                ]
                for group in whole[: limits.CARDS]
            ],
            "sizes": [len(group) for group in whole],
        }


def _plain(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return rows.astype(object).where(rows.notna(), None).to_dict("records")  # type: ignore[return-value]


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
