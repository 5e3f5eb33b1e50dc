"""Decode JPEG with libjpeg-turbo, at a reduced scale where the image is large."""

from __future__ import annotations

import io

import numpy as np
import simplejpeg
from PIL import JpegImagePlugin

from imgvet.images.decoders import DECODER_ERRORS, failure, orientation_of
from imgvet.images.formats import Format
from imgvet.images.picture import (
    UPRIGHT,
    Picture,
    Pixels,
    oriented,
    rgb_of_image,
    shown_size,
    too_large,
)
from imgvet.reasons import Failure

REDUCED_SHORT_SIDE = 512
"""Least short side that a large JPEG is decoded to: twice that of the standard size."""

_CHANNELS = {"Gray": 1, "CMYK": 4, "YCCK": 4}

_HARMLESS = (
    "extraneous bytes before marker",
    "unknown jfif revision",
    "unknown adobe color transform",
    "invalid sos parameters",
)
"""Warnings of libjpeg (jerror.h) after which no pixel is missing."""


def decode_jpeg(data: bytes, *, full_size: bool = False) -> Picture | Failure:
    """Decode a JPEG file (gray, YCbCr, RGB, CMYK or YCCK; baseline, progressive or arithmetic).

    Args:
        data: the whole content of the file.
        full_size: decode all pixels, instead of at a scale that leaves both sides long enough.
    """
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except DECODER_ERRORS as error:
        return failure(error, data, Format.JPEG)
    refused = too_large(width, height)
    if refused is not None:
        return refused
    channels, orientation = _CHANNELS.get(colours, 3), _orientation(data)
    if channels == 4:
        decoded = _decode_with_pillow(data, "")
    else:
        decoded = _decode_with_libjpeg(data, 0 if full_size else REDUCED_SHORT_SIDE)
    if isinstance(decoded, Failure):
        return decoded
    pixels, note = decoded
    width, height = shown_size(width, height, orientation)
    return Picture(oriented(pixels, orientation), width, height, channels, 8, note)


def _orientation(data: bytes) -> int:
    if b"Exif\0\0" not in data[:65536] and b"tiff:Orientation" not in data[:65536]:
        return UPRIGHT
    try:
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    except DECODER_ERRORS:
        return UPRIGHT  # Pillow is stricter about headers than libjpeg, whose word counts.
    return orientation_of(image)


def _decode_with_libjpeg(data: bytes, short_side: int) -> tuple[Pixels, str] | Failure:
    """The pixels as stored, at the least scale that leaves both sides so long, and a note.

    Args:
        data: the whole content of the file.
        short_side: pixels; 0 decodes all of them.
    """
    try:
        decoded = simplejpeg.decode_jpeg(
            data,
            colorspace="RGB",
            min_height=short_side,
            min_width=short_side,
            min_factor=1,
            strict=True,
        )
    except DECODER_ERRORS as error:
        message = str(error)
        if any(words in message.lower() for words in _HARMLESS):
            # A strict decoder stops at its first warning and a lenient one does not tell the
            # rest; Pillow goes on, and stops where data are missing.
            return _decode_with_pillow(data, message)
        return failure(error, data, Format.JPEG)
    return np.asarray(decoded, dtype=np.uint8), ""


def _decode_with_pillow(data: bytes, note: str) -> tuple[Pixels, str] | Failure:
    try:
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        image.load()
    except DECODER_ERRORS as error:
        return failure(error, data, Format.JPEG)
    return rgb_of_image(image), note
