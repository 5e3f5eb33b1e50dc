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
        "exact": [[0, 1]],
        "leaks": [],
        "conflicts": [[0, 1], [1, 3]],
        "all": [[0, 1], [1, 3], [0, 2], [3, 4]],
    }
