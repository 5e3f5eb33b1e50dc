"""Margins around detections."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.crops.crop import with_margin
from imgvet.images.geometry import (
    Box,
    Corners,
    Region,
    mean_sides,
    points_of,
    problem_of,
    region_of_corners,
)
from imgvet.options import CropOptions

SHARES = st.none() | st.floats(0, 1)
PLACES = st.floats(-1000, 1000)


def values(region: Region) -> tuple[float, ...]:
    return (region.box.x, region.box.y, region.box.width, region.box.height)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (80, 190, 140, 70)),
        ({"augmentation_horiz": 0.0}, (100, 190, 100, 70)),
        ({"augmentation_vert": 1.0}, (80, 150, 140, 150)),
        ({"augmentation_horiz": 0.5, "augmentation_vert": 0.0}, (50, 200, 200, 50)),
        ({"augmentation_additive_margin": 7}, (93, 193, 114, 64)),
    ],
)
def test_margins_are_on_each_side(options: dict[str, Any], expected: tuple[float, ...]) -> None:
    region = Region(Box(100, 200, 100, 50), label="cat", score=0.75)
    grown = with_margin(region, CropOptions(**options))
    assert values(grown) == pytest.approx(expected)
    assert (grown.label, grown.score, grown.corners) == ("cat", 0.75, None)


@given(
    PLACES, PLACES, st.floats(1, 500), st.floats(1, 500), st.floats(0, 2 * math.pi), SHARES, SHARES
)
def test_a_rotated_box_grows_along_its_own_sides(
    x: float,
    y: float,
    width: float,
    height: float,
    angle: float,
    horizontal: float | None,
    vertical: float | None,
) -> None:
    cos, sin = math.cos(angle), math.sin(angle)
    corners: list[float] = []
    for across, down in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        right, below = across * width / 2, down * height / 2
        corners += [x + right * cos - below * sin, y + right * sin + below * cos]
    options = CropOptions(augmentation_horiz=horizontal, augmentation_vert=vertical)
    grown = with_margin(region_of_corners(tuple(corners), "word"), options)  # type: ignore[arg-type]
    assert grown.corners is not None
    points = points_of(grown.corners)
    shares = [0.2 if share is None else share for share in (horizontal, vertical)]
    sides = (width * (1 + 2 * shares[0]), height * (1 + 2 * shares[1]))
    assert mean_sides(points) == pytest.approx(sides)
    assert points.mean(axis=0) == pytest.approx((x, y), abs=1e-6)
    direction = math.atan2(*(points[1] - points[0])[::-1].tolist())
    assert math.cos(direction - angle) == pytest.approx(1)
    assert values(grown) == values(region_of_corners(grown.corners))
    assert grown.label == "word"


@given(st.tuples(*[st.floats(-100, 100)] * 8), SHARES, st.integers(0, 50))
def test_a_convex_box_stays_convex(corners: Corners, share: float | None, pixels: int) -> None:
    options = CropOptions(
        augmentation_horiz=None if pixels else share, augmentation_additive_margin=pixels
    )
    region = region_of_corners(corners)
    grown = with_margin(region, options)
    if problem_of(points_of(corners)):
        assert grown == region
    else:
        assert grown.corners is not None
        assert problem_of(points_of(grown.corners)) == ""


@pytest.mark.parametrize("box", [Box(1, 2, 0, 5), Box(1, 2, 5, -1), Box(1, 2, math.nan, 5)])
def test_degenerate_boxes_stay_degenerate(box: Box) -> None:
    region = Region(box)
    assert with_margin(region, CropOptions(augmentation_additive_margin=9)) is region
