"""What is in the dataset: groups of similar content, and which of them a split lacks."""

from __future__ import annotations

from typing import Any

import pandas as pd

from imgvet.reports import limits
from imgvet.reports.charts import most_frequent
from imgvet.reports.inputs import Content, ReportInputs, gallery
from imgvet.reports.text import count

LACKING = 0.1
"""A split whose share of a group is below this part of its share of the dataset lacks it."""

LEAST_EXPECTED = 5
"""Images that a split must be expected to have in a group, before it can lack it."""


def groups(run: ReportInputs) -> Content | None:
    """The groups, from tables ``groups`` and ``group_info``, largest first; None without any."""
    info = run.table("group_info")
    if info.empty:
        return None
    known = run.valid[["id", "label", "split"]]
    members = run.table("groups").merge(known, on="id")
    component = run.table("components").set_index("id")["component_id"]
    # Of copies one shows them all.
    members["scene"] = members["id"].map(component).fillna(-1 - members["id"])
    members = members.sort_values(["group_id", "similarity", "id"], ascending=[True, False, True])
    parts = dict(iter(members.groupby("group_id")))
    splits = members["split"].value_counts(normalize=True)
    lacking = {group: _lacking(part, splits) for group, part in parts.items()}
    return {
        "badge": count(len(info)),
        "sizes": info["count"],
        "incomplete": sum(bool(splits) for splits in lacking.values()),
        "groups": gallery(
            info,
            limits.COMPONENTS,
            lambda row: _group(run, row, parts[row["group_id"]], lacking[row["group_id"]]),
        ),
    }


def _lacking(part: pd.DataFrame, splits: pd.Series) -> list[str]:
    """The splits that hardly occur among the images of a group."""
    expected = splits * part["split"].notna().sum()
    found = part["split"].value_counts().reindex(expected.index, fill_value=0)
    lacking = (expected >= LEAST_EXPECTED) & (found < LACKING * expected)
    return sorted(expected.index[lacking])


def _group(
    run: ReportInputs, row: dict[str, Any], part: pd.DataFrame, lacking: list[str]
) -> Content:
    """One group: its most typical images, one of each component, and its labels and splits."""
    typical = part.drop_duplicates("scene")["id"]
    others = typical[typical != row["representative"]]
    return {
        **row,
        "images": run.images([row["representative"], *others][: limits.COMPONENT_IMAGES]),
        "labels": most_frequent(part["label"].dropna()),
        "splits": most_frequent(part["split"].dropna()),
        "lacking": lacking,
    }
