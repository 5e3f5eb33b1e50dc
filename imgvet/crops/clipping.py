"""Which pixels a region is made of, once what lies out of the picture is cut off."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgvet.images.corners import (
    MAX_COORDINATE,
    Points,
    clockwise,
    corners_of,
    from_unit_square,
    mapped,
    mean_sides,
    points_of,
    problem_of,
)
from imgvet.images.picture import too_large
from imgvet.images.region import Box, Corners, Region
from imgvet.reasons import Failure, Reason

MAX_SIDE = 32_766
"""OpenCV warps no pictures with a longer side."""


@dataclass(frozen=True, slots=True)
class Clipped:
    """A region within a picture.

    Attributes:
        box: whole pixels of the picture as shown, at least 1 x 1: left and upper edge included,
            right and lower edge (x + width, y + height) not. For a rotated region the upright box
            around it.
        corners: of a rotated region, within the picture as far as a rectangle can be; None if it
            is upright.
        width: width of the crop in pixels: that of the box, or the mean of two opposite sides.
        height: height of the crop in pixels.
    """

    box: Box
    corners: Corners | None
    width: int
    height: int


def clip(region: Region, width: int, height: int) -> Clipped | Failure:
    """Clip a region to a picture.

    The edges of an upright box are rounded to the nearest edge of a pixel (halves to the right and
    down); a box so small that nothing remains is the pixel in which its centre lies. A rotated
    region loses what lies out of the picture on each of its own four sides. It is turned round if
    its corners go anticlockwise.

    Args:
        region: what to cut out, in pixels of the picture.
        width: width of the picture in pixels.
        height: height of the picture in pixels.

    Returns:
        the region, or a failure: ``degenerate_box`` for one without an area (no size, a negative
        one, or a missing coordinate; corners on a line, or sides that cross), ``outside_picture``
        for one that no part of the picture is in, ``too_large`` for corners so askew that the crop
        would be unsafe to make.
    """
    if region.corners is None:
        return _clip_upright(region.box, width, height)
    return _clip_rotated(region.corners, width, height)


def _clip_upright(box: Box, width: int, height: int) -> Clipped | Failure:
    if not _has_area(box):
        return Failure(Reason.DEGENERATE_BOX, f"{_shown(box)}: it has no area")
    if box.x >= width or box.y >= height or box.x + box.width <= 0 or box.y + box.height <= 0:
        return _outside(_shown(box), width, height)
    left, right = whole_pixels(box.x, box.x + box.width, width)
    top, bottom = whole_pixels(box.y, box.y + box.height, height)
    return _upright(left, top, right, bottom)


def _has_area(box: Box) -> bool:
    values = (box.x, box.y, box.width, box.height)
    return all(abs(value) < MAX_COORDINATE for value in values) and box.width > 0 < box.height


def whole_pixels(start: float, end: float, size: int) -> tuple[int, int]:
    """First pixel, and the one after the last, of an interval that overlaps 0..size."""
    first, last = math.floor(start + 0.5), math.floor(end + 0.5)
    if last <= first:
        first = math.floor((start + end) / 2)
        last = first + 1
    first = min(max(first, 0), size - 1)
    return first, min(max(last, first + 1), size)


def _upright(left: int, top: int, right: int, bottom: int) -> Clipped:
    width, height = right - left, bottom - top
    return Clipped(Box(left, top, width, height), None, width, height)


def _clip_rotated(corners: Corners, width: int, height: int) -> Clipped | Failure:
    points = points_of(corners)
    problem = problem_of(points)
    if problem:
        return Failure(Reason.DEGENERATE_BOX, f"{_shown_corners(corners)}: {problem}")
    points = clockwise(points)
    visible = _visible(points, width, height)
    if visible is None:
        return _outside(_shown_corners(corners), width, height)
    points = _without_outside(points, visible, width, height)
    if problem_of(points):  # Nothing but an edge is in the picture.
        return _outside(_shown_corners(corners), width, height)
    return _rotated(points, width, height)


def _rotated(points: Points, width: int, height: int) -> Clipped | Failure:
    size_x, size_y = (max(1, math.floor(side + 0.5)) for side in mean_sides(points))
    box = _around(points, width, height)
    longest = max(size_x, size_y, box.width, box.height)
    if longest > MAX_SIDE:
        return Failure(Reason.TOO_LARGE, f"a side of {longest:.0f} pixels, at most {MAX_SIDE}")
    refused = too_large(size_x, size_y)
    return refused or Clipped(box, corners_of(points), size_x, size_y)


def _around(points: Points, width: int, height: int) -> Box:
    """The whole pixels that a rotated box touches."""
    (left, top), (right, bottom) = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    right, bottom = max(min(right, width), left + 1), max(min(bottom, height), top + 1)
    return Box(int(left), int(top), int(right - left), int(bottom - top))


def _visible(points: Points, width: int, height: int) -> NDArray[np.float64] | None:
    """The part of a convex polygon that lies in the picture: its corners (n, 2), None if empty.

    Clipped against one side of the picture after the other, in double precision.
    Source: Sutherland and Hodgman, Reentrant polygon clipping, CACM 17 (1974).
    """
    polygon = points
    for axis, limit, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        inside = sign * (polygon[:, axis] - limit)
        after = np.roll(inside, -1)
        share = np.divide(inside, inside - after, out=np.zeros_like(inside), where=inside != after)
        crossing = polygon + share[:, None] * (np.roll(polygon, -1, axis=0) - polygon)
        pairs = np.stack([polygon, crossing], axis=1).reshape(-1, 2)
        keep = np.stack([inside >= 0, (inside > 0) != (after > 0)], axis=1).reshape(-1)
        polygon = pairs[keep]
        if len(polygon) < 3:
            return None
    x, y = polygon.T
    area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    return polygon if area > 0 else None


def _without_outside(
    points: Points, visible: NDArray[np.float64], width: int, height: int
) -> Points:
    """The corners of the smallest part of a rotated box, by its own sides, that holds all visible.

    The box is seen as a unit square, in which the part is an upright rectangle.
    """
    x, y = points.T
    if x.min() >= 0 and y.min() >= 0 and x.max() <= width and y.max() <= height:
        return points
    to_picture = from_unit_square(points)
    in_unit = mapped(np.linalg.inv(to_picture).astype(np.float64), visible)
    low, high = np.clip(in_unit.min(axis=0), 0, 1), np.clip(in_unit.max(axis=0), 0, 1)
    part = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    return mapped(to_picture, part)


def _outside(what: str, width: int, height: int) -> Failure:
    return Failure(Reason.OUTSIDE_PICTURE, f"{what}, the picture has {width} x {height} pixels")


def _shown(box: Box) -> str:
    values = ("x", box.x), ("y", box.y), ("width", box.width), ("height", box.height)
    return "box " + " ".join(f"{name} {value:.10g}" for name, value in values)


def _shown_corners(corners: Corners) -> str:
    return "corners " + ",".join(f"{value:.10g}" for value in corners)
