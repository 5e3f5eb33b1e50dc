"""What happens to pictures on their way: edits that keep them, and damage that ruins them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from imgvet.demo.brush import Image
from imgvet.demo.graphics import write

Edit = Callable[[Image], Image]

GOOD_QUALITY = 90
"""Quality of JPEG and WebP files, unless they are meant to be poor."""

POOR_QUALITY = 30
"""Quality of a JPEG with visible blocks."""

_SMALLER = 0.6
_BRIGHTER = 1.12
_CROPPED = 0.9
_BLUR_SIGMA = 6.0
_DARKEST = 0.2
_PALEST = 0.04
_LAST_SHADOWS = 2.0


def encode(image: Image, suffix: str, quality: int = GOOD_QUALITY) -> bytes:
    """Encode a picture (RGB or RGBA, uint8) in the format of a file name's suffix."""
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    settings = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 6],
    }
    _, data = cv2.imencode(suffix, cv2.cvtColor(image, order), settings[suffix])
    return data.tobytes()


def decode(data: bytes) -> Image:
    """Decode a whole, valid file to RGB."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("the data are not those of a picture")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def shrink(image: Image) -> Image:
    """Make it smaller."""
    return cv2.resize(image, None, fx=_SMALLER, fy=_SMALLER, interpolation=cv2.INTER_AREA)


def compress(image: Image) -> Image:
    """Save it once as a poor JPEG."""
    return decode(encode(image, ".jpg", POOR_QUALITY))


def brighten(image: Image) -> Image:
    """Raise its exposure."""
    return np.clip(image * _BRIGHTER, 0, 255).astype(np.uint8)


def trim(image: Image) -> Image:
    """Cut off its edges."""
    height, width = image.shape[:2]
    top, left = (round(side * (1 - _CROPPED) / 2) for side in (height, width))
    return np.ascontiguousarray(image[top : height - top, left : width - left])


def sign(image: Image) -> Image:
    """Write a small line of text into a corner."""
    signed = image.copy()
    at = image.shape[1] - 118, image.shape[0] - 10
    write(signed, "(c) imgvet demo", (at[0] + 1, at[1] + 1), (0, 0, 0), 0.4)
    write(signed, "(c) imgvet demo", at, (255, 255, 255), 0.4)
    return signed


KEEPING: dict[str, Edit] = {
    "resized": shrink, "jpeg_q30": compress, "brighter": brighten, "cropped": trim, "text": sign,
}  # fmt: skip
"""Edits after which a picture is a near duplicate of itself."""


def blur(image: Image) -> Image:
    """Lose all sharp detail."""
    return cv2.GaussianBlur(image, (0, 0), _BLUR_SIGMA)


def darken(image: Image) -> Image:
    """Underexpose it until its brightest parts are dark."""
    return np.round(image * _DARKEST).astype(np.uint8)


def whiten(image: Image) -> Image:
    """Overexpose it until all but the deepest shadows, 2 % of it, is nearly white."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    shadows = gray < np.percentile(gray, _LAST_SHADOWS)
    pale = np.round(255 - (255 - image) * _PALEST).astype(np.uint8)
    return np.where(shadows[..., None], image, pale)


def miniature(image: Image) -> Image:
    """Make it 8 x 8 pixels."""
    return cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA)


def truncate(data: bytes) -> bytes:
    """Keep the first half of a file."""
    return data[: len(data) // 2]
