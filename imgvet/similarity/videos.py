"""Components by video: which videos are alike, how far they are shifted, and what stands still."""

from __future__ import annotations

import numpy as np
import pandas as pd

from imgvet.similarity.distances import Metric, Rows, Space, Vectors, blocks, space_of
from imgvet.sources.listing import item_name
from imgvet.tables import COMPONENTS, FROZEN_STRETCHES, VIDEO_PAIRS, empty

WIDESPREAD = 50
"""A component with frames of more videos than this, such as one of black frames, says nothing of
two of them and makes no pairs of videos."""

ALIKE = 0.75
"""Frames less similar than this do not meet, unless they are in one component."""

TIE, MOST_TIES = 0.0001, 50
"""A frame meets all that are hardly less similar to it than the most similar one, or none of them
if they are more: it stands still for long."""

BEYOND_CHANCE, LEAST_ALIGNED, CERTAIN = 4, 0.25, 0.75
"""Two videos are aligned if so many times as many of their frames meet at one offset as by chance,
and at least this share of those that meet; this greater share is enough. Clips of one fixed camera
meet at any offset."""

_BLOCK_PAIRS = 1 << 22

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


def frames_of(items: pd.DataFrame) -> pd.DataFrame:
    """The items that are frames of videos, or crops of some, with the column ``video``."""
    videos = videos_of(items).dropna()
    return items.loc[videos.index].assign(video=videos)


def still_frames(valid: pd.DataFrame) -> pd.Series:
    """Which valid items have the bytes of an earlier frame of their video, which stands still.

    They are no copies that somebody made.
    """
    still = frames_of(valid).duplicated(["video", "digest"])
    return still.reindex(valid.index, fill_value=False)


def alike_as(pairs: pd.DataFrame, items: pd.DataFrame) -> pd.Series:
    """How each pair of the table similarity is alike: exact, near or within (one video).

    ``items`` are known by id. Frames beside each other are alike in any film, so those of one video
    are no near duplicates. The bytes of exact ones are the same.
    """
    digest, video = items["digest"], videos_of(items)
    exact, within = (pairs["from"].map(of) == pairs["to"].map(of) for of in (digest, video))
    return pd.Series("near", pairs.index).mask(within, "within").mask(exact, "exact")


def open_pairs(similarity: pd.DataFrame, items: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The pairs of the table similarity that are alike so, but those decided to be no duplicates.

    ``kind`` and ``items`` are as in :func:`alike_as`.
    """
    decided = similarity["decided"].fillna(value=False).astype(bool)
    return similarity[(alike_as(similarity, items) == kind) & ~decided]


def group_by_video(
    members: pd.DataFrame, info: pd.DataFrame, items: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The tables components and component_info with their columns of videos."""
    members = members.assign(video=members["id"].map(videos_of(items.set_index("id"))))
    counted = info["component_id"].map(members.groupby("component_id")["video"].nunique())
    return {
        "components": members[COMPONENTS.column_names],
        "component_info": info.assign(videos=counted.fillna(0).astype(np.int64)),
    }


def has_frames(items: pd.DataFrame) -> bool:
    """Whether a valid item is a frame of a video."""
    return bool((items["embedding_row"].notna() & items["time_ms"].notna()).any())


def video_pairs(
    members: pd.DataFrame,
    alike: pd.DataFrame,
    items: pd.DataFrame,
    vectors: Vectors,
    metric: Metric,
) -> pd.DataFrame:
    """The table video_pairs, of videos that share components, or frames that are proven alike.

    ``members`` is the table components, ``alike`` the table similarity. Embeddings, float32
    (n, width), are in order of the items' ``embedding_row``.
    """
    frames = frames_of(items).dropna(subset="embedding_row")
    frames = frames.set_index("id")[["video", "time_ms", "embedding_row"]]
    frames["scene"] = members.set_index("id")["component_id"].astype(np.float64)
    frames = frames.sort_values("time_ms")
    pairs = _shared(_scenes(frames, alike))
    if pairs.empty:
        return empty(VIDEO_PAIRS)
    count = frames["video"].value_counts()
    pairs["frames"], pairs["other_frames"] = pairs["video"].map(count), pairs["other"].map(count)
    share = pairs["shared_frames"] / pairs["frames"]
    other_share = pairs["other_shared_frames"] / pairs["other_frames"]
    pairs["share"] = np.maximum(share, other_share).round(6)
    space, of_video = space_of(vectors, metric), dict(iter(frames.groupby("video")))
    ends = zip(pairs["video"].map(of_video), pairs["other"].map(of_video), strict=True)
    found = [_alignment(one, other, space) for one, other in ends]
    pairs[["offset_ms", "aligned_frames"]] = pd.DataFrame(found, pairs.index).to_numpy()
    pairs["overlap"] = pairs["aligned_frames"] / pairs[["frames", "other_frames"]].min(axis=1)
    pairs["overlap"] = pairs["overlap"].round(6)
    order = ["overlap", "share", "components", "video", "other"]
    pairs = pairs.sort_values(order, ascending=[False] * 3 + [True] * 2, ignore_index=True)
    return pairs[VIDEO_PAIRS.column_names]


def _scenes(frames: pd.DataFrame, alike: pd.DataFrame) -> pd.DataFrame:
    """What tells videos apart: the ids of frames in one ``scene``, with their videos.

    It is a component, or a proven pair that is in none.
    """
    number = frames.groupby("scene")["video"].transform("nunique")
    joined = frames.loc[(number >= 2) & (number <= WIDESPREAD), ["scene", "video"]].reset_index()
    known = alike[["from", "to"]].isin(frames.index).all(axis=1) & (alike["verified"] > 0)
    proven = alike.loc[known, ["from", "to"]]
    scene = frames["scene"].reindex(proven.to_numpy().ravel()).to_numpy().reshape(-1, 2)
    proven = proven[scene[:, 0] != scene[:, 1]].assign(scene=lambda rows: -1 - np.arange(len(rows)))
    more = proven.melt("scene", value_name="id")[["id", "scene"]]
    return pd.concat([joined, more.assign(video=more["id"].map(frames["video"]))])


def _shared(scenes: pd.DataFrame) -> pd.DataFrame:
    """The pairs of videos in one scene, and how many scenes and frames of each that are."""
    met = scenes.drop_duplicates(["scene", "video"])[["scene", "video"]]
    met = met.merge(met, on="scene", suffixes=("", "_other"))
    met = met[met["video"] < met["video_other"]].rename(columns={"video_other": "other"})
    ends = ["video", "other"]
    pairs = met.groupby(ends, as_index=False).agg(components=("scene", "size"))
    for end, column in zip(ends, ("shared_frames", "other_shared_frames"), strict=True):
        of_end = scenes.rename(columns={"video": end})
        shared = met.merge(of_end, on=["scene", end]).groupby(ends)["id"].nunique()
        pairs = pairs.merge(shared.rename(column).reset_index(), on=ends)
    return pairs


def _alignment(one: pd.DataFrame, other: pd.DataFrame, space: Space) -> tuple[float, float]:
    """How much later the other video shows the same, in ms, and how many frames tell so; or NaN."""
    if len(one) > len(other):
        offset_ms, aligned = _alignment(other, one, space)
        return -offset_ms, aligned
    times, others = one["time_ms"].to_numpy(np.float64), other["time_ms"].to_numpy(np.float64)
    frames, met = _meeting(one, other, space).T
    shifts = others[met] - times[frames]
    order = np.argsort(shifts, kind="stable")
    shifts, frames, met = shifts[order], frames[order], met[order]
    interval = max(np.median(np.diff(seen)) if len(seen) > 1 else 0.0 for seen in (times, others))
    ends = np.searchsorted(shifts, shifts + interval, "right")
    start = int(np.argmax(ends - np.arange(len(ends)))) if len(ends) else 0
    window = slice(start, ends[start] if len(ends) else 0)
    aligned = min(len(np.unique(places[window])) for places in (frames, met))
    by_chance = 2 * len(frames) / len(other)  # A window has room for two offsets of whole frames.
    count = len(np.unique(frames))
    needed = max(BEYOND_CHANCE * by_chance, LEAST_ALIGNED * count)
    if len(frames) < 3 * count:  # Most meet but one or two, so that a few frames can tell, too.
        needed = min(needed, CERTAIN * count)
    if not aligned or aligned < needed:
        return np.nan, np.nan
    return round(float(np.median(shifts[window]))), aligned


def _meeting(one: pd.DataFrame, other: pd.DataFrame, space: Space) -> Rows:
    """The places, (n, 2), of frames and of those in the other video that are most like each.

    Those of its own component, which may be turned, come before others.
    """
    rows, others = (side["embedding_row"].to_numpy(np.int64) for side in (one, other))
    scenes, found = one["scene"].to_numpy(), []
    for part in blocks(len(rows), _BLOCK_PAIRS, len(others)):
        alike = space.alike(rows[part], others)
        alike += scenes[part, None] == other["scene"].to_numpy()
        best = alike >= np.maximum(alike.max(axis=1, keepdims=True) - TIE, ALIKE)
        best[best.sum(axis=1) > MOST_TIES] = False
        found.append(np.argwhere(best) + np.array([part.start, 0]))
    return np.concatenate(found)


def frozen_stretches(items: pd.DataFrame, vectors: Vectors, metric: Metric) -> pd.DataFrame:
    """The table frozen_stretches: frames in a row that show the same, black ones among them.

    Each frame is at least :data:`FROZEN` similar to the one before it. Embeddings, float32
    (n, width), are in order of the items' ``embedding_row``.
    """
    frames = frames_of(items).dropna(subset="embedding_row")
    if frames.empty:
        return empty(FROZEN_STRETCHES)
    frames = frames.sort_values(["video", "time_ms", "id"])
    rows = frames["embedding_row"].to_numpy(np.int64)
    space = space_of(vectors, metric)
    before = np.where(frames["video"] == frames["video"].shift(), np.roll(rows, 1), -1)
    alike = space.similarities(rows, before[:, None])[:, 0] >= FROZEN
    found = frames.groupby(np.cumsum(~alike)).agg(
        video=("video", "first"), id=("id", "first"), start_ms=("time_ms", "min"),
        end_ms=("time_ms", "max"), frames=("id", "size"),
    )  # fmt: skip
    return found.loc[found["frames"] >= FROZEN_FRAMES, FROZEN_STRETCHES.column_names]
