"""Group components by video: of which videos their frames are, and which videos are alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from imgvet.reasons import Reason
from imgvet.sources.listing import item_name
from imgvet.tables import COMPONENTS, VIDEO_PAIRS, empty

WIDESPREAD = 50
"""A component with frames of more videos than this, such as one of black frames, says nothing of
two of them and makes no pairs of videos."""


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
    videos = videos_of(items.set_index("id"))
    members = members.assign(video=members["id"].map(videos))
    frames = members[members["video"].notna()]
    number = frames.groupby("component_id")["video"].nunique()
    counted = info["component_id"].map(number).fillna(0).astype(np.int64)
    tables = {
        "components": members[COMPONENTS.column_names],
        "component_info": info.assign(videos=counted),
    }
    analysed = videos[(items["status"] == Reason.OK.value).to_numpy()].value_counts()
    return tables | {"video_pairs": _pairs(frames, number, analysed)} if len(analysed) else tables


def _pairs(frames: pd.DataFrame, number: pd.Series, analysed: pd.Series) -> pd.DataFrame:
    """The table video_pairs, of the frames in components.

    ``number`` counts the videos of each component, ``analysed`` the valid frames of each video.
    """
    telling = number.index[(number >= 2) & (number <= WIDESPREAD)]
    shared = frames[frames["component_id"].isin(telling)]
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
    pairs["frames"] = pairs["video"].map(analysed)
    pairs["other_frames"] = pairs["other"].map(analysed)
    share = pairs["shared_frames"] / pairs["frames"]
    other_share = pairs["other_shared_frames"] / pairs["other_frames"]
    pairs["share"] = np.maximum(share, other_share).round(6)
    order = ["share", "components", "video", "other"]
    pairs = pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    return pairs[VIDEO_PAIRS.column_names]
