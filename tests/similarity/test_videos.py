"""Components are grouped by video, and alike videos are told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.similarity.distances import Metric
from imgvet.similarity.videos import (
    WIDESPREAD,
    frozen_stretches,
    group_by_video,
    has_frames,
    video_pairs,
    videos_of,
)
from imgvet.tables import (
    COMPONENT_INFO,
    COMPONENTS,
    FROZEN_STRETCHES,
    SIMILARITY,
    VIDEO_PAIRS,
    conform,
)

Frames = list[tuple[str, int | None]]
"""Filename and component of each item, None for an item in no component."""


def grouped(
    frames: Frames, vectors: np.ndarray | None = None, proven: list[tuple[int, int]] | None = None
) -> dict[str, pd.DataFrame]:
    """Without vectors, frames of one component look the same, and others like nothing."""
    items = pd.DataFrame(
        {
            "id": range(len(frames)),
            "path": [name.partition("#")[0] for name, _ in frames],
            "member": None,
            "time_ms": [
                1000 * float(name.partition("#t=")[2]) if "#" in name else None
                for name, _ in frames
            ],
            "embedding_row": range(len(frames)),
        }
    )
    if vectors is None:
        seen = [99 - row if part is None else part for row, (_, part) in enumerate(frames)]
        vectors = np.eye(100, dtype=np.float32)[seen]
    alike = pd.DataFrame(proven or [], columns=["from", "to"]).assign(verified=1.0)
    alike = conform(alike, SIMILARITY).to_pandas()
    members = pd.DataFrame(
        {
            "id": [row for row, (_, component) in enumerate(frames) if component is not None],
            "component_id": [component for _, component in frames if component is not None],
        }
    )
    members = conform(members, COMPONENTS).to_pandas()
    info = pd.DataFrame({"component_id": sorted(set(members["component_id"]))})
    found = group_by_video(members, conform(info, COMPONENT_INFO).to_pandas(), items)
    assert has_frames(items) == any("#" in name for name, _ in frames)
    return found | {"video_pairs": video_pairs(members, alike, items, vectors, Metric())}


def frame(video: str, second: int) -> str:
    return f"{video}#t={second}.0"


def test_the_video_of_an_item() -> None:
    items = pd.DataFrame(
        {
            "path": ["/a/b.mp4", "s3://b/c.tar", "/a/b.jpg", "/a/b.mp4#t=1.0"],
            "member": [None, "d/e.mov", None, None],
            "time_ms": [1000, 12033, None, None],
        },
        index=[5, 6, 7, 8],
    )
    found = videos_of(items)
    assert found.dropna().to_dict() == {5: "/a/b.mp4", 6: "s3://b/c.tar!d/e.mov"}
    assert found.index.equals(items.index)


def test_a_copied_video_shares_all_its_frames() -> None:
    frames: Frames = [(frame(video, second), second) for video in "ab" for second in range(3)]
    frames = [(f"/v/{name[0]}.mp4{name[1:]}", component) for name, component in frames]
    found = grouped(frames)
    assert found["component_info"]["videos"].tolist() == [2, 2, 2]
    assert set(found["components"]["video"]) == {"/v/a.mp4", "/v/b.mp4"}
    assert found["video_pairs"].to_dict("records") == [
        {
            "video": "/v/a.mp4", "other": "/v/b.mp4", "components": 3, "frames": 3,
            "shared_frames": 3, "other_frames": 3, "other_shared_frames": 3, "share": 1.0,
            "offset_ms": 0, "aligned_frames": 3, "overlap": 1.0,
        }
    ]  # fmt: skip


def test_a_clip_cut_out_of_a_film_is_wholly_shared() -> None:
    film: Frames = [
        (frame("/film.mp4", second), second if second < 2 else None) for second in range(9)
    ]
    clip: Frames = [(frame("/clip.mp4", second), second) for second in range(2)]
    (pair,) = grouped([*film, *clip])["video_pairs"].to_dict("records")
    assert (pair["video"], pair["frames"], pair["shared_frames"]) == ("/clip.mp4", 2, 2)
    assert (pair["other"], pair["other_frames"], pair["other_shared_frames"]) == ("/film.mp4", 9, 2)
    assert pair["share"] == 1.0


def test_a_trimmed_video_tells_by_how_much_and_what_is_left() -> None:
    film: Frames = [(frame("/film.mp4", second), second) for second in range(20)]
    clip: Frames = [(frame("/trimmed.mp4", second), second + 7) for second in range(8)]
    clip.append((frame("/trimmed.mp4", 8), 2))  # a scene that is repeated elsewhere
    (pair,) = grouped([*film, *clip])["video_pairs"].to_dict("records")
    assert (pair["video"], pair["other"]) == ("/film.mp4", "/trimmed.mp4")
    assert pair["offset_ms"] == -7000
    assert pair["aligned_frames"] == 8
    assert pair["overlap"] == pytest.approx(8 / 9, abs=1e-6)


def test_frames_between_those_of_the_other_are_aligned_too() -> None:
    film: Frames = [(frame("/film.mp4", second), second) for second in range(12)]
    other: Frames = [(f"/other.mp4#t={0.4 + half / 2}", 3 + half // 2) for half in range(12)]
    (pair,) = grouped([*film, *other])["video_pairs"].to_dict("records")
    assert -3000 <= pair["offset_ms"] <= -2000
    assert (pair["aligned_frames"], pair["overlap"]) == (6, 0.5)


@pytest.mark.parametrize("length", [6, 30])
def test_clips_of_a_fixed_camera_are_not_aligned_but_a_copy_is(length: int) -> None:
    random = np.random.default_rng(3)
    clips = 1 + random.normal(size=(2, length, 32)) / 10
    copy = clips[0] + random.normal(size=clips[0].shape) / 50
    vectors = np.concatenate([*clips, copy]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    frames: Frames = [
        (frame(f"/{name}.mp4", second), 0) for name in "abc" for second in range(length)
    ]
    pairs = grouped(frames, vectors)["video_pairs"]
    assert pairs["share"].tolist() == [1.0] * 3
    told = pairs[["video", "other", "offset_ms"]].astype(object).to_numpy().tolist()
    assert told[0] == ["/a.mp4", "/c.mp4", 0], "what runs along comes first"
    assert pairs["offset_ms"].isna().tolist() == [False, True, True]
    conform(pairs, VIDEO_PAIRS)


def test_proven_frames_in_no_component_lead_to_the_others_that_meet() -> None:
    """A border leaves frames 0.8 similar: less like their original than like the frames beside."""
    scenes = np.eye(20, dtype=np.float32)
    bordered = 0.8 * scenes + 0.6 * np.eye(20, dtype=np.float32)[19]
    vectors = np.concatenate([scenes[:8], bordered[2:8]])
    film: Frames = [(frame("/film.mp4", second), None) for second in range(8)]
    copy: Frames = [(frame("/bordered.mp4", second), None) for second in range(6)]
    (pair,) = grouped([*film, *copy], vectors, [(3, 9)])["video_pairs"].to_dict("records")
    assert (pair["components"], pair["shared_frames"], pair["other_shared_frames"]) == (1, 1, 1)
    assert (pair["video"], pair["offset_ms"], pair["overlap"]) == ("/bordered.mp4", 2000, 1.0)


def test_stretches_that_stand_still_are_found() -> None:
    moving = np.eye(8, dtype=np.float32)
    still = {"a": [0, 1, 1, 1, 2, 3, 3], "b": [3, 3, 3, 3]}
    rows = [(f"/{name}.mp4", second, row) for name, seen in still.items()
            for second, row in enumerate(seen)]  # fmt: skip
    items = pd.DataFrame(rows, columns=["path", "time_ms", "embedding_row"])
    items["time_ms"] *= 500
    items = items.assign(id=items.index + 10, member=None)
    photo = {"path": "/p.jpg", "time_ms": None, "embedding_row": 3, "id": 99, "member": None}
    items = pd.concat([items, pd.DataFrame([photo])], ignore_index=True)
    found = frozen_stretches(items.sample(frac=1, random_state=0), moving, Metric())
    assert list(found.itertuples(index=False, name=None)) == [
        ("/a.mp4", 11, 500, 1500, 3), ("/b.mp4", 17, 0, 1500, 4),
    ]  # fmt: skip
    nothing = frozen_stretches(items.iloc[-1:], moving, Metric())
    assert nothing.empty
    assert nothing.columns.tolist() == FROZEN_STRETCHES.column_names


def test_frames_of_one_video_alike_make_no_pair_and_photos_have_no_video() -> None:
    found = grouped(
        [(frame("/a.mp4", 0), 0), (frame("/a.mp4", 1), 0), ("/1.jpg", 1), ("/2.jpg", 1)]
    )
    assert found["component_info"]["videos"].tolist() == [1, 0]
    assert found["components"]["video"].isna().tolist() == [False, False, True, True]
    assert found["video_pairs"].columns.tolist() == VIDEO_PAIRS.column_names
    assert found["video_pairs"].empty


def test_what_nearly_all_videos_have_tells_nothing() -> None:
    black: Frames = [(frame(f"/{number:03}.mp4", 0), 0) for number in range(WIDESPREAD + 1)]
    assert grouped(black)["video_pairs"].empty
    assert len(grouped(black[:3])["video_pairs"]) == 3


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([None, 0, 1, 2])), max_size=30))
def test_pairs_are_what_counting_by_hand_gives(drawn: list[tuple[str, int | None]]) -> None:
    frames: Frames = [(frame(f"/{name}.mp4", row), part) for row, (name, part) in enumerate(drawn)]
    pairs = grouped(frames)["video_pairs"]
    components = {
        name: {part for other, part in drawn if other == name} - {None} for name in "abcd"
    }
    for video, other in [(a, b) for a in "abcd" for b in "abcd" if a < b]:
        common = components[video] & components[other]
        row = pairs[(pairs["video"] == f"/{video}.mp4") & (pairs["other"] == f"/{other}.mp4")]
        assert len(row) == bool(common)
        if common:
            assert row["components"].item() == len(common)
            assert row["shared_frames"].item() == sum(
                name == video and part in common for name, part in drawn
            )
