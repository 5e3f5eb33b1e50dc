"""Labels: likely wrong ones, those that contradict each other, and each class by itself."""

from __future__ import annotations

import json

import pandas as pd

from imgvet.reports import limits
from imgvet.reports.charts import bars, most_frequent
from imgvet.reports.inputs import Content, Listing, ReportInputs, gallery
from imgvet.reports.sections.alike import beside_nearest, crossings, pairs_of
from imgvet.reports.text import count


def labels(run: ReportInputs) -> Content | None:
    """What there is to say of labels; None without any."""
    known = run.valid.dropna(subset="label")
    if known.empty:
        return None
    totals = most_frequent(known["label"])
    issues, judged = run.open_issues, run.table("label_issues")
    conflicts, classes = pairs_of(run, "conflicts"), _classes(run, known)
    found = len(issues) or conflicts["total"]
    return {
        "badge": count(found) if found else "",
        "issues": gallery(issues, limits.CARDS, lambda row: beside_nearest(run, row)),
        "decided": int((judged["is_issue"] | judged["decided"]).sum()) - len(issues),
        "images": len(known),
        "unlabelled": len(run.valid) - len(known),
        "bars": bars(totals, "figure-labels", "Images of each label", "label", "images")
        if len(totals) > 1
        else None,
        "classes": classes.head(limits.TABLE_ROWS).to_dict(orient="split"),
        "label_count": len(totals),
        "pairs": conflicts,
        "crossings": _crossings(run),
        "listing": Listing("labels", classes.reset_index()),
    }


def _classes(run: ReportInputs, known: pd.DataFrame) -> pd.DataFrame:
    """A row for each label, most frequent first: its images, by split, and those on lists."""
    near, issues = run.near_pairs, run.table("label_issues")
    listed = {
        "exact copies": run.valid["id"][run.valid["digest"].duplicated(keep=False)],
        "near duplicates": pd.concat([near["from"], near["to"]]),
        "outliers": run.table("outliers")["id"],
        "label issues": issues["id"][issues["is_issue"].astype(bool)],
    }
    splits = pd.crosstab(known["label"], known["split"])
    columns = {"images": known["label"].value_counts()}
    columns |= {f"in {name}": splits[name] for name in splits.columns}
    columns |= {
        title: known["label"][known["id"].isin(ids)].value_counts() for title, ids in listed.items()
    }
    frame = pd.DataFrame(columns).fillna(0).astype(int).rename_axis("label").reset_index()
    return frame.sort_values(["images", "label"], ascending=[False, True]).set_index("label")


def _crossings(run: ReportInputs) -> Content | None:
    """How many near pairs each two of the labels with most of them have; None without any."""
    ends = pd.concat(run.pairs.ends(run.near_pairs, "label"), axis=1).dropna()
    if ends.empty:
        return None
    listing = crossings("label_pairs", ends.set_axis(["label", "other_label"], axis="columns"))
    named = ends.astype(str).stack().value_counts().sort_index()
    shown = sorted(named.sort_values(ascending=False, kind="stable").index[: limits.CLASSES])
    cells = listing.rows.set_index(["label", "other_label"])["pairs"].to_dict()
    return {
        "labels": shown,
        "label_count": len(named),
        "rows": [
            (one, [(cells.get((min(one, two), max(one, two)), 0), one == two,
                    json.dumps([one, two])) for two in shown])
            for one in shown
        ],
        "listing": listing,
    }  # fmt: skip
