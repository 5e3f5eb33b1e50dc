"""Margins around detections."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from imgvet.images.geometry import (
    Box,
    Corners,
    Region,
    clockwise,
    corners_of,
    mean_sides,
    points_of,
    problem_of,
    region_of_corners,
)
from imgvet.options import MARGIN, CropOptions


def with_margin(region: Region, options: CropOptions) -> Region:
    """A region with the margins that the options ask for, on each of its four sides.

    Fractions are of its own width and height: with 0.2 and 0.2 a region of 100 x 50 pixels becomes
    one of 140 x 70. A rotated region grows along its own sides. It may then reach out of the
    picture, to which it is clipped when it is cut out. A degenerate region stays as it is, so that
    it is still found to be degenerate.
    """
    if region.corners is not None:
        return _rotated_with_margin(region, region.corners, options)
    box = region.box
    if not (0 < box.width < math.inf and 0 < box.height < math.inf):
        return region
    across, down = _margins(box.width, box.height, options)
    grown = Box(box.x - across, box.y - down, box.width + 2 * across, box.height + 2 * down)
    return replace(region, box=grown)


def _margins(width: float, height: float, options: CropOptions) -> tuple[float, float]:
    """Margins left and right, and above and below, in pixels."""
    if options.augmentation_additive_margin:
        return options.augmentation_additive_margin, options.augmentation_additive_margin
    across, down = options.augmentation_horiz, options.augmentation_vert
    return (
        width * (MARGIN if across is None else across),
        height * (MARGIN if down is None else down),
    )


def _rotated_with_margin(region: Region, corners: Corners, options: CropOptions) -> Region:
    points = points_of(corners)
    if problem_of(points):
        return region
    points = clockwise(points)
    first, second, third, fourth = points
    along, aside = (second - first + third - fourth) / 2, (fourth - first + third - second) / 2
    across, down = _margins(*mean_sides(points), options)
    # Steps along the mean directions of opposite sides keep a convex box convex.
    along, aside = across * along / np.hypot(*along), down * aside / np.hypot(*aside)
    steps = np.array([-along - aside, along - aside, along + aside, aside - along])
    grown = corners_of(points + steps)
    return replace(region, box=region_of_corners(grown).box, corners=grown)
