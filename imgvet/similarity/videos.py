"""Components by video: which videos are alike, how far they are shifted, and what stands still."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from imgvet.reasons import Reason
from imgvet.similarity.distances import Metric, Vectors, space_of
from imgvet.sources.listing import item_name
from imgvet.tables import COMPONENTS, FROZEN_STRETCHES, VIDEO_PAIRS, empty

WIDESPREAD = 50
"""A component with frames of more videos than this, such as one of black frames, says nothing of
two of them and makes no pairs of videos."""

LONG_SCENE = 50
"""A scene of more frames than this in one video does not tell how far it is shifted."""

FROZEN, FROZEN_FRAMES = 0.999, 3
"""Frames in a row at least so similar, and at least so many, are a stretch that stands still."""


def videos_of(items: pd.DataFrame) -> pd.Series:
    """The video that each item is a frame of, or a crop of one; missing if it is of none."""
    frames = items.loc[items["time_ms"].notna(), ["path", "member"]]
    names = [
        item_name(path, None if pd.isna(member) else member)
        for path, member in frames.itertuples(index=False)
    ]
    return pd.Series(names, frames.index, dtype="str").reindex(items.index)


def group_by_video(
    members: pd.DataFrame, info: pd.DataFrame, items: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The tables components and component_info with their columns of videos.

    With them comes video_pairs, the videos that share components, if a valid item is a frame.
    """
    known = items.set_index("id")
    videos = videos_of(known)
    members = members.assign(video=members["id"].map(videos))
    frames = members[members["video"].notna()]
    number = frames.groupby("component_id")["video"].nunique()
    counted = info["component_id"].map(number).fillna(0).astype(np.int64)
    tables = {
        "components": members[COMPONENTS.column_names],
        "component_info": info.assign(videos=counted),
    }
    valid = known[(known["status"] == Reason.OK.value) & videos.notna()]
    if valid.empty:
        return tables
    telling = number.index[(number >= 2) & (number <= WIDESPREAD)]
    shared = frames[frames["component_id"].isin(telling)]
    shared = shared.assign(time_ms=shared["id"].map(known["time_ms"]).astype(np.float64))
    return tables | {"video_pairs": _pairs(shared, valid["time_ms"].groupby(videos))}


def _pairs(shared: pd.DataFrame, times: Any) -> pd.DataFrame:
    """The table video_pairs, of frames in components that tell videos apart.

    ``times`` are the times of the valid frames, grouped by video.
    """
    if shared.empty:
        return empty(VIDEO_PAIRS)
    counts = shared.groupby(["component_id", "video"]).size().rename("shared").reset_index()
    joined = counts.merge(counts, on="component_id", suffixes=("", "_other"))
    joined = joined[joined["video"] < joined["video_other"]]
    pairs = joined.groupby(["video", "video_other"], as_index=False).agg(
        components=("shared", "size"),
        shared_frames=("shared", "sum"),
        other_shared_frames=("shared_other", "sum"),
    )
    pairs = pairs.rename(columns={"video_other": "other"})
    pairs["frames"] = pairs["video"].map(times.size())
    pairs["other_frames"] = pairs["other"].map(times.size())
    share = pairs["shared_frames"] / pairs["frames"]
    other_share = pairs["other_shared_frames"] / pairs["other_frames"]
    pairs["share"] = np.maximum(share, other_share).round(6)
    pairs = pairs.merge(_offsets(shared, times), on=["video", "other"], how="left")
    overlap = pairs["aligned_frames"] / pairs[["frames", "other_frames"]].min(axis=1)
    pairs["overlap"] = overlap.clip(upper=1.0).round(6)
    order = ["share", "components", "video", "other"]
    pairs = pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    return pairs[VIDEO_PAIRS.column_names]


def _offsets(shared: pd.DataFrame, times: Any) -> pd.DataFrame:
    """How far each two videos are shifted: the difference in time that most like frames have."""
    size = shared.groupby(["component_id", "video"])["id"].transform("size")
    moving = shared.loc[size <= LONG_SCENE, ["component_id", "video", "id", "time_ms"]]
    met = moving.merge(moving, on="component_id", suffixes=("", "_other"))
    met = met[met["video"] < met["video_other"]]
    met = met.assign(shift=met["time_ms_other"] - met["time_ms"])
    interval = times.agg(lambda video: video.sort_values().diff().median()).fillna(0)
    found = []
    for (video, other), frames in met.groupby(["video", "video_other"]):
        width = float(max(interval[video], interval[other]))
        found.append((video, other, *_densest(frames.sort_values("shift"), width)))
    return pd.DataFrame(found, columns=["video", "other", "offset_ms", "aligned_frames"])


def _densest(frames: pd.DataFrame, width: float) -> tuple[int, int]:
    """The median shift in the window of this width with most frames, and how many these are.

    A frame that meets several others counts once, so the lesser number of both videos counts.
    """
    shifts = frames["shift"].to_numpy()
    ends = np.searchsorted(shifts, shifts + width, "right")
    start = int(np.argmax(ends - np.arange(len(shifts))))
    window = frames.iloc[start : ends[start]]
    return round(float(window["shift"].median())), min(
        window["id"].nunique(), window["id_other"].nunique()
    )


def frozen_stretches(items: pd.DataFrame, vectors: Vectors, metric: Metric) -> pd.DataFrame:
    """The table frozen_stretches: frames in a row that show the same, black ones among them.

    Each frame is at least :data:`FROZEN` similar to the one before it. Embeddings, float32
    (n, width), are in order of the items' ``embedding_row``.
    """
    videos = videos_of(items)
    frames = items.assign(video=videos)[videos.notna() & items["embedding_row"].notna()]
    if frames.empty:
        return empty(FROZEN_STRETCHES)
    frames = frames.sort_values(["video", "time_ms", "id"])
    rows = frames["embedding_row"].to_numpy(np.int64)
    space = space_of(vectors, metric.distance)
    before = np.where(frames["video"] == frames["video"].shift(), np.roll(rows, 1), -1)
    alike = metric.similarity(space.distances(rows, before[:, None]))[:, 0] >= FROZEN
    found = frames.groupby(np.cumsum(~alike)).agg(
        video=("video", "first"), id=("id", "first"), start_ms=("time_ms", "min"),
        end_ms=("time_ms", "max"), frames=("id", "size"),
    )  # fmt: skip
    return found.loc[found["frames"] >= FROZEN_FRAMES, FROZEN_STRETCHES.column_names]
