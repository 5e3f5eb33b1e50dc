"""Decode an image file: bytes in, upright RGB of 8 bits or a reason out; bad bytes never raise.

The content decides what a file is, never its name. JPEG goes through libjpeg-turbo (simplejpeg),
HEIF through libheif, DICOM through pydicom, everything else through Pillow, which reports damaged
data where OpenCV returns half an image; OpenCV decodes what Pillow does not know.
"""

from __future__ import annotations

import ctypes
import errno
import io
import logging
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import simplejpeg
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    QoiImagePlugin,
    SunImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    _imaging,
)

from imgvet.errors import lacking
from imgvet.format import message_of
from imgvet.images.formats import Format, beginning, ends_early, identify, unsupported_name
from imgvet.images.picture import (
    TRANSPOSED,
    UPRIGHT,
    Picture,
    Pixels,
    oriented,
    rgb_of_array,
    rgb_of_image,
    too_large,
)
from imgvet.reasons import Failure, Reason

_READERS: dict[Format, type[ImageFile.ImageFile]] = {
    Format.JPEG: JpegImagePlugin.JpegImageFile,
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

_DECODER_ERRORS: tuple[type[Exception], ...] = (
    OSError, EOFError, SyntaxError, ValueError, TypeError, AttributeError, LookupError,
    ArithmeticError, RuntimeError, AssertionError,
    struct.error, zlib.error, cv2.error, Image.DecompressionBombError,
)  # fmt: skip
"""Raised by decoders for bad bytes.

Pillow's readers parse in Python and document no errors: damaged headers reach them as missing
keys, unpacking errors, None where a number was expected, or divisions by zero. The blocks that
catch these hold one call of a decoder and nothing of ours.
"""

_TRUNCATED = (
    "truncated", "premature end of jpeg file", "unexpected end", "end of file", "not enough data",
    "but only got", "less than expected",
)  # fmt: skip
_HARMLESS = (
    "extraneous bytes before marker", "unknown jfif revision", "unknown adobe color transform",
    "invalid sos parameters",
)  # fmt: skip
"""Warnings of libjpeg (jerror.h) after which no pixel is missing."""

_REDUCED_SHORT_SIDE = 512
"""Least short side that a large JPEG is decoded to: twice that of the standard size."""

_OF_TURBOJPEG = ("Gray", "RGB", "YCbCr")
"""The colours of JPEGs, as the header tells them, of which it makes RGB."""
_SPEAKERS = re.compile(r"(PIL|pydicom)\.")
"""Modules that warn of what is wrong with data."""


class _UndecodableError(Exception):
    """Carries the failure that is the result of :func:`decode`."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


def decode(data: bytes, *, full_size: bool = False) -> Picture | Failure:
    """The first image of a file, or why there is none.

    The reasons are empty_file, not_an_image, unsupported, truncated, corrupt and too_large. A large
    JPEG is decoded at a reduced scale unless the full size is asked for. Raises MemoryError if
    there is too little, which says nothing of the file.
    """
    if not data:
        return Failure(Reason.EMPTY_FILE, "0 bytes")
    kind = identify(data)
    if kind is None:
        if (name := unsupported_name(data)) is not None:
            return Failure(Reason.UNSUPPORTED, f"{name} is not decoded")
        return Failure(Reason.NOT_AN_IMAGE, beginning(data))
    silence_decoders()
    try:
        if kind is Format.JPEG:
            return _decode_jpeg(data, 0 if full_size else _REDUCED_SHORT_SIDE)
        others = {
            Format.HEIF: _decode_heif,
            Format.RADIANCE: _decode_radiance,
            Format.DICOM: _decode_dicom,
        }
        other = others.get(kind)
        return _decode_with_pillow(data, kind) if other is None else other(data)
    except _UndecodableError as error:
        return error.failure


def _decode_jpeg(data: bytes, short_side: int) -> Picture:
    """Decode at the least scale that leaves both sides so long; 0 decodes all pixels."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except _DECODER_ERRORS:
        colours = ""  # TurboJPEG reads the usual shares of colour samples only, libjpeg all.
    if colours not in _OF_TURBOJPEG:
        return _decode_with_pillow(data, Format.JPEG)
    _refuse_too_large(width, height)
    try:
        pixels = simplejpeg.decode_jpeg(
            data, colorspace="RGB", min_height=short_side, min_width=short_side, min_factor=1,
            strict=True,
        )  # fmt: skip
    except _DECODER_ERRORS as error:
        # A strict decoder stops at its first warning and a lenient one does not tell the rest;
        # Pillow goes on, and stops where data are missing.
        if not any(words in str(error).lower() for words in _HARMLESS):
            raise _UndecodableError(_failure(error, data, Format.JPEG)) from None
        return replace(_decode_with_pillow(data, Format.JPEG), detail=str(error))
    orientation = UPRIGHT
    if b"Exif\0\0" in data[:65536] or b"tiff:Orientation" in data[:65536]:
        with suppress(*_DECODER_ERRORS):  # Pillow is stricter about headers than libjpeg.
            orientation = _orientation_of(_opened(data, Format.JPEG))
    channels = 1 if colours == "Gray" else 3
    return _picture(np.asarray(pixels, np.uint8), (width, height), orientation, channels, 8)


def _decode_heif(data: bytes) -> Picture:
    """Decode the primary image; libheif applies its rotation and mirroring."""
    import pillow_heif  # Late: it loads libheif, which few datasets need.

    with _decoder_of(data, Format.HEIF):
        heif = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
        size = heif.size
    _refuse_too_large(*size)
    with _decoder_of(data, Format.HEIF):
        levels = np.asarray(heif)
    pixels, bit_depth = rgb_of_image(Image.fromarray(levels)), int(heif.info.get("bit_depth", 8))
    return _picture(pixels, size, UPRIGHT, 1 if levels.ndim == 2 else levels.shape[2], bit_depth)


def _decode_dicom(data: bytes) -> Picture | Failure:
    from imgvet.images import dicom  # Late: pydicom takes a quarter of a second.

    with _decoder_of(data, Format.DICOM, *dicom.ERRORS):
        return dicom.decode(data)


def _decode_with_pillow(data: bytes, kind: Format) -> Picture:
    try:
        if kind is Format.PNG:
            # Pillow ends at damaged data as at their end; only the checksums tell.
            _opened(data, kind).verify()
        image = _opened(data, kind)
    except _DECODER_ERRORS as error:
        failure = _failure(error, data, kind)
        if kind is Format.TIFF:
            return _decode_refused_tiff(data, failure)
        raise _UndecodableError(failure) from None
    _refuse_too_large(*image.size)
    bit_depth = _bit_depth(image, data, kind)
    with _decoder_of(data, kind):
        image.load()
        pixels = rgb_of_image(image)
    return _picture(pixels, image.size, _orientation_of(image), _channels(image), bit_depth)


def _channels(image: Image.Image) -> int:
    if image.mode in ("P", "PA"):  # of colours
        return 4 if image.mode == "PA" or "transparency" in image.info else 3
    return len(image.getbands())


def _bit_depth(image: ImageFile.ImageFile, data: bytes, kind: Format) -> int:
    """Bits per channel of the file; Pillow's mode hides 16-bit colour."""
    if image.mode in ("P", "PA"):
        return 8
    if kind is Format.PNG:
        return data[24]
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(image.tag_v2.get(ExifTags.Base.BitsPerSample, (1,))[0])
    if image.mode.startswith("I;16"):
        return 16
    return {"1": 1, "I": 32, "F": 32}.get(image.mode, 8)


def _decode_refused_tiff(data: bytes, refusal: Failure) -> Picture:
    """Decode a TIFF that Pillow refused, such as one of several float channels, with OpenCV."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        size = int(tags[ExifTags.Base.ImageWidth]), int(tags[ExifTags.Base.ImageLength])
        orientation = int(tags.get(ExifTags.Base.Orientation, UPRIGHT))
    except _DECODER_ERRORS:
        raise _UndecodableError(refusal) from None
    return _decode_with_opencv(data, size, orientation, refusal, Format.TIFF)


def _decode_radiance(data: bytes) -> Picture:
    """Decode a Radiance image; values from 0 to 1 are scaled to 8 bits."""
    size = re.search(rb"-Y (\d{1,9}) \+X (\d{1,9})\n", data[:4096])
    if size is None:
        raise _UndecodableError(Failure(Reason.CORRUPT, "Radiance HDR: no resolution line"))
    refusal = Failure(Reason.CORRUPT, "Radiance HDR: broken data")
    return _decode_with_opencv(
        data, (int(size[2]), int(size[1])), UPRIGHT, refusal, Format.RADIANCE
    )


def _decode_with_opencv(
    data: bytes, size: tuple[int, int], orientation: int, refusal: Failure, kind: Format
) -> Picture:
    """Decode what other decoders refused; where OpenCV fails as well, their refusal is told."""
    _refuse_too_large(*size)
    with _decoder_of(data, kind):
        levels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if levels is None or levels.shape[:2] != size[::-1]:
        raise _UndecodableError(refusal)
    channels, bit_depth = 1 if levels.ndim == 2 else levels.shape[2], levels.dtype.itemsize * 8
    return _picture(rgb_of_array(levels), size, orientation, channels, bit_depth)


def _picture(
    pixels: Pixels, size: tuple[int, int], orientation: int, channels: int, bit_depth: int
) -> Picture:
    """The picture upright; size and pixels are those of the file as stored."""
    width, height = size[::-1] if orientation in TRANSPOSED else size
    return Picture(oriented(pixels, orientation), width, height, channels, bit_depth)


def _opened(data: bytes, kind: Format) -> ImageFile.ImageFile:
    return _READERS[kind](io.BytesIO(data))


def _orientation_of(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 if there is none or it can't be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except _DECODER_ERRORS:
        return UPRIGHT  # Damaged metadata do not make an image invalid.
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def _refuse_too_large(width: int, height: int) -> None:
    if (refusal := too_large(width, height)) is not None:
        raise _UndecodableError(refusal)


@contextmanager
def _decoder_of(data: bytes, kind: Format, *own: type[Exception]) -> Iterator[None]:
    """Around one call of a decoder: what it raises is what is wrong with the data."""
    try:
        yield
    except (*_DECODER_ERRORS, *own) as error:
        raise _UndecodableError(_failure(error, data, kind)) from None


def _failure(error: Exception, data: bytes, kind: Format) -> Failure:
    message = message_of(error)
    # libheif says that of headers as well which ask for more than it allows.
    if lacking(error) == errno.ENOMEM and "Security limit" not in message:
        raise MemoryError(message)
    reason = Reason.CORRUPT
    if isinstance(error, Image.DecompressionBombError):
        reason = Reason.TOO_LARGE
    elif "does not support" in message:
        reason = Reason.UNSUPPORTED
    elif any(words in message.lower() for words in _TRUNCATED) or ends_early(data, kind):
        reason = Reason.TRUNCATED
    return Failure(reason, f"{kind}: {message}"[:300])


def silence_decoders() -> None:
    """Keep decoders from writing to standard error: what they say becomes part of a result.

    They complain through Python warnings and logging (Pillow, pydicom), their own log (OpenCV) and
    C handlers (libtiff), all of them settings of the process. Cheap to call again, which keeps it
    working where something else resets the filters.
    """
    if not any(entry[0] == "ignore" and entry[3] == _SPEAKERS for entry in warnings.filters):
        warnings.filterwarnings("ignore", module=_SPEAKERS.pattern)
    _silence_logs()


@cache
def _silence_logs() -> None:
    # Without any handler, Python writes errors to standard error.
    for name in ("PIL", "pydicom"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    # Found where Pillow's libtiff is a shared library; where it is linked in, it stays as it is.
    set_handler = getattr(ctypes.CDLL(_imaging.__file__), "TIFFSetErrorHandler", None)
    if set_handler is not None:
        set_handler.restype = ctypes.c_void_p
        set_handler(None)
