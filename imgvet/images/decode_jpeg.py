"""Decode JPEG with libjpeg-turbo, at a reduced scale where the picture is large."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import JpegImagePlugin

from imgvet.images.decoder_errors import DECODER_ERRORS, failure
from imgvet.images.exif import orientation_of
from imgvet.images.formats import Format
from imgvet.images.picture import Failure, Picture, Pixels, too_large
from imgvet.images.pixels import UPRIGHT, oriented, rgb_of_image, shown_size

REDUCED_SHORT_SIDE = 512
"""Least short side that a large JPEG is decoded to: twice that of the canonical picture."""

_CHANNELS = {"Gray": 1, "CMYK": 4, "YCCK": 4}

_HARMLESS = (
    "extraneous bytes before marker",
    "unknown jfif revision",
    "unknown adobe color transform",
    "invalid sos parameters",
)
"""Warnings of libjpeg (jerror.h) after which no pixel is missing."""


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    channels: int
    orientation: int


def decode_jpeg(data: bytes, *, full_size: bool = False) -> Picture | Failure:
    """Decode a JPEG file (gray, YCbCr, RGB, CMYK or YCCK; baseline, progressive or arithmetic).

    Args:
        data: the whole content of the file.
        full_size: decode all pixels, instead of at a scale that leaves both sides long enough.
    """
    header = _read_header(data)
    if isinstance(header, Failure):
        return header
    refused = too_large(header.width, header.height)
    if refused is not None:
        return refused
    decoded = _decode_pixels(data, header, full_size=full_size)
    if isinstance(decoded, Failure):
        return decoded
    pixels, detail = decoded
    width, height = shown_size(header.width, header.height, header.orientation)
    return Picture(oriented(pixels, header.orientation), width, height, header.channels, 8, detail)


def _read_header(data: bytes) -> _Header | Failure:
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except DECODER_ERRORS as error:
        return failure(error, data, Format.JPEG)
    return _Header(int(width), int(height), _CHANNELS.get(str(colours), 3), _orientation(data))


def _orientation(data: bytes) -> int:
    if b"Exif\0\0" not in data[:65536] and b"tiff:Orientation" not in data[:65536]:
        return UPRIGHT
    try:
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    except DECODER_ERRORS:
        return UPRIGHT  # Pillow is stricter about headers than libjpeg, whose word counts.
    return orientation_of(image)


def _decode_pixels(
    data: bytes, header: _Header, *, full_size: bool
) -> tuple[Pixels, str] | Failure:
    """The pixels as stored and a note, or a failure."""
    if header.channels == 4:
        return _decode_with_pillow(data, "")
    try:
        return _decode_strictly(data, 0 if full_size else REDUCED_SHORT_SIDE), ""
    except DECODER_ERRORS as error:
        message = str(error)
        if any(words in message.lower() for words in _HARMLESS):
            # A strict decoder stops at its first warning and a lenient one does not tell the
            # rest; Pillow goes on, and stops where data are missing.
            return _decode_with_pillow(data, message)
        return failure(error, data, Format.JPEG)


def _decode_with_pillow(data: bytes, note: str) -> tuple[Pixels, str] | Failure:
    try:
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        image.load()
    except DECODER_ERRORS as error:
        return failure(error, data, Format.JPEG)
    return rgb_of_image(image), note


def _decode_strictly(data: bytes, short_side: int) -> Pixels:
    """Decode at the least scale that leaves both sides so many pixels; 0 decodes all pixels.

    Raises:
        ValueError: libjpeg warned or failed.
    """
    decoded = simplejpeg.decode_jpeg(
        data,
        colorspace="RGB",
        min_height=short_side,
        min_width=short_side,
        min_factor=1,
        strict=True,
    )
    return np.asarray(decoded, dtype=np.uint8)
