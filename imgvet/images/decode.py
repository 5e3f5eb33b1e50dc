"""Decode an image file: bytes in, upright RGB of 8 bits or a reason out; bad bytes never raise.

The content decides what a file is, never its name. JPEG goes through libjpeg-turbo (simplejpeg),
HEIF through libheif, everything else through Pillow, which reports damaged data where OpenCV
returns half an image; OpenCV decodes what Pillow does not know.
"""

from __future__ import annotations

import io
import re

import cv2
import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
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

from imgvet.images.decode_jpeg import decode_jpeg
from imgvet.images.decoders import DECODER_ERRORS, failure, orientation_of, silence_decoders
from imgvet.images.formats import Format, identify, unsupported_name
from imgvet.images.picture import (
    UPRIGHT,
    Picture,
    oriented,
    rgb_of_array,
    rgb_of_image,
    shown_size,
    too_large,
)
from imgvet.reasons import Failure, Reason

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


def decode(data: bytes, *, full_size: bool = False) -> Picture | Failure:
    """Decode the first image of a file.

    Args:
        data: the whole content of the file.
        full_size: decode a large JPEG with all its pixels instead of at a reduced scale.

    Returns:
        The image, or why there is none: empty_file, not_an_image, unsupported, truncated, corrupt
        or too_large.
    """
    if not data:
        return Failure(Reason.EMPTY_FILE, "0 bytes")
    kind = identify(data)
    if kind is None:
        return _unknown(data)
    silence_decoders()
    if kind is Format.JPEG:
        return decode_jpeg(data, full_size=full_size)
    if kind is Format.HEIF:
        return _decode_with_libheif(data)
    if kind is Format.RADIANCE:
        return _decode_radiance(data)
    return _decode_with_pillow(data, kind)


def _unknown(data: bytes) -> Failure:
    name = unsupported_name(data)
    if name is not None:
        return Failure(Reason.UNSUPPORTED, f"{name} is not decoded")
    return Failure(Reason.NOT_AN_IMAGE, f"starts with {data[:8].hex(' ')}")


def _decode_with_libheif(data: bytes) -> Picture | Failure:
    """Decode the primary image; libheif applies its rotation and mirroring."""
    import pillow_heif  # Late: it loads libheif, which few datasets need.

    try:
        heif = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
        width, height = heif.size
    except DECODER_ERRORS as error:
        return failure(error, data, Format.HEIF)
    refused = too_large(width, height)
    if refused is not None:
        return refused
    try:
        levels = np.asarray(heif)
    except DECODER_ERRORS as error:
        return failure(error, data, Format.HEIF)
    pixels = rgb_of_image(Image.fromarray(levels))
    channels = 1 if levels.ndim == 2 else levels.shape[2]
    return Picture(pixels, width, height, channels, int(heif.info.get("bit_depth", 8)))


def _decode_with_pillow(data: bytes, kind: Format) -> Picture | Failure:
    try:
        if kind is Format.PNG:
            # Pillow ends at damaged data as at their end; only the checksums tell.
            PngImagePlugin.PngImageFile(io.BytesIO(data)).verify()
        image = _READERS[kind](io.BytesIO(data))
    except DECODER_ERRORS as error:
        if kind is Format.TIFF:
            return _decode_refused_tiff(data, error)
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
        bits = image.tag_v2.get(ExifTags.Base.BitsPerSample, (1,))
        return int(bits[0]) if isinstance(bits, tuple) else int(bits)
    if image.mode.startswith("I;16"):
        return 16
    return {"1": 1, "I": 32, "F": 32}.get(image.mode, 8)


def _decode_refused_tiff(data: bytes, refusal: Exception) -> Picture | Failure:
    """Decode a TIFF that Pillow refused, such as one of several float channels, with OpenCV."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        width, height = (
            int(tags[tag]) for tag in (ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength)
        )
        orientation = int(tags.get(ExifTags.Base.Orientation, UPRIGHT))
    except DECODER_ERRORS:
        return failure(refusal, data, Format.TIFF)
    return _decode_with_opencv(data, Format.TIFF, (width, height), orientation, refusal)


def _decode_radiance(data: bytes) -> Picture | Failure:
    """Decode a Radiance image; values from 0 to 1 are scaled to 8 bits."""
    size = re.search(rb"-Y (\d{1,9}) \+X (\d{1,9})\n", data[:4096])
    if size is None:
        return Failure(Reason.CORRUPT, "Radiance HDR: no resolution line")
    width, height = int(size[2]), int(size[1])
    refusal = ValueError("broken data")
    return _decode_with_opencv(data, Format.RADIANCE, (width, height), UPRIGHT, refusal)


def _decode_with_opencv(
    data: bytes, kind: Format, size: tuple[int, int], orientation: int, refusal: Exception
) -> Picture | Failure:
    """Decode what other decoders refused; where OpenCV fails as well, their error is told."""
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
