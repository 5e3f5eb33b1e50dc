"""Alike pairs by kind."""

from __future__ import annotations

import pandas as pd

from imgvet.search.image_table import ImageTable
from imgvet.search.pairs import KINDS, AlikePairs
from imgvet.tables import LEAKS, SIMILARITY, conform, empty, to_frame


def test_labels_that_differ_are_known_and_alike_enough_and_the_most_alike_come_first() -> None:
    images = ImageTable.of_frames(
        {
            "items": pd.DataFrame(
                {"id": range(5), "status": "ok", "digest": list("aabcd"),
                 "label": ["cat", "dog", None, "cat", "dog"]}
            )
        }
    )  # fmt: skip
    rows = [(0, 2, 0.95), (3, 4, 0.8), (0, 1, 1.0), (1, 3, 0.97)]
    pairs = to_frame(conform(pd.DataFrame(rows, columns=["from", "to", "similarity"]), SIMILARITY))
    alike = AlikePairs(pairs, empty(LEAKS), images, 0.9)
    found = {kind: alike.of(kind)[["from", "to"]].values.tolist() for kind in KINDS}
    assert found == {
        "near": [[1, 3], [0, 2], [3, 4]],
        "within": [],
        "exact": [[0, 1]],
        "leaks": [],
        "conflicts": [[0, 1], [1, 3]],
        "all": [[0, 1], [1, 3], [0, 2], [3, 4]],
    }


def test_frames_of_one_video_are_told_from_those_of_several() -> None:
    items = pd.DataFrame({"id": range(4), "status": "ok", "digest": list("abcd")})
    items = items.assign(time_ms=[0, 1, 0, None], path=["/a.mp4", "/a.mp4", "/b.mp4", "/d.jpg"])
    rows = [(0, 1, 0.95), (0, 2, 0.94), (1, 3, 0.93)]
    pairs = to_frame(conform(pd.DataFrame(rows, columns=["from", "to", "similarity"]), SIMILARITY))
    images = ImageTable.of_frames({"items": items, "similarity": pairs})
    alike = AlikePairs(pairs, empty(LEAKS), images, 0.9)
    assert alike.of("near")[["from", "to"]].to_numpy().tolist() == [[0, 2], [1, 3]]
    assert alike.of("within")[["from", "to"]].to_numpy().tolist() == [[0, 1]]
    assert images["similarity.pairs"].to_pylist() == [1, 1, 1, 1]
    assert images["similarity.highest"].to_pylist() == [0.94, 0.93, 0.94, 0.93]


def test_still_frames_are_no_copies() -> None:
    items = pd.DataFrame({"id": range(4), "status": "ok", "digest": "a", "time_ms": [0, 1, 2, 0]})
    items["path"] = ["/a.mp4"] * 3 + ["/b.mp4"]
    images = ImageTable.of_frames({"items": items})
    rows = [(0, 1, 1.0), (0, 2, 1.0), (0, 3, 1.0)]
    pairs = to_frame(conform(pd.DataFrame(rows, columns=["from", "to", "similarity"]), SIMILARITY))
    exact = AlikePairs(pairs, empty(LEAKS), images, 0.9).of("exact")
    assert exact[["from", "to"]].to_numpy().tolist() == [[0, 3]]
    assert images["copies"].to_pylist() == [2, None, None, 2]
