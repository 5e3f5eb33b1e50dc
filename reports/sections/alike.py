"""Images that are alike, in pairs and in groups, and outliers, those that are like no other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from imgvet.format import number
from imgvet.reports import limits
from imgvet.reports.charts import Chart, histogram, most_frequent
from imgvet.reports.histogram import Limit, Scale
from imgvet.reports.inputs import Content, Listing, ReportInputs, gallery
from imgvet.reports.pair_words import explained
from imgvet.reports.text import count, similarity
from imgvet.search.copies import CopyGroup, copy_groups
from imgvet.similarity.outliers import ROBUST_LIMIT


def duplicates(run: ReportInputs) -> Content:
    """Exact copies and near duplicates, from tables ``items`` and ``similarity``."""
    counts, near, groups = run.summary.counts, run.near_pairs, copy_groups(run.open_copies)
    found = counts.exact_duplicate_groups + counts.near_duplicate_pairs
    return {
        "badge": count(found),
        "undecided": sum(not group.decided for group in groups),
        "groups": gallery(groups, limits.CARDS, lambda group: _copies(run, group)),
        "decided": counts.exact_duplicate_groups - len(groups),
        "histogram": _similarities(run, near["similarity"]) if len(near) > 1 else None,
        "pairs": pairs_of(run, "near"),
    }


def _copies(run: ReportInputs, group: CopyGroup) -> Content:
    """A group of exact copies, and the surplus ones that are not shown, each with its name."""
    rest = group.ids[limits.COPIES :] if group.decided else ()
    return {
        **group._asdict(),
        "members": run.images(group.ids[: limits.COPIES]),
        "rest": run.image_table.values(("id", "filename"), rest),
    }


def _similarities(run: ReportInputs, similarities: pd.Series) -> Chart:
    values = np.minimum(similarities.to_numpy(dtype=np.float64), 1.0)
    least, joins = run.summary.threshold, run.summary.cc_threshold
    limit = Limit(joins, f"components from {number(joins)}")
    scale = Scale(min(least, values.min()), 1.0, limit=limit if least < joins < 1.0 else None)
    title = "Similarity of near pairs"
    return histogram(values, scale, "figure-similarity", title, "similarity", "pairs")


def pairs_of(run: ReportInputs, kind: str) -> Content:
    """The pairs of a kind, and on how many more a person has decided."""
    found = run.open_pairs(kind)
    pairs = gallery(found, limits.CARDS, lambda row: _pair(run, row))
    return {**pairs, "decided": len(run.pairs.of(kind)) - len(found)}


def _pair(run: ReportInputs, row: dict[str, Any]) -> Content:
    """Two images, and what they have to do with each other."""
    first, second = run.images([row["from"], row["to"]])
    return {
        "first": first,
        "second": second,
        "similarity": similarity(row["similarity"]),
        "relation": row["relation"],
        "explained": explained(row, first, second),
    }


def leaks(run: ReportInputs) -> Content | None:
    """Pairs across splits, from table ``leaks``; None without splits."""
    leaking = run.summary.leaks_by_split
    if leaking is None:
        return None
    across = run.table("leaks")
    sizes = run.valid["split"].value_counts().sort_index().rename_axis("split").rename("images")
    known = sizes.reset_index().assign(leaking=[leaking.get(str(name), 0) for name in sizes.index])
    return {
        "badge": count(len(across)),
        "sizes": Listing("splits", known),
        "crossings": crossings("split_pairs", across[["split", "other_split"]]),
        "pairs": pairs_of(run, "leaks"),
    }


def crossings(name: str, ends: pd.DataFrame) -> Listing:
    """How many pairs, by what both ends have, each two have; those with most of them first."""
    columns = list(ends.columns)
    sides = pd.DataFrame(np.sort(ends.to_numpy(str), axis=1), columns=columns)
    totals = sides.value_counts().rename("pairs").reset_index()
    return Listing(name, totals.sort_values(["pairs", *columns], ascending=[False, True, True]))


def beside_nearest(run: ReportInputs, row: dict[str, Any]) -> Content:
    """A row about an image and its nearest one, if it has one, with both of them."""
    nearest = None if row["nearest"] is None else run.image(row["nearest"])
    return {**row, "image": run.image(row["id"]), "nearest": nearest}


def components(run: ReportInputs) -> Content:
    """The components, from tables ``components`` and ``component_info``, largest first."""
    info, members = run.table("component_info"), run.table("components")
    ordered = info.sort_values(["count", "component_id"], ascending=[False, True])
    largest = ordered["component_id"].head(limits.COMPONENTS)
    chosen = members[members["component_id"].isin(largest)].sort_values("id")
    groups = dict(iter(chosen.groupby("component_id")))
    return {
        "badge": count(len(info)),
        "histogram": _component_sizes(info["count"]) if info["count"].nunique() > 1 else None,
        "components": gallery(
            ordered,
            limits.COMPONENTS,
            lambda row: _component(run, row, groups.get(row["component_id"], members.head(0))),
        ),
    }


def _component(run: ReportInputs, row: dict[str, Any], members: pd.DataFrame) -> Content:
    """One component: its representative, then others in order of listing, and its videos."""
    others = members["id"][members["id"] != row["representative"]]
    return {
        **row,
        "images": run.images([row["representative"], *others][: limits.COMPONENT_IMAGES]),
        "videos": most_frequent(members["video"].dropna()),
    }


def _component_sizes(sizes: pd.Series) -> Chart:
    scale, words = Scale(low=2.0, integer=True), ("images in the component", "components")
    values = sizes.to_numpy(dtype=np.float64)
    return histogram(values, scale, "figure-component-sizes", "Sizes of components", *words)


def outliers(run: ReportInputs) -> Content:
    """Images like no other, by share or by score, from table ``outliers``, worst first."""
    worst = run.table("outliers").sort_values(["similarity", "id"])
    return {
        "badge": count(len(worst)),
        "robust_limit": ROBUST_LIMIT,
        "outliers": gallery(worst, limits.CARDS, lambda row: beside_nearest(run, row)),
    }
