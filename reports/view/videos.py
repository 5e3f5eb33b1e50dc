"""Videos: how many frames were looked at, and which videos show the same."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from imgvet.reasons import Reason
from imgvet.reports import limits
from imgvet.reports.text import count, counted, share
from imgvet.reports.view.chart import Bars, make_bars
from imgvet.reports.view.images import Album, name_of
from imgvet.reports.view.section import Gallery, SectionView
from imgvet.sections import Section
from imgvet.similarity.videos import videos_of
from imgvet.summary import RunSummary

_STRIP = 6
"""Frames of a video that are shown."""

_ROWS = 60
"""Videos that are shown with frames."""


def videos(
    summary: RunSummary,
    items: pd.DataFrame,
    members: pd.DataFrame,
    pairs: pd.DataFrame,
    album: Album,
) -> SectionView | None:
    """The videos, from the frames (or their crops) among the items; None without any."""
    noun = "frame" if summary.sources is None else "crop"
    valid = items[items["status"] == Reason.OK.value]
    frames = valid.assign(video=videos_of(valid)).dropna(subset="video")
    if frames.empty:
        return None
    ids_of: dict[str, list[int]] = {}
    for item, video in zip(frames["id"].tolist(), frames["video"], strict=True):
        ids_of.setdefault(video, []).append(item)
    ordered = sorted(ids_of, key=lambda video: (-len(ids_of[video]), video))
    alike = set(members["id"].tolist())
    shown = tuple(_video(video, ids_of[video], noun, alike, album) for video in ordered[:_ROWS])
    rows = pairs.head(limits.PAGE * 2).to_dict(orient="records")
    shown_pairs = tuple(_pair(row, noun, members, album) for row in rows)
    totals = [(name_of(video, album.root).base, len(ids_of[video])) for video in ordered]
    return SectionView(
        Section.VIDEOS,
        f"{counted(len(frames), noun)} of {counted(len(ordered), 'video')}.",
        badge=count(len(ordered)),
        content={
            "bars": _bars(totals, noun) if len(totals) > 1 else None,
            "videos": Gallery(shown, len(ordered), f"videos, most {noun}s first", "items"),
            "pair_summary": f"{counted(len(pairs), 'pair')} of videos share scenes."
            if len(pairs)
            else "None: good. No two videos share a scene.",
            "pairs": Gallery(shown_pairs, len(pairs), "pairs, most alike first", "video_pairs"),
        },
    )


def _bars(totals: list[tuple[str, int]], noun: str) -> Bars:
    return make_bars(
        totals,
        figure_id="figure-videos",
        title=f"{noun.title()}s of each video",
        axis="video",
        counts=f"{noun}s",
        summary=f"From {counted(totals[-1][1], noun)} to {count(totals[0][1])}.",
        reading="Good: no video outweighs the others, unless it is meant to.",
    )


def _video(video: str, ids: list[int], noun: str, alike: set[int], album: Album) -> dict[str, Any]:
    """A video: how many of its frames are like another, and some of them."""
    chosen = np.unique(np.linspace(0, len(ids) - 1, min(_STRIP, len(ids))).round().astype(int))
    grouped = sum(item in alike for item in ids)
    return {
        "name": name_of(video, album.root),
        "size": counted(len(ids), noun),
        "grouped": f"{share(grouped, len(ids))} of its {noun}s are like another",
        "images": album.images(ids[place] for place in chosen.tolist()),
    }


def _pair(
    row: Mapping[Hashable, Any], noun: str, members: pd.DataFrame, album: Album
) -> dict[str, Any]:
    """Two videos with frames in common, and a frame of each that are alike."""
    first, second = row["video"], row["other"]
    return {
        "first": name_of(first, album.root),
        "second": name_of(second, album.root),
        "share": share(round(row["share"] * 1000), 1000),
        "first_shared": f"{count(row['shared_frames'])} of {counted(row['frames'], noun)}",
        "second_shared": f"{count(row['other_shared_frames'])} of "
        f"{counted(row['other_frames'], noun)}",
        "components": row["components"],
        "images": album.images(_frames_in_common(first, second, members)),
    }


def _frames_in_common(first: str, second: str, members: pd.DataFrame) -> list[int]:
    """A frame of each of two videos that lie in the same component."""
    if "video" not in members.columns:
        return []
    one, other = (members[members["video"] == video] for video in (first, second))
    shared = sorted(set(one["component_id"]) & set(other["component_id"]))
    if not shared:
        return []
    ends = (part.loc[part["component_id"] == shared[0], "id"].min() for part in (one, other))
    return [int(item) for item in ends]
