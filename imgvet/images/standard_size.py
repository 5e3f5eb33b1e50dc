"""The standard size, at which everything is measured, and thumbnails: images of it as JPEG."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from imgvet.images.picture import Pixels
from imgvet.metrics import STANDARD_SHORT_SIDE

STANDARD_LONG_SIDE = 4096
"""Greatest long side of the standard size, in pixels."""

THUMBNAIL_QUALITY = 90
"""JPEG quality, 1 to 100."""


def standard_size(width: int, height: int) -> tuple[int, int]:
    """Width and height at standard size of an image of this size."""
    short, long = min(width, height), max(width, height)
    scale = min(1.0, STANDARD_SHORT_SIDE / short, STANDARD_LONG_SIDE / long)
    return max(1, round(width * scale)), max(1, round(height * scale))


def to_standard_size(pixels: Pixels) -> Pixels:
    """Reduce to a short side of at most 256 and a long side of at most 4096 pixels.

    Args:
        pixels: RGB, uint8, shape (h, w, 3).

    Returns:
        RGB, uint8; the input itself if it is small enough, as nothing is enlarged. Reduced by
        halving (averages of 2 x 2 pixels, which is fast), then by less than two, bilinearly.
    """
    height, width = pixels.shape[:2]
    size = standard_size(width, height)
    if size == (width, height):
        return pixels
    reduced = cv2.resize(_halve_down_to(pixels, *size), size, interpolation=cv2.INTER_LINEAR)
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


def encode_thumbnail(pixels: Pixels) -> bytes:
    """An image at standard size (RGB, uint8, shape (h, w, 3)) as JPEG (quality 90, 4:2:0)."""
    encoded = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels),
        quality=THUMBNAIL_QUALITY,
        colorspace="RGB",
        colorsubsampling="420",
    )
    return bytes(encoded)


def decode_thumbnail(jpeg: bytes) -> Pixels:
    """The pixels of a thumbnail, RGB, uint8, shape (h, w, 3).

    Raises:
        ValueError: the bytes are not those of a whole JPEG.
    """
    return np.asarray(simplejpeg.decode_jpeg(jpeg, colorspace="RGB"), dtype=np.uint8)
