"""What image decoders have in common: their errors, their messages, and EXIF orientation."""

from __future__ import annotations

import ctypes
import logging
import re
import struct
import warnings
import zlib
from functools import cache

import cv2
from PIL import ExifTags, Image, _imaging

from imgvet.images.formats import Format, ends_early
from imgvet.images.picture import UPRIGHT
from imgvet.reasons import Failure, Reason

DECODER_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
    MemoryError,
    struct.error,
    zlib.error,
    cv2.error,
    Image.DecompressionBombError,
)
"""Raised by decoders for bad bytes.

Pillow's readers parse in Python and document no errors: damaged headers reach them as missing
keys, unpacking errors, None where a number was expected, or divisions by zero. The ``try`` blocks
that catch these hold one call of a decoder and nothing of ours.
"""

_TRUNCATED = (
    "truncated", "premature end of jpeg file", "unexpected end", "end of file", "not enough data",
    "but only got",
)  # fmt: skip

_PILLOW = re.compile(r"PIL\.")


def failure(error: Exception, data: bytes, kind: Format) -> Failure:
    """The failure that an error of a decoder stands for."""
    message = " ".join(str(error).split()) or type(error).__name__
    detail = f"{kind}: {message}"[:300]
    if isinstance(error, (MemoryError, Image.DecompressionBombError)):
        return Failure(Reason.TOO_LARGE, detail)
    if any(words in message.lower() for words in _TRUNCATED) or ends_early(data, kind):
        return Failure(Reason.TRUNCATED, detail)
    return Failure(Reason.CORRUPT, detail)


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 if there is none or it can't be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except DECODER_ERRORS:
        return UPRIGHT  # Damaged metadata do not make an image invalid.
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def silence_decoders() -> None:
    """Keep decoders from writing to standard error: what they say becomes part of a result.

    They complain through Python warnings and logging (Pillow), their own log (OpenCV) and C
    handlers (libtiff), all of them settings of the process. Cheap to call again, which keeps it
    working where something else resets the filters.
    """
    if not any(entry[0] == "ignore" and entry[3] == _PILLOW for entry in warnings.filters):
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)
    _silence_logs()


@cache
def _silence_logs() -> None:
    # Without any handler, Python writes errors to standard error.
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    # Found where Pillow's libtiff is a shared library; where it is linked in, it stays as it is.
    set_handler = getattr(ctypes.CDLL(_imaging.__file__), "TIFFSetErrorHandler", None)
    if set_handler is not None:
        set_handler.restype = ctypes.c_void_p
        set_handler(None)
