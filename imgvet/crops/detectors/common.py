"""What detectors share: scaling pictures, and their regions clipped and in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from imgvet.images.geometry import Region
from imgvet.images.picture import Pixels

Boxes = npt.NDArray[np.float64]
"""One row per box: left, top, width, height, in pixels; shape (n, 4)."""

WAY_OUT = "give the boxes yourself with 'annotations'"
"""What to do without a detector's model."""


def resized(pixels: Pixels, scale: float) -> Pixels:
    """The picture at another size: areas are averaged when it shrinks."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if size[0] * size[1] < width * height else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)


def best_inside(regions: Iterable[Region], pixels: Pixels) -> list[Region]:
    """The parts of upright boxes that lie in a picture, where there is one, by falling score.

    Of equal scores the upper comes first, then the left one. Corners stay as they are.
    """
    height, width = pixels.shape[:2]
    boxes = ((region, region.box.within(width, height)) for region in regions)
    inside = [replace(region, box=box) for region, box in boxes if box is not None]
    return sorted(inside, key=lambda found: (-(found.score or 0), found.box.y, found.box.x))
