"""What items were cut from: videos, whose frames they are, and pictures, whose crops they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.charts import Chart, bars, histogram, most_frequent
from imgvet.reports.histogram import Scale
from imgvet.reports.inputs import Content, ReportInputs, gallery
from imgvet.reports.sections.map import evenly
from imgvet.reports.text import base, count
from imgvet.similarity.videos import frames_of


def videos(run: ReportInputs) -> Content | None:
    """The videos, from the frames (or their crops) among the items; None without any."""
    frames = frames_of(run.valid)
    if frames.empty:
        return None
    noun = "frame" if run.summary.sources is None else "crop"
    members, pairs = run.table("components"), run.table("video_pairs")
    alike = set(members["id"])
    ids_of = frames.groupby("video")["id"].agg(list)
    ordered = sorted(ids_of.items(), key=lambda video: (-len(video[1]), str(video[0])))
    totals = [(base(str(video)), len(ids)) for video, ids in ordered]
    return {
        "badge": count(len(ordered)),
        "noun": noun,
        "frames": len(frames),
        "bars": bars(totals, "figure-videos", f"{noun.title()}s of each video", "video", f"{noun}s")
        if len(totals) > 1
        else None,
        "videos": gallery(ordered, limits.VIDEOS, lambda video: _video(run, alike, *video)),
        "aligned": int(pairs["offset_ms"].notna().sum()),
        "pairs": gallery(
            pairs,
            limits.VIDEO_PAIRS,
            lambda row: {**row, "images": run.images(_frames_in_common(row, members, frames))},
        ),
        "frozen": gallery(
            run.table("frozen_stretches").sort_values(["frames", "id"], ascending=[False, True]),
            limits.CARDS,
            lambda row: {**row, "image": run.image(row["id"])},
        ),
    }


def _video(run: ReportInputs, alike: set[int], video: str, ids: list[int]) -> Content:
    return {
        "name": video,
        "frames": len(ids),
        "alike": sum(item in alike for item in ids),
        "images": run.images(ids[place] for place in evenly(len(ids), limits.VIDEO_IMAGES)),
    }


def _frames_in_common(
    pair: dict[str, Any], members: pd.DataFrame, frames: pd.DataFrame
) -> list[int]:
    """A frame of each of two videos: at the middle of what runs along, or of one component."""
    ends = [pair["video"], pair["other"]]
    if pair["offset_ms"] is None:
        first, second = (
            members[members["video"] == end].groupby("component_id")["id"].min() for end in ends
        )
        shared = first.index.intersection(second.index)
        return [first[shared.min()], second[shared.min()]] if len(shared) else []
    first, second = (frames[frames["video"] == end].sort_values("time_ms") for end in ends)
    times = second["time_ms"] - pair["offset_ms"]
    along = first[first["time_ms"].between(times.min(), times.max())]
    middle = (along if len(along) else first).iloc[len(along) // 2]
    return [middle["id"], second["id"][(times - middle["time_ms"]).abs().idxmin()]]


def crops(run: ReportInputs) -> Content | None:
    """The crops, from table ``crops``; None if whole images were analysed."""
    table = run.table("crops")
    if table.empty and run.summary.sources is None:
        return None
    by_score = bool(table["score"].notna().any())
    sides = table[["width", "height"]].astype(float).min(axis=1)
    known = table[table["crop_id"].isin(run.table("items")["id"])]
    known = known.assign(_key=known["score"].astype(float) if by_score else sides)
    ordered = known.sort_values(["_key", "crop_id"])
    cards = gallery(ordered, limits.CARDS, lambda row: {**row, "image": run.image(row["crop_id"])})
    return {
        "badge": count(len(table)),
        "sources": run.summary.sources or table["source_id"].nunique(),
        "figures": _crop_figures(table, sides),
        "order": "least sure first" if by_score else "smallest first",
        "crops": {**cards, "total": len(table)},
    }


def _crop_figures(table: pd.DataFrame, sides: pd.Series) -> list[Chart]:
    """What a crop has, and each image; what does not vary is not drawn."""
    per_image, sure = table["source_id"].value_counts(), table["score"].dropna()
    drawn = [
        (per_image, Scale(1.0, integer=True), "per-image", "Crops of an image", "crops", "images"),
        (sides.dropna(), Scale(1.0), "side", "Shorter side of crops", "pixels", "crops"),
        (sure, Scale(0.0, 1.0), "score", "How sure the detector is", "score", "crops"),
    ]
    figures = [
        histogram(values.to_numpy(np.float64), scale, f"figure-crops-{key}", *words)
        for values, scale, key, *words in drawn
        if values.nunique() > 1
    ]
    totals = most_frequent(table["label"].dropna())
    if len(totals) > 1:
        figures.append(bars(totals, "figure-crops-labels", "Crops of each class", "class", "crops"))
    return figures
