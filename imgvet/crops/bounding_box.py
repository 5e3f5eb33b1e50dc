"""The parameter ``bounding_box``: one box for all images, or the name of a detector."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from typing import get_args

from imgvet.crops.detectors.detector import DetectorName
from imgvet.errors import InvalidParameterError
from imgvet.images.geometry import Box

DETECTORS: tuple[DetectorName, ...] = get_args(DetectorName)

_KEYS = ("row_y", "col_x", "height", "width")
_FORM = "Write row_y=10,col_x=20,height=100,width=80 (pixels), or one of face, ocr, yolov5s"
_ENTRY = re.compile(r"\s*(\w+)\s*=\s*([^\s=]+)\s*")


def parse_bounding_box(text: str) -> Box | DetectorName:
    """Parse ``row_y=..,col_x=..,height=..,width=..``, in any order, or the name of a detector.

    Raises:
        InvalidParameterError: it is neither, a value is missing, comes twice or is no number, or
            height or width are not above 0.
    """
    word = text.strip().lower()
    for detector in DETECTORS:
        if word == detector:
            return detector
    if "=" not in word:
        raise _wrong(text, f"it is no box{_suggestion(word, DETECTORS)}")
    values: dict[str, float] = {}
    for entry in word.strip(",").split(","):
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise _wrong(text, f"{entry.strip()!r} is not name=pixels")
        key, value = found.groups()
        if key not in _KEYS:
            raise _wrong(text, f"{key} is unknown{_suggestion(key, _KEYS)}")
        if key in values:
            raise _wrong(text, f"{key} comes twice")
        values[key] = _pixels(key, value, text)
    missing = [key for key in _KEYS if key not in values]
    if missing:
        raise _wrong(text, f"{', '.join(missing)} missing")
    return Box(values["col_x"], values["row_y"], values["width"], values["height"])


def _pixels(key: str, value: str, text: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise _wrong(text, f"{key} is not a number") from None
    if not math.isfinite(number):
        raise _wrong(text, f"{key} is not a number of pixels")
    if key in ("height", "width") and number <= 0:
        raise _wrong(text, f"{key} is not above 0")
    return number


def _suggestion(word: str, known: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(word, known, n=1)
    return f", did you mean {nearest[0]}" if nearest else ""


def _wrong(text: str, problem: str) -> InvalidParameterError:
    return InvalidParameterError(f"bounding_box = {text!r}: {problem}", _FORM)
