"""Components are grouped by video, and alike videos are told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.similarity.distances import Metric
from imgvet.similarity.videos import (
    LONG_SCENE,
    WIDESPREAD,
    frozen_stretches,
    group_by_video,
    videos_of,
)
from imgvet.tables import COMPONENT_INFO, COMPONENTS, FROZEN_STRETCHES, VIDEO_PAIRS, conform, empty

Frames = list[tuple[str, int | None]]
"""Filename and component of each item, None for an item in no component."""


def grouped(frames: Frames) -> dict[str, pd.DataFrame]:
    items = pd.DataFrame(
        {
            "id": range(len(frames)),
            "path": [name.partition("#")[0] for name, _ in frames],
            "member": None,
            "time_ms": [
                1000 * float(name.partition("#t=")[2]) if "#" in name else None
                for name, _ in frames
            ],
            "status": "ok",
        }
    )
    members = pd.DataFrame(
        {
            "id": [row for row, (_, component) in enumerate(frames) if component is not None],
            "component_id": [component for _, component in frames if component is not None],
        }
    )
    info = pd.DataFrame({"component_id": sorted(set(members["component_id"]))})
    return group_by_video(
        conform(members, COMPONENTS).to_pandas(), conform(info, COMPONENT_INFO).to_pandas(), items
    )


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


def test_a_scene_that_lasts_tells_no_offset() -> None:
    long = LONG_SCENE + 1
    frames: Frames = [(frame(f"/{name}.mp4", second), 0) for name in "ab" for second in range(long)]
    (pair,) = grouped(frames)["video_pairs"].to_dict("records")
    assert pair["share"] == 1.0
    assert pd.isna(pair["offset_ms"])
    conform(pd.DataFrame([pair]), VIDEO_PAIRS)


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
    pairs = grouped(frames).get("video_pairs", empty(VIDEO_PAIRS))
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
