"""Pairs in words."""

from __future__ import annotations

import numpy as np
import pytest

from imgvet.reports.inputs import Image
from imgvet.reports.pair_words import explained

LARGE = Image(0, "a", None, 100_000, 1000, 800, format="JPEG")
SMALL = Image(1, "b", None, 20_000, 500, 400, format="JPEG")
POOR = LARGE._replace(file_bytes=20_000)
PNG = SMALL._replace(format="PNG")


def pair(
    relation: str = "resized",
    shown: tuple[float, float] = (1.0, 1.0),
    scale: float = 1.0,
    way: tuple[float, float, float, float] = (1, 0, 0, 1),
) -> dict[str, object]:
    a, b, d, e = np.array(way) * scale
    return {
        "relation": relation, "from_shown": shown[0], "to_shown": shown[1],
        "transform": [a, b, 0.0, d, e, 0.0],
    }  # fmt: skip


CROP = pair("cropped", (0.48, 1.0), 0.5)
TURNED = {"mirrored": (-1, 0, 0, 1), "turned right by 90\u00b0": (0, -1, 1, 0),
          "turned left by 5\u00b0": (0.9962, 0.0872, -0.0872, 0.9962),
          "turned by 180\u00b0": (-1, 0, 0, -1),
          "mirrored, turned by 180\u00b0": (1, 0, 0, -1)}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "first", "second", "words"),
    [
        (pair(scale=0.5), LARGE, PNG, "right: all of left, half the size; keep left"),
        (pair(scale=2.0), PNG, LARGE, "left: all of right, half the size; keep right"),
        (CROP, LARGE, PNG, "right: 48 % of left, half the size; keep left"),
        (CROP, LARGE, SMALL._replace(file_bytes=9_000),
         "right: 48 % of left, half the size, JPEG of lower quality; keep left"),
        (pair("cropped", (1.0, 0.48)), LARGE, LARGE, "left: 48 % of right; keep right"),
        (pair("cropped", (0.5, 1.0), 2.0), LARGE, LARGE, "right: 50 % of left, twice the size"),
        (pair("cropped", (0.7, 0.8)), LARGE, LARGE, "right: 70 % of left and more"),
        (pair("re-encoded"), POOR, LARGE, "left: all of right, JPEG of lower quality; keep right"),
        (pair("re-encoded"), LARGE, LARGE, "right: all of left"),
        (pair("re-encoded"), LARGE, LARGE._replace(format="PNG"),
         "left: all of right, JPEG of lower quality; keep right"),
        (pair("re-encoded"), LARGE, LARGE._replace(format="GIF"), "right: all of left"),
        (pair(scale=0.5), LARGE._replace(label="cat"), PNG._replace(label="cat"),
         "right: all of left, half the size; keep left"),
        (pair(scale=0.5), LARGE, PNG._replace(split="test"), "right: all of left, half the size"),
        (pair("recoloured"), LARGE, LARGE, "right: all of left, in other colours"),
        (pair(scale=0.5, way=(1, 0, 0, 1.4)), LARGE, PNG,
         "right: all of left, stretched, 0.59 times the size; keep left"),
        *((pair("rotated or flipped", way=way), LARGE, LARGE, f"right: all of left, {words}")
          for words, way in TURNED.items()),
        ({"relation": None, "transform": None}, LARGE, LARGE, ""),
        ({"relation": "exact", "transform": None}, LARGE, LARGE, ""),
        ({"relation": "similar only", "transform": None}, LARGE, LARGE,
         "their pixels don't prove that they show the same"),
    ],
)  # fmt: skip
def test_words(row: dict[str, object], first: Image, second: Image, words: str) -> None:
    assert explained(row, first, second) == words
