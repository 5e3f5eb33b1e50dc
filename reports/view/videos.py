"""Videos: how many frames were looked at, and which videos show the same."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.text import count, counted, share
from imgvet.reports.view.chart import Bars, categories
from imgvet.reports.view.images import Album, FileName, ImageView, name_of
from imgvet.reports.view.section import Chart, SectionView
from imgvet.sections import Section
from imgvet.similarity.videos import videos_of
from imgvet.summary import RunSummary


@dataclass(frozen=True)
class VideoRow:
    """One video: its frames or their crops, how many are in components, and some of them."""

    name: FileName
    size: str
    grouped: str
    images: tuple[ImageView, ...]


@dataclass(frozen=True)
class VideoPair:
    """Two videos with frames in common: shares in words, and a frame of each that are alike."""

    first: FileName
    second: FileName
    share: str
    first_shared: str
    second_shared: str
    components: int
    images: tuple[ImageView, ...]


@dataclass(frozen=True, kw_only=True)
class VideosView(SectionView):
    """The section of videos.

    Frames stand for their crops where those were analysed; ``things`` says which.

    Attributes:
        things: frames or crops.
        videos: the videos that are listed, most frames first.
        video_count: how many there are.
        pairs: pairs that are shown, most alike first.
        pair_count: how many there are.
        pair_summary: what was found, in words.
        bars: frames of each video.
    """

    things: str
    videos: tuple[VideoRow, ...]
    video_count: int
    pairs: tuple[VideoPair, ...]
    pair_count: int
    pair_summary: str
    bars: Bars

    @property
    def images(self) -> tuple[ImageView, ...]:
        """Every image shown with a picture."""
        frames = (image for video in self.videos for image in video.images)
        return (*frames, *(image for pair in self.pairs for image in pair.images))

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Frames of each video."""
        return (self.bars,) if self.video_count > 1 else ()


_STRIP = 6
"""Frames of a video that are shown."""

_ROWS = 60
"""Videos that are shown with frames."""


def videos_view(
    summary: RunSummary,
    items: pd.DataFrame,
    members: pd.DataFrame,
    pairs: pd.DataFrame,
    album: Album,
) -> VideosView | None:
    """The section of videos, from the frames (or their crops) among the items; None without any."""
    noun = "frame" if summary.sources is None else "crop"
    valid = items[items["status"] == "ok"]
    videos = videos_of(valid)
    frames = valid.assign(video=videos)[videos.notna()]
    if frames.empty:
        return None
    grouped = set(members["id"].tolist())
    by_video = sorted(frames.groupby("video")["id"].agg(list).items(), key=_most_frames)
    totals = [(name_of(str(video), album.root).base, len(ids)) for video, ids in by_video]
    labels, values = categories(totals)
    return VideosView(
        anchor=Section.VIDEOS,
        summary=f"{counted(len(frames), noun)} of {counted(len(by_video), 'video')}.",
        badge=count(len(by_video)),
        things=f"{noun}s",
        videos=tuple(
            _video(str(video), ids, noun, grouped, album) for video, ids in by_video[:_ROWS]
        ),
        video_count=len(by_video),
        pairs=tuple(
            _pair(row, noun, members, album)
            for row in pairs.head(limits.PAGE * 2).to_dict(orient="records")
        ),
        pair_count=len(pairs),
        pair_summary=f"{counted(len(pairs), 'pair')} of videos share scenes."
        if len(pairs)
        else "None: good. No two videos share a scene.",
        bars=Bars(
            "figure-videos", f"{noun.title()}s of each video", "video", f"{noun}s", labels, values,
            f"From {counted(totals[-1][1], noun)} to {count(totals[0][1])}.",
            "Good: no video outweighs the others, unless it is meant to.",
        ),
    )  # fmt: skip


def _most_frames(entry: tuple[object, list[int]]) -> tuple[int, str]:
    return -len(entry[1]), str(entry[0])


def _video(video: str, ids: list[int], noun: str, grouped: set[int], album: Album) -> VideoRow:
    chosen = np.unique(np.linspace(0, len(ids) - 1, min(_STRIP, len(ids))).round().astype(int))
    alike = sum(item in grouped for item in ids)
    return VideoRow(
        name=name_of(video, album.root),
        size=counted(len(ids), noun),
        grouped=f"{share(alike, len(ids))} of its {noun}s are like another",
        images=album.images(ids[place] for place in chosen.tolist()),
    )


def _pair(row: Mapping[Hashable, Any], noun: str, members: pd.DataFrame, album: Album) -> VideoPair:
    first, second = str(row["video"]), str(row["other"])
    shared, frames = int(row["shared_frames"]), int(row["frames"])
    other_shared, other_frames = int(row["other_shared_frames"]), int(row["other_frames"])
    return VideoPair(
        first=name_of(first, album.root),
        second=name_of(second, album.root),
        share=share(round(float(row["share"]) * 1000), 1000),
        first_shared=f"{count(shared)} of {counted(frames, noun)}",
        second_shared=f"{count(other_shared)} of {counted(other_frames, noun)}",
        components=int(row["components"]),
        images=album.images(_frames_in_common(first, second, members)),
    )


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
