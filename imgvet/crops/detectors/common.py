"""What detectors share: scaling pictures, and their boxes clipped and in order."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from imgvet.images.geometry import Box, Region
from imgvet.images.picture import Pixels

Boxes = npt.NDArray[np.float64]
"""One row per box: left, top, width, height, in pixels; shape (n, 4)."""

WAY_OUT = "give the boxes yourself with 'annotations'"
"""What to do without a detector's model."""


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture at another size: areas are averaged when it shrinks."""
    shrinks = width * height < pixels.shape[1] * pixels.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation), np.uint8)


def clipped(box: Box, width: float, height: float) -> Box | None:
    """The part of a box that lies in a picture of this size; None where there is none."""
    left, top = max(0.0, box.x), max(0.0, box.y)
    right, bottom = min(width, box.x + box.width), min(height, box.y + box.height)
    if right <= left or bottom <= top:
        return None
    return Box(left, top, right - left, bottom - top)


def best_first(regions: Iterable[Region]) -> list[Region]:
    """Regions by falling score; of equal ones the upper comes first, then the left one."""

    def rank(region: Region) -> tuple[float, float, float]:
        return (-(region.score or 0.0), region.box.y, region.box.x)

    return sorted(regions, key=rank)
