"""The canonical picture: what everything is measured on and thumbnails are made of."""

from __future__ import annotations

import cv2
import numpy as np

from imgvet.images.picture import Pixels
from imgvet.metrics import CANONICAL_SHORT_SIDE

CANONICAL_LONG_SIDE = 4096
"""Greatest long side of the canonical picture, in pixels."""


def canonical_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the canonical picture of a picture of this size."""
    short, long = min(width, height), max(width, height)
    scale = min(1.0, CANONICAL_SHORT_SIDE / short, CANONICAL_LONG_SIDE / long)
    return max(1, round(width * scale)), max(1, round(height * scale))


def canonical(pixels: Pixels) -> Pixels:
    """Reduce to a short side of at most 256 and a long side of at most 4096 pixels.

    Args:
        pixels: RGB, uint8, shape (h, w, 3).

    Returns:
        RGB, uint8; the input itself if it is small enough, as nothing is enlarged. Reduced by
        halving (averages of 2 x 2 pixels, which is fast), then by less than two, bilinearly.
    """
    height, width = pixels.shape[:2]
    new_width, new_height = canonical_size(width, height)
    if (new_width, new_height) == (width, height):
        return pixels
    halved = _halve_down_to(pixels, new_width, new_height)
    reduced = cv2.resize(halved, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    return reduced.astype(np.uint8, copy=False)


def _halve_down_to(pixels: Pixels, width: int, height: int) -> Pixels:
    """Halve each side, by averaging neighbours, as long as it stays at least the given one."""
    while True:
        over_y, over_x = pixels.shape[0] // height, pixels.shape[1] // width
        if over_x < 2 and over_y < 2:
            return pixels
        step_y, step_x = min(over_y, 2), min(over_x, 2)
        size = (pixels.shape[1] // step_x, pixels.shape[0] // step_y)
        whole = pixels[: size[1] * step_y, : size[0] * step_x]  # An odd last line has no partner.
        halved = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
        pixels = halved.astype(np.uint8, copy=False)
