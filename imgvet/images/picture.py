"""A decoded picture, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imgvet.options import MediaOptions
from imgvet.reasons import Reason

Pixels = npt.NDArray[np.uint8]
"""Red, green, blue; shape (height, width, 3); contiguous."""

MAX_PIXELS = 250_000_000
"""Pictures whose header claims more pixels are not decoded: 250 million take 750 MB as RGB."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: RGB, uint8, shape (h, w, 3): orientation applied, alpha composited on white. A
            large JPEG is decoded at a reduced scale, so h and w may be less than height and width.
        width: width of the original as shown (orientation applied), in pixels.
        height: height of the original as shown, in pixels.
        channels: channels of the file: 1 gray, 2 gray and alpha, 3 colour, 4 colour and alpha or
            CMYK; a palette counts as colour.
        bit_depth: bits per channel of the file, 8 for palettes.
        detail: what was unusual but harmless, empty if nothing was.
    """

    pixels: Pixels
    width: int
    height: int
    channels: int
    bit_depth: int
    detail: str = ""


@dataclass(frozen=True)
class Failure:
    """Why bytes could not be decoded.

    Attributes:
        reason: the reason code.
        detail: what the decoder said.
    """

    reason: Reason
    detail: str


def too_large(width: int, height: int) -> Failure | None:
    """A failure if a picture of this size would be unsafe to decode."""
    if width * height <= MAX_PIXELS:
        return None
    return Failure(Reason.TOO_LARGE, f"{width} x {height} pixels, at most {MAX_PIXELS} are decoded")


def too_small(picture: Picture, options: MediaOptions) -> Failure | None:
    """A failure if the picture is smaller than the options allow, else None."""
    width, height = options.min_input_image_width, options.min_input_image_height
    if picture.width >= width and picture.height >= height:
        return None
    return Failure(
        Reason.TOO_SMALL,
        f"{picture.width} x {picture.height} pixels, less than {width} x {height}",
    )
