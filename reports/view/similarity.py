"""Components, the groups of images that are alike, and outliers, those that are like no other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.text import count, counted, number, share, similarity
from imgvet.reports.view.histogram import Histogram, Scale, make_histogram
from imgvet.reports.view.images import Album, name_of
from imgvet.reports.view.section import Gallery, SectionView
from imgvet.sections import Section
from imgvet.similarity.outliers import ROBUST_LIMIT
from imgvet.summary import RunRecord, RunSummary


def components(
    summary: RunSummary, record: RunRecord, members: pd.DataFrame, info: pd.DataFrame, album: Album
) -> SectionView:
    """The components, from tables ``components`` and ``component_info``, largest first."""
    ordered = info.sort_values(["count", "component_id"], ascending=[False, True])
    shown = ordered.head(limits.COMPONENTS)
    chosen = members[members["component_id"].isin(shown["component_id"])].sort_values("id")
    ids = chosen.groupby("component_id")["id"].agg(list).to_dict()
    videos = _videos(chosen, album)
    entries = tuple(
        _component(row, ids.get(row["component_id"], []), album)
        | {"videos": videos.get(row["component_id"], ())}
        for row in shown.to_dict(orient="records")
    )
    return SectionView(
        Section.COMPONENTS,
        _components_summary(summary, record),
        badge=count(len(info)),
        content={
            "histogram": _sizes(info["count"]) if info["count"].nunique() > 1 else None,
            "components": Gallery(
                entries, len(info), "components, largest first", "components"
            ),
        },
    )  # fmt: skip


def _components_summary(summary: RunSummary, record: RunRecord) -> str:
    if record.parameters.get("run_cc") is False:
        return "Components were not looked for (run_cc is off)."
    counts = summary.counts
    limit = number(summary.cc_threshold)
    if not counts.components:
        return f"No two images are at least {limit} similar, so there is no component: good."
    return (
        f"{counted(counts.components, 'component')} of "
        f"{counted(counts.component_images, 'image')} in all, joined by pairs at least {limit} "
        f"similar; the largest has {count(counts.largest_component)}."
    )


def _videos(members: pd.DataFrame, album: Album) -> dict[Hashable, tuple[Any, ...]]:
    """The videos of each component and how many frames of each, most first."""
    if "video" not in members.columns or members["video"].isna().all():
        return {}
    totals = members.groupby(["component_id", "video"]).size().rename("frames").reset_index()
    totals = totals.sort_values(["component_id", "frames", "video"], ascending=[True, False, True])
    return {
        component: tuple(
            (name_of(str(video), album.root), int(frames))
            for video, frames in zip(rows["video"], rows["frames"], strict=True)
        )
        for component, rows in totals.groupby("component_id")
    }


def _component(row: Mapping[Hashable, Any], ids: list[int], album: Album) -> dict[str, Any]:
    """One component: its representative, then others in order of listing."""
    representative = int(row["representative"])
    others = [item for item in ids if item != representative]
    shown = album.images([representative, *others][: limits.COMPONENT_IMAGES])
    return {
        "id": row["component_id"],
        "size": row["count"],
        "mean": similarity(row["mean_similarity"]),
        "range": f"{similarity(row['min_similarity'])} to {similarity(row['max_similarity'])}",
        "images": shown,
        "hidden": row["count"] - len(shown),
    }


def _sizes(sizes: pd.Series) -> Histogram:
    values = sizes.to_numpy(dtype=np.float64)
    return make_histogram(
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


def outliers(summary: RunSummary, listed: pd.DataFrame, album: Album) -> SectionView:
    """The images least like their nearest neighbour, from table ``outliers``, worst first."""
    worst = listed.sort_values(["similarity", "id"]).head(limits.CARDS)
    shown = tuple(_outlier(row, album) for row in worst.to_dict(orient="records"))
    return SectionView(
        Section.OUTLIERS,
        _outliers_summary(summary),
        badge=count(len(listed)),
        content={"outliers": Gallery(shown, len(listed), "outliers, worst first", "outliers")},
    )


def _outliers_summary(summary: RunSummary) -> str:
    counts = summary.counts
    if not counts.outliers:
        return "None: good. No image is listed as an outlier."
    part = share(round(summary.outlier_percentile * 10_000), 10_000)
    text = (
        f"The {part} of images least like their nearest neighbour are listed: "
        f"{count(counts.outliers)}. Of all images, {counted(counts.robust_outliers, 'image')} "
        f"{'stands' if counts.robust_outliers == 1 else 'stand'} out by a robust score over "
        f"{ROBUST_LIMIT}."
    )
    if summary.median_similarity is None:
        return text
    usual = similarity(summary.median_similarity)
    return f"{text} Half of all images have a neighbour at least {usual} similar."


def _outlier(row: Mapping[Hashable, Any], album: Album) -> dict[str, Any]:
    """An outlier beside its nearest neighbour, if it has one."""
    score = float(row["score"])
    return {
        "image": album.image(int(row["id"])),
        "nearest": None if pd.isna(row["nearest"]) else album.image(int(row["nearest"])),
        "similarity": similarity(float(row["similarity"])),
        "score": "" if pd.isna(score) else f"{score:.1f}",
        "stands_out": score > ROBUST_LIMIT,
    }
