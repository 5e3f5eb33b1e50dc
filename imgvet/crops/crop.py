"""Regions of pictures: given margins, clipped to the picture, and cut out of decoded pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from imgvet.images.geometry import (
    MAX_COORDINATE,
    Box,
    Corners,
    Points,
    Region,
    area_of,
    clipped,
    clockwise,
    corners_of,
    from_unit_square,
    mean_sides,
    points_of,
    problem_of,
    region_of,
    region_of_corners,
)
from imgvet.images.isolation import decoded
from imgvet.images.picture import Picture, Pixels, too_large
from imgvet.options import MARGIN, CropOptions
from imgvet.reasons import Failure, Reason

MAX_SIDE = 32_766
"""OpenCV warps no pictures with a longer side."""


def with_margin(region: Region, options: CropOptions) -> Region:
    """A region with the margins that the options ask for, on each of its four sides.

    Fractions are of its own width and height: with 0.2 and 0.2 a region of 100 x 50 pixels becomes
    one of 140 x 70. It may then reach out of the picture. A degenerate one stays as it is.
    """
    if region.corners is None:
        box = region.box
        if not (0 < box.width < math.inf and 0 < box.height < math.inf):
            return region
        across, down = _margins(box.width, box.height, options)
        grown = Box(box.x - across, box.y - down, box.width + 2 * across, box.height + 2 * down)
        return replace(region, box=grown)
    points = points_of(region.corners)
    if problem_of(points):
        return region
    points = clockwise(points)
    first, second, third, fourth = points
    along, aside = (second - first + third - fourth) / 2, (fourth - first + third - second) / 2
    across, down = _margins(*mean_sides(points), options)
    # Steps along the mean directions of opposite sides keep a convex box convex.
    along, aside = across * along / np.hypot(*along), down * aside / np.hypot(*aside)
    steps = np.array([-along - aside, along - aside, along + aside, aside - along])
    corners = corners_of(points + steps)
    return replace(region, box=region_of_corners(corners).box, corners=corners)


def _margins(width: float, height: float, options: CropOptions) -> tuple[float, float]:
    """Margins left and right, and above and below, in pixels."""
    if options.augmentation_additive_margin:
        return options.augmentation_additive_margin, options.augmentation_additive_margin
    across, down = options.augmentation_horiz, options.augmentation_vert
    return (
        width * (MARGIN if across is None else across),
        height * (MARGIN if down is None else down),
    )


def clip(region: Region, width: int, height: int) -> Region | Failure:
    """Clip a region to a picture of this size in pixels; its box becomes whole pixels of it.

    The edges of an upright box are rounded to the nearest edge of a pixel (halves to the right and
    down); a box so small that nothing remains is the pixel in which its centre lies. A rotated
    region loses what lies out of the picture on each of its own four sides, as far as a rectangle
    can. It is turned round if its corners go anticlockwise.

    Failures are ``degenerate_box`` (no size, a negative one, or a missing coordinate; corners on a
    line, or sides that cross), ``outside_picture``, and ``too_large`` for corners so askew that the
    crop would be unsafe to make.
    """
    if region.corners is not None:
        return _clip_rotated(region, region.corners, width, height)
    box = region.box
    numbers = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    shown = "box " + " ".join(f"{name} {value:.10g}" for name, value in numbers.items())
    if not (all(abs(n) < MAX_COORDINATE for n in numbers.values()) and box.width > 0 < box.height):
        is_known = not any(map(math.isnan, numbers.values()))
        problem = "it has no area" if is_known else "a number is missing"
        return Failure(Reason.DEGENERATE_BOX, f"{shown}: {problem}")
    if box.x >= width or box.y >= height or box.x + box.width <= 0 or box.y + box.height <= 0:
        return _outside(shown, width, height)
    left, right = _whole_pixels(box.x, box.x + box.width, width)
    top, bottom = _whole_pixels(box.y, box.y + box.height, height)
    return replace(region, box=Box(left, top, right - left, bottom - top))


def _whole_pixels(start: float, end: float, size: int) -> tuple[int, int]:
    """First pixel, and the one after the last, of an interval that overlaps 0..size."""
    first, last = math.floor(start + 0.5), math.floor(end + 0.5)
    if last <= first:
        first = math.floor((start + end) / 2)
        last = first + 1
    first = min(max(first, 0), size - 1)
    return first, min(max(last, first + 1), size)


def _outside(what: str, width: int, height: int) -> Failure:
    return Failure(Reason.OUTSIDE_PICTURE, f"{what}, the picture has {width} x {height} pixels")


def _clip_rotated(region: Region, corners: Corners, width: int, height: int) -> Region | Failure:
    points, shown = points_of(corners), "corners " + ",".join(f"{n:.10g}" for n in corners)
    problem = problem_of(points)
    if problem:
        return Failure(Reason.DEGENERATE_BOX, f"{shown}: {problem}")
    points = clockwise(points)
    visible = clipped(points.tolist(), width, height)
    if not area_of(visible):
        return _outside(shown, width, height)
    points = _without_outside(points, np.array(visible), width, height)
    if problem_of(points):  # Nothing but an edge is in the picture.
        return _outside(shown, width, height)
    (left, top), (right, bottom) = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    right, bottom = max(min(right, width), left + 1), max(min(bottom, height), top + 1)
    box = Box(int(left), int(top), int(right - left), int(bottom - top))
    longest = max(*_size(points), box.width, box.height)
    if longest > MAX_SIDE:
        return Failure(Reason.TOO_LARGE, f"a side of {longest:.0f} pixels, at most {MAX_SIDE}")
    return too_large(*_size(points)) or replace(region, box=box, corners=corners_of(points))


def _size(points: Points) -> tuple[int, int]:
    """Width and height of the crop of a rotated box, in pixels."""
    across, down = mean_sides(points)
    return max(1, math.floor(across + 0.5)), max(1, math.floor(down + 0.5))


def _without_outside(
    points: Points, visible: NDArray[np.float64], width: int, height: int
) -> Points:
    """The corners of the smallest part of a rotated box, by its own sides, that holds all visible.

    In the unit square that the box stands for the part is an upright rectangle.
    """
    x, y = points.T
    if x.min() >= 0 and y.min() >= 0 and x.max() <= width and y.max() <= height:
        return points
    to_picture = from_unit_square(points)
    in_unit = cv2.perspectiveTransform(visible[None], np.linalg.inv(to_picture))[0]
    low, high = np.clip(in_unit.min(axis=0), 0, 1), np.clip(in_unit.max(axis=0), 0, 1)
    part = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    return np.asarray(cv2.perspectiveTransform(part[None], to_picture)[0], np.float64)


def decode_item(
    data: bytes, box: Sequence[float] | None, *, full_size: bool = False
) -> Picture | Failure:
    """The picture in a file, or what a box of the table items cuts out of it, at full size."""
    picture = decoded(data, full_size=full_size or box is not None)
    if box is None or isinstance(picture, Failure):
        return picture
    return cut_picture(picture, region_of(box))


def cut_picture(picture: Picture, region: Region) -> Picture | Failure:
    """Cut a region, in pixels of the picture as shown, out of it; or why it can't be: :func:`clip`.

    Of a picture decoded at a reduced scale the pixels of the crop are reduced, too.
    """
    found = clip(region, picture.width, picture.height)
    return found if isinstance(found, Failure) else cut_clipped(picture, found)


def cut_clipped(picture: Picture, region: Region) -> Picture:
    """Cut out a region that :func:`clip` clipped to this picture.

    Rotated boxes are straightened by a perspective warp (bilinear) to the means of their opposite
    sides. Where one reaches out of the picture at an angle, the picture's edge is repeated.
    """
    rows, columns = picture.pixels.shape[:2]
    scale_x, scale_y = columns / picture.width, rows / picture.height
    if region.corners is not None:
        points = points_of(region.corners)
        pixels = _straighten(picture.pixels, points * (scale_x, scale_y))
        width, height = _size(points)
        return replace(picture, pixels=pixels, width=width, height=height)
    box = region.box
    left, right = _whole_pixels(box.x * scale_x, (box.x + box.width) * scale_x, columns)
    top, bottom = _whole_pixels(box.y * scale_y, (box.y + box.height) * scale_y, rows)
    pixels = picture.pixels[top:bottom, left:right].copy()
    return replace(picture, pixels=pixels, width=int(box.width), height=int(box.height))


def _straighten(pixels: Pixels, points: Points) -> Pixels:
    """Map a rotated box, in pixels of these pixels, to an upright picture of its mean sides."""
    width, height = _size(points)
    # Only what the box touches, as OpenCV refuses to warp what is longer than MAX_SIDE.
    left, top = np.clip(np.floor(points.min(axis=0)).astype(int) - 1, 0, None).tolist()
    right, bottom = (np.ceil(points.max(axis=0)).astype(int) + 1).tolist()
    # Corners count from the edges of pixels, OpenCV counts from their centres, half a pixel on.
    to_square = np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])
    to_part = np.array([[1, 0, -0.5 - left], [0, 1, -0.5 - top], [0, 0, 1]])
    warped = cv2.warpPerspective(
        np.ascontiguousarray(pixels[top:bottom, left:right]),
        to_part @ from_unit_square(points) @ to_square,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, np.uint8)
