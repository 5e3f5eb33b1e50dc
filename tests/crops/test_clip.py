"""Regions clipped to pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from imgvet.crops.crop import clip
from imgvet.images.geometry import (
    Box,
    Corners,
    Region,
    mean_sides,
    points_of,
    problem_of,
    region_of_corners,
)
from imgvet.reasons import Failure, Reason

WIDTH, HEIGHT = 320, 240
PLACES = st.floats(-500, 800)
SIZES = st.floats(0.01, 900)
BOXES = st.builds(Box, PLACES, PLACES, SIZES, SIZES)


def corners_of_box(box: Box) -> Corners:
    x, y, right, bottom = box.x, box.y, box.x + box.width, box.y + box.height
    return (x, y, right, y, right, bottom, x, bottom)


def turned(box: Box, degrees: float) -> Corners:
    """A box turned about its centre."""
    points = points_of(corners_of_box(box))
    centre, angle = points.mean(axis=0), math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return tuple(((points - centre) @ turn + centre).reshape(-1).tolist())


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(10, 20, 30, 40), (10, 20, 30, 40)),
        (Box(-10, -20, 30, 40), (0, 0, 20, 20)),
        (Box(300, 230, 100, 100), (300, 230, 20, 10)),
        (Box(-1e6, -1e6, 1e7, 1e7), (0, 0, 320, 240)),
        (Box(10.4, 20.5, 10.2, 10.0), (10, 21, 11, 10)),
        (Box(10.6, 20.1, 0.2, 0.2), (10, 20, 1, 1)),
        (Box(319.8, 239.9, 5, 0.05), (319, 239, 1, 1)),
        (Box(-5, -5, 5.1, 5.4), (0, 0, 1, 1)),
    ],
)
def test_upright_boxes_are_whole_pixels_in_the_picture(
    box: Box, expected: tuple[int, int, int, int]
) -> None:
    clipped = clip(Region(box), WIDTH, HEIGHT)
    assert clipped == Region(Box(*expected))


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        (Region(Box(1, 2, 0, 5)), Reason.DEGENERATE_BOX),
        (Region(Box(1, 2, 5, -3)), Reason.DEGENERATE_BOX),
        (Region(Box(math.nan, 2, 5, 3)), Reason.DEGENERATE_BOX),
        (Region(Box(1, 2, math.inf, 3)), Reason.DEGENERATE_BOX),
        (Region(Box(1, -math.inf, 5, 3)), Reason.DEGENERATE_BOX),
        (Region(Box(320, 0, 5, 5)), Reason.OUTSIDE_PICTURE),
        (Region(Box(-5, 0, 5, 5)), Reason.OUTSIDE_PICTURE),
        (Region(Box(0, 240, 5, 5)), Reason.OUTSIDE_PICTURE),
        (Region(Box(0, -1e8, 5, 5)), Reason.OUTSIDE_PICTURE),
        (region_of_corners((0, 0, 10, 0, 20, 0, 30, 0)), Reason.DEGENERATE_BOX),
        (region_of_corners((0, 0, 10, 0, 20, 0, 10, 10)), Reason.DEGENERATE_BOX),
        (region_of_corners((0, 0, 10, 10, 10, 0, 0, 10)), Reason.DEGENERATE_BOX),
        (region_of_corners((0, 0, 30, 0, 5, 5, 0, 30)), Reason.DEGENERATE_BOX),
        (region_of_corners((5, 5) * 4), Reason.DEGENERATE_BOX),
        (region_of_corners((math.nan, 0, 10, 0, 10, 10, 0, 10)), Reason.DEGENERATE_BOX),
        (region_of_corners((0, 0, 1e300, 0, 1e300, 1e300, 0, 10)), Reason.DEGENERATE_BOX),
        (region_of_corners((-10, 0, 0, 0, 0, 10, -10, 10)), Reason.OUTSIDE_PICTURE),
        (region_of_corners((0, 300, 10, 300, 10, 310, 0, 310)), Reason.OUTSIDE_PICTURE),
        # Its upright box is partly in the picture, but itself it passes by the corner.
        (region_of_corners((-50, 20, 20, -50, 25, -45, -45, 25)), Reason.OUTSIDE_PICTURE),
    ],
)
def test_regions_without_any_part_of_the_picture_are_a_reason(
    region: Region, reason: Reason
) -> None:
    found = clip(region, WIDTH, HEIGHT)
    assert isinstance(found, Failure)
    assert found.reason is reason
    assert "\n" not in found.detail
    is_upright = region.corners is None
    assert found.detail.endswith("a number is missing") == (is_upright and math.isnan(region.box.x))


@given(BOXES)
def test_a_clipped_box_is_in_the_picture_and_stays_as_it_is(box: Box) -> None:
    clipped = clip(Region(box), WIDTH, HEIGHT)
    if isinstance(clipped, Failure):
        assert clipped.reason is Reason.OUTSIDE_PICTURE
        assert (
            box.x >= WIDTH or box.y >= HEIGHT or box.x + box.width <= 0 or box.y + box.height <= 0
        )
        return
    inner = clipped.box
    assert 0 <= inner.x < inner.x + inner.width <= WIDTH
    assert 0 <= inner.y < inner.y + inner.height <= HEIGHT
    assert clip(Region(inner), WIDTH, HEIGHT) == clipped
    # Each edge is at most half a pixel away, unless there would be no pixel left.
    assert inner.width == 1 or inner.x == pytest.approx(max(box.x, 0), abs=0.5 + 1e-9)
    end = min(box.y + box.height, HEIGHT)
    assert inner.height == 1 or inner.y + inner.height == pytest.approx(end, abs=0.5 + 1e-9)


@given(BOXES)
@example(Box(0.0, -5e-324, 1.0, 0.5))  # Times half a pixel such a distance is zero.
def test_corners_of_an_upright_box_clip_as_the_box_does(box: Box) -> None:
    upright = clip(Region(box), WIDTH, HEIGHT)
    rotated = clip(region_of_corners(corners_of_box(box)), WIDTH, HEIGHT)
    if isinstance(upright, Failure):
        assert isinstance(rotated, Failure)
        return
    overlap_x = min(box.x + box.width, WIDTH) - max(box.x, 0)
    overlap_y = min(box.y + box.height, HEIGHT) - max(box.y, 0)
    assume(overlap_x > 1e-3 and overlap_y > 1e-3)
    assert isinstance(rotated, Region)
    assert rotated.corners is not None
    expected = (max(box.x, 0), max(box.y, 0), overlap_x, overlap_y)
    around = region_of_corners(rotated.corners).box
    found = (around.x, around.y, around.width, around.height)
    assert found == pytest.approx(expected, abs=1e-6)


@given(BOXES, st.floats(0, 360))
def test_what_a_rotated_box_loses_lies_out_of_the_picture(box: Box, degrees: float) -> None:
    region = region_of_corners(turned(box, degrees))
    clipped = clip(region, WIDTH, HEIGHT)
    if isinstance(clipped, Failure):
        assert clipped.reason is Reason.OUTSIDE_PICTURE
        return
    assert clipped.corners is not None
    assert problem_of(points_of(clipped.corners)) == ""
    width, height = mean_sides(points_of(clipped.corners))
    assert width <= box.width + 1e-6
    assert height <= box.height + 1e-6
    inside = (region.box.x >= 0, region.box.y >= 0)
    inside += (region.box.x + region.box.width <= WIDTH, region.box.y + region.box.height <= HEIGHT)
    if all(inside):
        assert clipped.corners == region.corners
    # Random points of the box that lie in the picture lie in the clipped one as well.
    random = np.random.default_rng(0)
    points = points_of(turned(box, degrees))
    weights = random.uniform(0, 1, (50, 2))
    sides = np.array([points[1] - points[0], points[3] - points[0]])
    shown = points[0] + weights @ sides
    shown = shown[((shown >= 0) & (shown <= [WIDTH, HEIGHT])).all(axis=1)]
    kept = points_of(clipped.corners)
    for start, end in zip(kept, np.roll(kept, -1, axis=0), strict=True):
        edge = (end - start) / np.hypot(*(end - start))
        distance = edge[0] * (shown[:, 1] - start[1]) - edge[1] * (shown[:, 0] - start[0])
        assert (distance >= -1e-3).all()


def test_corners_that_go_round_the_other_way_are_turned_round() -> None:
    clipped = clip(region_of_corners((10, 20, 10, 60, 50, 60, 50, 20)), WIDTH, HEIGHT)
    assert isinstance(clipped, Region)
    assert clipped.corners == (10, 20, 50, 20, 50, 60, 10, 60)


def test_crops_that_would_be_too_large_are_refused() -> None:
    huge = region_of_corners((0, 10, 40_000, 0, 40_010, 100, 10, 110))
    found = clip(huge, 50_000, 5_000)
    assert isinstance(found, Failure)
    assert found.reason is Reason.TOO_LARGE
    found = clip(region_of_corners((0, 0, 20_000, 10, 20_000, 20_000, 0, 20_000)), 20_000, 20_000)
    assert isinstance(found, Failure)
    assert found.reason is Reason.TOO_LARGE
