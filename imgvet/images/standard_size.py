"""The standard size, at which everything is measured, and thumbnails: images of it as JPEG."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from imgvet.images.picture import Pixels
from imgvet.metrics import STANDARD_SHORT_SIDE

STANDARD_LONG_SIDE = 4096
"""Greatest long side of the standard size, in pixels."""

_THUMBNAIL_QUALITY = 90


def standard_size(width: int, height: int) -> tuple[int, int]:
    """Width and height at standard size of an image of this size."""
    short, long = min(width, height), max(width, height)
    scale = min(1.0, STANDARD_SHORT_SIDE / short, STANDARD_LONG_SIDE / long)
    return max(1, round(width * scale)), max(1, round(height * scale))


def to_standard_size(pixels: Pixels) -> Pixels:
    """Reduce to a short side of at most 256 and a long side of at most 4096 pixels.

    By halving (averages of 2 x 2 pixels, which is fast), then by less than two, bilinearly. Nothing
    is enlarged: what is small enough is returned as it is.
    """
    rows, columns = pixels.shape[:2]
    width, height = standard_size(columns, rows)
    while rows >= 2 * height or columns >= 2 * width:
        step_y, step_x = min(rows // height, 2), min(columns // width, 2)
        rows, columns = rows // step_y, columns // step_x
        whole = pixels[: rows * step_y, : columns * step_x]  # An odd last line has no partner.
        pixels = np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))
    if (columns, rows) != (width, height):
        reduced = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        pixels = np.asarray(reduced, np.uint8)
    return pixels


def encode_thumbnail(pixels: Pixels) -> bytes:
    """An image at standard size as JPEG (quality 90, 4:2:0)."""
    return bytes(
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels),
            quality=_THUMBNAIL_QUALITY,
            colorspace="RGB",
            colorsubsampling="420",
        )
    )


def decode_thumbnail(jpeg: bytes) -> Pixels:
    """The pixels of a thumbnail.

    Raises:
        ValueError: the bytes are not those of a whole JPEG.
    """
    return np.asarray(simplejpeg.decode_jpeg(jpeg, colorspace="RGB"), dtype=np.uint8)
