"""Boxes in pictures, upright and rotated: their corners, order and sides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

Corners = tuple[float, float, float, float, float, float, float, float]
"""x1, y1, ..., x4, y4 in pixels, clockwise from the top left of what the box holds."""

Points = NDArray[np.float64]
"""The same, shape (4, 2)."""

Polygon = list[list[float]]
"""The corners of any polygon in order, x and y each."""

MAX_COORDINATE = 1e9
"""No picture is so large, and farther away squares of numbers lose their digits."""
_NEAREST = 1e-3
"""Neighbouring corners that are less far apart, in pixels, are the same."""
_FLATNESS = 1e-6
"""Three corners lie on a line if the sine of the angle at the middle one is less."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright box in pixels of the picture as shown; it may reach out of it."""

    x: float
    y: float
    width: float
    height: float

    def within(self, width: int, height: int) -> Box | None:
        """The part of it in a picture of this size; None if there is none, or a number is NaN."""
        left, top = max(self.x, 0.0), max(self.y, 0.0)
        right, bottom = min(self.x + self.width, width), min(self.y + self.height, height)
        if not (right > left and bottom > top):
            return None
        return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture that is analysed as an item of its own, and what is known of it."""

    box: Box
    """For a rotated one the smallest upright box around it."""
    corners: Corners | None = None
    """Of a rotated box."""
    label: str | None = None
    score: float | None = None
    """How sure a detector is of it, 0..1."""
    text: str | None = None
    """What was read in it."""


def points_of(corners: Corners) -> Points:
    """The corners as an array."""
    return np.array(corners, np.float64).reshape(4, 2)


def corners_of(points: Points) -> Corners:
    """The points as corners."""
    return cast("Corners", tuple(points.astype(float).reshape(-1).tolist()))


def region_of_corners(
    corners: Corners, label: str | None = None, score: float | None = None
) -> Region:
    """A rotated box as a region; its upright box is NaN if a corner is."""
    x, y = points_of(corners).T
    left, top = float(x.min()), float(y.min())
    box = Box(left, top, float(x.max()) - left, float(y.max()) - top)
    return Region(box, corners, label, score)


def region_of(
    numbers: Sequence[float | None], label: str | None = None, score: float | None = None
) -> Region:
    """The region of x, y, width, height, or of the corners x1, y1, ..., x4, y4; None is NaN."""
    known = [math.nan if number is None else float(number) for number in numbers]
    if len(known) == 4:
        return Region(Box(*known), None, label, score)
    return region_of_corners(cast("Corners", tuple(known)), label, score)


def scaled(region: Region, x: float, y: float) -> Region:
    """A region with its coordinates multiplied, such as from shares of a picture to pixels."""
    box, corners = region.box, region.corners
    box = Box(box.x * x, box.y * y, box.width * x, box.height * y)
    multiplied = None if corners is None else corners_of(points_of(corners) * (x, y))
    return replace(region, box=box, corners=multiplied)


def problem_of(points: Points) -> str:
    """Why the points are no convex box with an area, in words; empty if they are one."""
    if not np.isfinite(points).all():
        return "a corner is missing or infinite"
    if np.abs(points).max() >= MAX_COORDINATE:
        return "a corner is too far away"
    edges = _edges(points)
    lengths = np.hypot(*edges.T)
    if (lengths < _NEAREST).any():
        return "two corners are the same"
    directions = edges / lengths[:, None]
    turns = _cross(directions, np.roll(directions, -1, axis=0))
    if (np.abs(turns) < _FLATNESS).any():
        return "three corners lie on a line"
    if (turns > 0).all() or (turns < 0).all():
        return ""
    return "its sides cross, or a corner points inwards"


def clockwise(points: Points) -> Points:
    """The points from the same first one clockwise, as seen with y downwards.

    Corners that go round the other way would show the picture mirrored, which nobody means.
    """
    edges = _edges(points)
    turns = _cross(edges, np.roll(edges, -1, axis=0))
    return points if turns.sum() > 0 else points[[0, 3, 2, 1]]


def mean_sides(points: Points) -> tuple[float, float]:
    """Width and height: the means of the lengths of opposite sides."""
    top, right, bottom, left = np.hypot(*_edges(points).T).tolist()
    return (top + bottom) / 2, (right + left) / 2


def from_unit_square(points: Points) -> NDArray[np.float64]:
    """The projective map, float64 (3, 3), of (0, 0), (1, 0), (1, 1), (0, 1) to the four points.

    Source: P. Heckbert, Fundamentals of texture mapping and image warping (1989), section 2.2.3.
    Unlike OpenCV's it works in double precision and is exact for parallelograms.
    """
    first, second, third, fourth = points
    one, other, rest = second - third, fourth - third, first - second + third - fourth
    area = _cross(one, other)
    g, h = _cross(rest, other) / area, _cross(one, rest) / area
    to_right, down = second - first + g * second, fourth - first + h * fourth
    return np.vstack([np.column_stack([to_right, down, first]), [g, h, 1.0]])


def clipped(polygon: Polygon, width: float, height: float) -> Polygon:
    """The part of a convex polygon in an upright rectangle that begins at 0, 0; maybe no corners.

    One side of the rectangle after the other. In plain numbers, as for so few corners arrays take
    longer, and in double precision, as intersectConvexConvex of OpenCV errs by half where corners
    nearly touch a side. Source: Sutherland and Hodgman, Reentrant polygon clipping, CACM 17 (1974).
    """
    for axis, size in ((0, width), (1, height)):
        for sign, limit in ((1.0, 0.0), (-1.0, -size)):
            kept = []
            for one, other in zip(polygon, polygon[1:] + polygon[:1], strict=True):
                apart, beyond = sign * one[axis] - limit, sign * other[axis] - limit
                if apart >= 0:
                    kept.append(one)
                if apart < 0 < beyond or beyond < 0 < apart:
                    share = apart / (apart - beyond)
                    kept.append([a + share * (b - a) for a, b in zip(one, other, strict=True)])
            polygon = kept
    return polygon


def area_of(polygon: Polygon) -> float:
    """The area of a polygon."""
    turns = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in turns)) / 2


def _edges(points: Points) -> Points:
    return np.roll(points, -1, axis=0) - points


def _cross(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cross product of vectors x, y along the last axis."""
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])
