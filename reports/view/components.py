"""Connected components: groups of images that are alike."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.text import count, counted, number, similarity
from imgvet.reports.view.histogram import Histogram, Scale, bin_values
from imgvet.reports.view.images import Album, FileName, ImageView, name_of
from imgvet.reports.view.section import Chart, SectionView
from imgvet.sections import Section
from imgvet.summary import RunRecord, RunSummary


@dataclass(frozen=True)
class ComponentView:
    """One component.

    Attributes:
        id: its number; 0 is the largest.
        count: how many images.
        mean: mean similarity, in words.
        range: least and greatest similarity, in words.
        images: the representative, then others in order of listing, as many as are shown.
        hidden: how many more there are.
        videos: the videos its frames are of, and how many of them, most first; empty without.
    """

    id: int
    count: int
    mean: str
    range: str
    images: tuple[ImageView, ...]
    hidden: int
    videos: tuple[tuple[FileName, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ComponentsView(SectionView):
    """The section of components: those that are shown, how many there are, and their sizes."""

    components: tuple[ComponentView, ...]
    component_count: int
    histogram: Histogram | None

    @property
    def images(self) -> tuple[ImageView, ...]:
        """Every image shown with a picture."""
        return tuple(image for component in self.components for image in component.images)

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The sizes of components."""
        return (self.histogram,) if self.histogram else ()


def components_view(
    summary: RunSummary, record: RunRecord, members: pd.DataFrame, info: pd.DataFrame, album: Album
) -> ComponentsView:
    """The section of components, from tables ``components`` and ``component_info``."""
    ordered = info.sort_values(["count", "component_id"], ascending=[False, True])
    shown = ordered.head(limits.COMPONENTS)
    chosen = members[members["component_id"].isin(shown["component_id"])].sort_values("id")
    ids = chosen.groupby("component_id")["id"].agg(list).to_dict()
    videos = _videos(chosen, album)
    return ComponentsView(
        anchor=Section.COMPONENTS,
        summary=_summary(summary, record),
        badge=count(len(info)),
        components=tuple(
            _component(
                row,
                ids.get(row["component_id"], []),
                album,
                videos.get(int(row["component_id"]), ()),
            )
            for row in shown.to_dict(orient="records")
        ),
        component_count=len(info),
        histogram=_histogram(info["count"]) if info["count"].nunique() > 1 else None,
    )


def _summary(summary: RunSummary, record: RunRecord) -> str:
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


def _videos(members: pd.DataFrame, album: Album) -> dict[int, tuple[tuple[FileName, int], ...]]:
    """The videos of each component and how many frames of each, most first."""
    if "video" not in members.columns or members["video"].isna().all():
        return {}
    totals = members.groupby(["component_id", "video"]).size().rename("frames").reset_index()
    totals = totals.sort_values(["component_id", "frames", "video"], ascending=[True, False, True])
    return {
        int(str(component)): tuple(
            (name_of(str(video), album.root), int(frames))
            for video, frames in zip(rows["video"], rows["frames"], strict=True)
        )
        for component, rows in totals.groupby("component_id")
    }


def _component(
    row: Mapping[Hashable, Any],
    ids: list[int],
    album: Album,
    videos: tuple[tuple[FileName, int], ...],
) -> ComponentView:
    representative = int(row["representative"])
    others = [item for item in ids if item != representative]
    shown = album.images([representative, *others][: limits.COMPONENT_IMAGES])
    return ComponentView(
        id=int(row["component_id"]),
        count=int(row["count"]),
        mean=similarity(row["mean_similarity"]),
        range=f"{similarity(row['min_similarity'])} to {similarity(row['max_similarity'])}",
        images=shown,
        hidden=int(row["count"]) - len(shown),
        videos=videos,
    )


def _histogram(sizes: pd.Series) -> Histogram:
    values = sizes.to_numpy(dtype=np.float64)
    bins, log = bin_values(values, Scale(low=2.0, integer=True), None)
    return Histogram(
        figure_id="figure-component-sizes",
        title="Sizes of components",
        axis="images in the component",
        counts="components",
        bins=bins,
        log=log,
        threshold=None,
        summary=f"Half of the components have {number(float(np.median(values)))} images or fewer; "
        f"the largest has {number(float(values.max()))}.",
        reading="Good: few components, and small ones. A long tail to the right means scenes that "
        "are in the dataset many times.",
    )
