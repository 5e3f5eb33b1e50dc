"""Keeps decoders from writing to standard error: what they say becomes part of a result.

Decoders complain through Python warnings (Pillow), their own log (OpenCV) and C handlers
(libtiff), all of them settings of the process.
"""

from __future__ import annotations

import ctypes
import re
import warnings
from functools import cache

import cv2
from PIL import _imaging

_PILLOW = re.compile(r"PIL\.")


def silence_decoders() -> None:
    """Ignore Pillow's warnings, and silence OpenCV's log and libtiff's messages in this process.

    Cheap to call again, which keeps it working where something else resets the filters.
    """
    if not any(entry[0] == "ignore" and entry[3] == _PILLOW for entry in warnings.filters):
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)
    _silence_native()


@cache
def _silence_native() -> None:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    pillow = ctypes.CDLL(_imaging.__file__)
    # Found where Pillow's libtiff is a shared library; where it is linked in, it stays as it is.
    set_handler = getattr(pillow, "TIFFSetErrorHandler", None)
    if set_handler is not None:
        set_handler.restype = ctypes.c_void_p
        set_handler(None)
