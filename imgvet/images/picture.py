"""A decoded image: how any array becomes upright RGB, its standard size, and its thumbnail."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from imgvet.metrics import STANDARD_SHORT_SIDE
from imgvet.reasons import Failure, Reason

Pixels = npt.NDArray[np.uint8]
"""Red, green, blue; shape (height, width, 3); contiguous."""

MAX_PIXELS = 250_000_000
"""Images whose header claims more pixels are not decoded: 250 million take 750 MB as RGB."""

STANDARD_LONG_SIDE = 4096
"""Greatest long side of the standard size, in pixels; everything is measured at that size."""

PREVIEW_SIDE = 64
"""Side of the square preview inside a thumbnail, in pixels: a tenth of the cost of decoding it."""

UPRIGHT = 1
"""EXIF orientation of an image that is stored as it is shown."""

_NEARLY_WHITE = 247
_DEPTHS = (8, 10, 12, 14, 16)
"""Bits that cameras, scanners and depth sensors give a value; files have 16 for most of them."""

_BEHIND_JFIF = 20
"""Where a JPEG goes on after its first two bytes and the JFIF segment."""
_APP0, _JFXX = b"\xff\xe0", b"JFXX\0\x10"

ROWS_REVERSED, COLUMNS_REVERSED, TRANSPOSED = (3, 4, 6, 7), (2, 3, 7, 8), (5, 6, 7, 8)
"""What each EXIF orientation does to show a picture: it reverses first and transposes then."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded image."""

    pixels: Pixels
    """Orientation applied, alpha composited on white. A large JPEG is decoded at a reduced scale,
    so that this may be smaller than height and width."""
    width: int
    """Of the original as shown (orientation applied), in pixels."""
    height: int
    channels: int
    """Of the file: 1 gray, 2 gray and alpha, 3 colour or a palette, 4 colour and alpha or CMYK."""
    bit_depth: int
    """Bits per channel of the file, 8 for palettes."""
    detail: str = ""
    """What was unusual but harmless."""


def too_large(width: int, height: int) -> Failure | None:
    """A failure if an image of this size would be unsafe to decode."""
    if width * height <= MAX_PIXELS:
        return None
    return Failure(Reason.TOO_LARGE, f"{width} x {height} pixels, at most {MAX_PIXELS} are decoded")


def oriented(pixels: Pixels, orientation: int) -> Pixels:
    """The pixels as shown, for an EXIF orientation of 1 to 8 (others count as 1).

    Source: CIPA DC-008 (Exif 2.32), tag 0x0112.
    """
    if orientation in ROWS_REVERSED:
        pixels = pixels[::-1]
    if orientation in COLUMNS_REVERSED:
        pixels = pixels[:, ::-1]
    if orientation in TRANSPOSED:
        pixels = pixels.transpose(1, 0, 2)
    return np.ascontiguousarray(pixels)


def rgb_of_image(image: Image.Image) -> Pixels:
    """RGB of a loaded Pillow image of any mode.

    Transparent parts become white, or black where what is drawn is white itself and would vanish.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return rgb_of_array(np.asarray(image))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        colour = image.convert("RGBA")
        least, most = colour.getchannel("A").getextrema()
        shown = _laid_on("white", colour)
        vanished = least != most and shown.min() > _NEARLY_WHITE
        return _laid_on("black", colour) if vanished else shown
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _laid_on(background: str, colour: Image.Image) -> Pixels:
    ground = Image.new("RGB", colour.size, background)
    ground.paste(colour, mask=colour.getchannel("A"))
    return np.array(ground)


def rgb_of_array(array: npt.NDArray[np.generic]) -> Pixels:
    """RGB of an array of one, three (blue, green, red) or four (and alpha) channels."""
    levels = _as_8_bit(array)
    if levels.ndim == 3 and levels.shape[2] == 4:
        return rgb_of_image(Image.fromarray(np.ascontiguousarray(levels[..., [2, 1, 0, 3]])))
    if levels.ndim == 3 and levels.shape[2] == 3:
        return np.ascontiguousarray(levels[..., ::-1])
    gray = levels if levels.ndim == 2 else levels[..., 0]
    return np.ascontiguousarray(np.broadcast_to(gray[..., None], (*gray.shape, 3)))


def _as_8_bit(array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Values of any type as 8 bits.

    Whole numbers of 0..65535 lose their low bits, fractions of 0..1 are scaled by 255; any other
    range is stretched to 0..255. Not a number becomes 0.
    """
    if array.dtype == np.uint8:
        return np.asarray(array, dtype=np.uint8)
    if array.dtype == np.uint16:
        return _high_bits(np.asarray(array, np.uint16))
    values = np.nan_to_num(np.asarray(array, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    whole = array.dtype.kind != "f" or (high <= 255 and not (values % 1).any())
    if low >= 0 and high <= 1 and array.dtype.kind == "f":
        values = values * 255
    elif low >= 0 and high <= 65535 and whole:
        return _high_bits(values.astype(np.uint16))
    elif high > low:
        values = (values - low) / (high - low) * 255
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def _high_bits(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """The high 8 bits of the least of :data:`_DEPTHS` that holds all; bytes doubled to 16 again."""
    doubled = not (values % 257).any()
    depth = 16 if doubled else next(bits for bits in _DEPTHS if int(values.max()) < 1 << bits)
    return (values >> (depth - 8)).astype(np.uint8)


def size_within(width: int, height: int, short: int, long: int) -> tuple[int, int]:
    """Width and height of an image of this size, reduced until no side is longer than these."""
    scale = min(1.0, short / min(width, height), long / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def averaged(pixels: Pixels, width: int, height: int) -> Pixels:
    """A picture, in colour or gray, at another size: each pixel is the mean of those it covers."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def to_standard_size(pixels: Pixels) -> Pixels:
    """Reduce to a short side of at most 256 and a long side of at most 4096 pixels.

    By halving (averages of 2 x 2 pixels, which is fast), then by less than two, bilinearly. Nothing
    is enlarged: what is small enough is returned as it is.
    """
    rows, columns = pixels.shape[:2]
    size = size_within(columns, rows, STANDARD_SHORT_SIDE, STANDARD_LONG_SIDE)
    return _reduced(pixels, *size)


def _reduced(pixels: Pixels, width: int, height: int) -> Pixels:
    """Reduce by halving, then by less than two."""
    rows, columns = pixels.shape[:2]
    while rows >= 2 * height or columns >= 2 * width:
        step_y, step_x = min(rows // height, 2), min(columns // width, 2)
        rows, columns = rows // step_y, columns // step_x
        whole = pixels[: rows * step_y, : columns * step_x]  # An odd last line has no partner.
        pixels = averaged(whole, columns, rows)
    if (columns, rows) != (width, height):
        reduced = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        pixels = np.asarray(reduced, np.uint8)
    return pixels


def encode_thumbnail(pixels: Pixels) -> bytes:
    """An image at standard size as JPEG (quality 90, 4:2:0), with a preview of it inside.

    The preview is the middle square as a JPEG of :data:`PREVIEW_SIDE`, where decoders pass over it:
    in a JFXX segment behind the JFIF one (JFIF 1.02, "JFIF Extension: Thumbnail coded using JPEG").
    """
    whole = _jpeg(pixels, quality=90)
    segment = _JFXX + _jpeg(middle_square(pixels, PREVIEW_SIDE), quality=85)
    length = (len(segment) + 2).to_bytes(2)
    return whole[:_BEHIND_JFIF] + _APP0 + length + segment + whole[_BEHIND_JFIF:]


def preview_of(thumbnail: bytes) -> bytes:
    """The preview inside a thumbnail, a JPEG; the thumbnail itself where it has none."""
    start = _BEHIND_JFIF + len(_APP0) + 2
    if not thumbnail.startswith(_JFXX, start):
        return thumbnail
    end = start - 2 + int.from_bytes(thumbnail[start - 2 : start])
    return thumbnail[start + len(_JFXX) : end]


def middle_square(pixels: Pixels, side: int) -> Pixels:
    """The square in the middle of a picture, ``side`` pixels wide."""
    height, width = pixels.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return _reduced(pixels[top : top + edge, left : left + edge], side, side)


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    return bytes(
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420"
        )
    )


def decode_thumbnail(jpeg: bytes, least_side: int = 0, *, gray: bool = False) -> Pixels:
    """The pixels of a thumbnail; ValueError if the bytes are not those of a whole JPEG.

    With ``least_side`` at a reduced scale, which is faster: no side becomes shorter than that.
    In ``gray`` they are (h, w).
    """
    pixels = simplejpeg.decode_jpeg(
        jpeg, "GRAY" if gray else "RGB", min_height=least_side, min_width=least_side
    )
    return np.asarray(pixels[..., 0] if gray else pixels, np.uint8)
