"""Decode the formats other than JPEG and HEIF: with Pillow, or OpenCV where Pillow can't."""

from __future__ import annotations

import io
import re

import cv2
import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    QoiImagePlugin,
    SunImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from imgvet.images.decoder_errors import DECODER_ERRORS, failure
from imgvet.images.exif import orientation_of
from imgvet.images.formats import Format
from imgvet.images.picture import Failure, Picture, too_large
from imgvet.images.pixels import UPRIGHT, oriented, rgb_of_array, rgb_of_image, shown_size
from imgvet.reasons import Reason

_READERS: dict[Format, type[ImageFile.ImageFile]] = {
    Format.PNG: PngImagePlugin.PngImageFile,
    Format.GIF: GifImagePlugin.GifImageFile,
    Format.BMP: BmpImagePlugin.BmpImageFile,
    Format.TIFF: TiffImagePlugin.TiffImageFile,
    Format.WEBP: WebPImagePlugin.WebPImageFile,
    Format.AVIF: AvifImagePlugin.AvifImageFile,
    Format.JPEG2000: Jpeg2KImagePlugin.Jpeg2KImageFile,
    Format.PNM: PpmImagePlugin.PpmImageFile,
    Format.SUN: SunImagePlugin.SunImageFile,
    Format.QOI: QoiImagePlugin.QoiImageFile,
}
"""Used directly: ``Image.open`` also tries readers that start other programs."""

_CHANNELS = {"1": 1, "L": 1, "I": 1, "F": 1, "LA": 2, "La": 2, "RGBA": 4, "RGBa": 4, "CMYK": 4,
             "PA": 4}  # fmt: skip
_BITS_PER_SAMPLE = 258
_IMAGE_WIDTH, _IMAGE_LENGTH = 256, 257


def decode_with_pillow(data: bytes, kind: Format) -> Picture | Failure:
    """Decode the first frame of a file of one of the formats that Pillow reads."""
    try:
        if kind is Format.PNG:
            # Pillow ends at damaged data as at their end; only the checksums tell.
            PngImagePlugin.PngImageFile(io.BytesIO(data)).verify()
        image = _READERS[kind](io.BytesIO(data))
    except DECODER_ERRORS as error:
        if kind is Format.TIFF:
            return _decode_tiff_with_opencv(data, error)
        return failure(error, data, kind)
    refused = too_large(*image.size)
    if refused is not None:
        return refused
    bit_depth = _bit_depth(image, data, kind)
    try:
        image.load()
        pixels = rgb_of_image(image)
    except DECODER_ERRORS as error:
        return failure(error, data, kind)
    orientation = orientation_of(image)
    width, height = shown_size(*image.size, orientation)
    return Picture(oriented(pixels, orientation), width, height, _channels(image), bit_depth)


def _channels(image: Image.Image) -> int:
    if image.mode == "P" and "transparency" in image.info:
        return 4
    return 1 if image.mode.startswith("I;16") else _CHANNELS.get(image.mode, 3)


def _bit_depth(image: ImageFile.ImageFile, data: bytes, kind: Format) -> int:
    """Bits per channel of the file; Pillow's mode hides 16-bit colour."""
    if image.mode in ("P", "PA"):
        return 8
    if kind is Format.PNG:
        return data[24]
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = image.tag_v2.get(_BITS_PER_SAMPLE, (1,))
        return int(bits[0]) if isinstance(bits, tuple) else int(bits)
    if image.mode.startswith("I;16"):
        return 16
    return {"1": 1, "I": 32, "F": 32}.get(image.mode, 8)


def _decode_tiff_with_opencv(data: bytes, refusal: Exception) -> Picture | Failure:
    """Decode a TIFF that Pillow refused, such as one of several float channels."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        tags.load(_at(data, tags.next))
        width, height = int(tags[_IMAGE_WIDTH]), int(tags[_IMAGE_LENGTH])
        orientation = int(tags.get(274, UPRIGHT))
    except DECODER_ERRORS:
        return failure(refusal, data, Format.TIFF)
    return _decode_with_opencv(data, Format.TIFF, (width, height), orientation, refusal)


def _at(data: bytes, offset: int) -> io.BytesIO:
    stream = io.BytesIO(data)
    stream.seek(offset)
    return stream


def decode_radiance(data: bytes) -> Picture | Failure:
    """Decode a Radiance picture; values from 0 to 1 are scaled to 8 bits."""
    size = re.search(rb"-Y (\d{1,9}) \+X (\d{1,9})\n", data[:4096])
    if size is None:
        return Failure(Reason.CORRUPT, "Radiance HDR: no resolution line")
    width, height = int(size[2]), int(size[1])
    refusal = ValueError("broken data")
    return _decode_with_opencv(data, Format.RADIANCE, (width, height), UPRIGHT, refusal)


def _decode_with_opencv(
    data: bytes, kind: Format, size: tuple[int, int], orientation: int, refusal: Exception
) -> Picture | Failure:
    """Decode with OpenCV; if it fails as well, the failure is that of the first decoder."""
    refused = too_large(*size)
    if refused is not None:
        return refused
    try:
        levels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except DECODER_ERRORS as error:
        return failure(error, data, kind)
    if levels is None or levels.shape[:2] != (size[1], size[0]):
        return failure(refusal, data, kind)
    channels = 1 if levels.ndim == 2 else levels.shape[2]
    width, height = shown_size(*size, orientation)
    pixels = oriented(rgb_of_array(levels), orientation)
    return Picture(pixels, width, height, channels, levels.dtype.itemsize * 8)
