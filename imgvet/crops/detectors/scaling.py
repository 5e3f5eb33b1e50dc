"""Pictures scaled for a detector, and what it found brought back into them, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imgvet.images.geometry import Box, Region
from imgvet.images.picture import Pixels

Boxes = npt.NDArray[np.float64]
"""One row per box: left, top, width, height, in pixels; shape (n, 4)."""

WAY_OUT = "give the boxes yourself with 'annotations'"
"""What to do without a detector's model."""

_PADDING = (114, 114, 114)
"""Gray of the bars around a letterboxed picture, as YOLOv5 was trained with."""


@dataclass(frozen=True)
class Placement:
    """Where a scaled picture lies in another one.

    Attributes:
        scale_x: pixels there per pixel of the picture, across.
        scale_y: the same, down.
        left: where its left edge lies there, in pixels.
        top: where its upper edge lies there, in pixels.
    """

    scale_x: float
    scale_y: float
    left: float = 0.0
    top: float = 0.0

    def back(self, boxes: Boxes) -> Boxes:
        """Boxes found there, in pixels of the picture."""
        scales = (self.scale_x, self.scale_y, self.scale_x, self.scale_y)
        return (boxes - (self.left, self.top, 0.0, 0.0)) / scales


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture at another size: areas are averaged when it shrinks."""
    shrinks = width * height < pixels.shape[1] * pixels.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation), np.uint8)


def shrunk(pixels: Pixels, long_side: int) -> Pixels:
    """The picture, scaled down if its long side is longer than ``long_side`` pixels."""
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return pixels
    return resized(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def letterboxed(pixels: Pixels, width: int, height: int) -> tuple[Pixels, Placement]:
    """The picture, scaled to fit and centred between gray bars.

    Args:
        pixels: RGB, uint8, shape (h, w, 3).
        width: width of the result, in pixels.
        height: height of the result, in pixels.

    Returns:
        The result, uint8, shape (height, width, 3), and where the picture lies in it.
    """
    old_height, old_width = pixels.shape[:2]
    scale = min(width / old_width, height / old_height)
    new_width, new_height = max(1, round(old_width * scale)), max(1, round(old_height * scale))
    left, top = (width - new_width) // 2, (height - new_height) // 2
    result = np.full((height, width, 3), _PADDING, np.uint8)
    result[top : top + new_height, left : left + new_width] = resized(pixels, new_width, new_height)
    return result, Placement(new_width / old_width, new_height / old_height, left, top)


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
