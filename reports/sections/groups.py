"""Components, the groups of images that are alike, and outliers, those that are like no other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.charts import Chart, histogram, most_frequent
from imgvet.reports.histogram import Scale
from imgvet.reports.inputs import Content, ReportInputs, gallery
from imgvet.reports.text import count, number
from imgvet.similarity.outliers import ROBUST_LIMIT


def components(run: ReportInputs) -> Content:
    """The components, from tables ``components`` and ``component_info``, largest first."""
    info, members = run.table("component_info"), run.table("components")
    ordered = info.sort_values(["count", "component_id"], ascending=[False, True])
    largest = ordered["component_id"].head(limits.COMPONENTS)
    chosen = members[members["component_id"].isin(largest)].sort_values("id")
    groups = dict(iter(chosen.groupby("component_id")))
    return {
        "badge": count(len(info)),
        "histogram": _sizes(info["count"]) if info["count"].nunique() > 1 else None,
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


def _sizes(sizes: pd.Series) -> Chart:
    values = sizes.to_numpy(dtype=np.float64)
    return histogram(
        values,
        Scale(low=2.0, integer=True),
        figure_id="figure-component-sizes",
        title="Sizes of components",
        axis="images in the component",
        counts="components",
        summary=f"Half of the components have {number(float(np.median(values)))} images or fewer; "
        f"the largest has {number(float(values.max()))}.",
        reading="Good: few components, and small ones. A long tail to the right means scenes that "
        "are in the dataset many times.",
    )


def outliers(run: ReportInputs) -> Content:
    """The images least like their nearest neighbour, from table ``outliers``, worst first."""
    worst = run.table("outliers").sort_values(["similarity", "id"])
    return {
        "badge": count(len(worst)),
        "robust_limit": ROBUST_LIMIT,
        "outliers": gallery(worst, limits.CARDS, lambda row: _outlier(run, row)),
    }


def _outlier(run: ReportInputs, row: dict[str, Any]) -> Content:
    """An outlier beside its nearest neighbour, if it has one."""
    return {
        "image": run.image(row["id"]),
        "nearest": None if pd.isna(row["nearest"]) else run.image(row["nearest"]),
        "similarity": row["similarity"],
        "score": None if pd.isna(row["score"]) else row["score"],
    }
