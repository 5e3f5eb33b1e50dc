"""From what decoders return to RGB of 8 bits, upright, without alpha."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from imgvet.images.picture import Pixels

UPRIGHT = 1
"""EXIF orientation of a picture that is stored as it is shown."""

_MAY_BE_TRANSPARENT = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})
_WIDE_MODES = frozenset({"I", "F"})


def oriented(pixels: Pixels, orientation: int) -> Pixels:
    """The pixels as shown, for an EXIF orientation of 1 to 8 (others count as 1).

    Source: CIPA DC-008 (Exif 2.32), tag 0x0112.
    """
    if orientation == 2:
        shown = pixels[:, ::-1]
    elif orientation == 3:
        shown = pixels[::-1, ::-1]
    elif orientation == 4:
        shown = pixels[::-1]
    elif orientation == 5:
        shown = pixels.transpose(1, 0, 2)
    elif orientation == 6:
        shown = pixels[::-1].transpose(1, 0, 2)
    elif orientation == 7:
        shown = pixels[::-1, ::-1].transpose(1, 0, 2)
    elif orientation == 8:
        shown = pixels[:, ::-1].transpose(1, 0, 2)
    else:
        shown = pixels
    return np.ascontiguousarray(shown)


def shown_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height as shown."""
    return (height, width) if 5 <= orientation <= 8 else (width, height)


def rgb_of_image(image: Image.Image) -> Pixels:
    """RGB of a loaded Pillow image of any mode; transparent parts become white."""
    if image.mode in _WIDE_MODES or image.mode.startswith("I;16"):
        return rgb_of_array(np.asarray(image))
    if image.mode in _MAY_BE_TRANSPARENT or "transparency" in image.info:
        colour = image.convert("RGBA")
        white = Image.new("RGB", colour.size, "white")
        white.paste(colour, mask=colour.getchannel("A"))
        return np.array(white)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def rgb_of_array(array: npt.NDArray[np.generic]) -> Pixels:
    """RGB of an array of one, three (blue, green, red) or four (and alpha) channels."""
    levels = as_8_bit(array)
    if levels.ndim == 3 and levels.shape[2] == 4:
        return rgb_of_image(Image.fromarray(np.ascontiguousarray(levels[..., [2, 1, 0, 3]])))
    if levels.ndim == 3 and levels.shape[2] == 3:
        return np.ascontiguousarray(levels[..., ::-1])
    gray = levels if levels.ndim == 2 else levels[..., 0]
    return np.ascontiguousarray(np.broadcast_to(gray[..., None], (*gray.shape, 3)))


def as_8_bit(array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Values of any type as 8 bits.

    Values of 16 bits lose their low byte, also in wider integers; floats in 0..1 are scaled by 255;
    values in 0..255 are kept; any other range is stretched to 0..255. Not a number becomes 0.
    """
    if array.dtype == np.uint8:
        return np.asarray(array, dtype=np.uint8)
    if array.dtype == np.uint16:
        return (np.asarray(array, dtype=np.uint16) >> 8).astype(np.uint8)
    values = np.nan_to_num(np.asarray(array, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1 and array.dtype.kind == "f":
        values = values * 255
    elif low >= 0 and high <= 65535 and array.dtype.kind in "iu":
        values = values // 256 if high > 255 else values
    elif (low < 0 or high > 255) and high > low:
        values = (values - low) / (high - low) * 255
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
