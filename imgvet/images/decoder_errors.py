"""What image decoders raise for bad bytes, and which reason each error stands for."""

from __future__ import annotations

import struct
import zlib

import cv2
from PIL import Image

from imgvet.images.formats import Format, ends_early
from imgvet.images.picture import Failure
from imgvet.reasons import Reason

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


def failure(error: Exception, data: bytes, kind: Format) -> Failure:
    """The failure that an error of a decoder stands for."""
    message = " ".join(str(error).split()) or type(error).__name__
    detail = f"{kind}: {message}"[:300]
    if isinstance(error, (MemoryError, Image.DecompressionBombError)):
        return Failure(Reason.TOO_LARGE, detail)
    if any(words in message.lower() for words in _TRUNCATED) or ends_early(data, kind):
        return Failure(Reason.TRUNCATED, detail)
    return Failure(Reason.CORRUPT, detail)
