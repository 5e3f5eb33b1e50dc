"""Thumbnails: canonical pictures as JPEG."""

from __future__ import annotations

import numpy as np
import simplejpeg

from imgvet.images.picture import Pixels

THUMBNAIL_QUALITY = 90
"""JPEG quality, 1 to 100."""


def encode_thumbnail(canonical_rgb: Pixels) -> bytes:
    """The canonical picture as JPEG (quality 90, 4:2:0).

    Args:
        canonical_rgb: RGB, uint8, shape (h, w, 3).
    """
    encoded = simplejpeg.encode_jpeg(
        np.ascontiguousarray(canonical_rgb),
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
