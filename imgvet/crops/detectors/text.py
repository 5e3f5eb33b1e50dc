"""Text: RapidOCR, which finds and reads it with the PP-OCR models inside its package."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from imgvet.crops.detectors.common import best_inside
from imgvet.errors import MissingExtraError, ModelError
from imgvet.images.geometry import Points, Region, corners_of, region_of_corners
from imgvet.images.picture import Pixels
from imgvet.models.file import sha256_of

LABEL = "text"
REMEDY = 'pip install "imgvet[ocr]"'

_TALL = 1.5
"""RapidOCR reads a box as text on its side if it is this many times as tall as it is wide."""

MIN_SCORE = 0.5
"""Of a text, 0..1; RapidOCR's default, and PaddleOCR's ``drop_score``."""
LONG_SIDE = 960
"""What larger pictures are scaled down to for finding text (it is read at up to 2,000 pixels);
PaddleOCR's ``det_limit_side_len``. RapidOCR's own default enlarges small pictures instead: about as
much text found in three times the time, and without bound where one is narrow."""
MIN_TILT = 5.0
"""Degrees to the nearest axis from which on a box counts as rotated; corners come in whole pixels,
which are worth five degrees in a box of a dozen pixels."""
MIN_SIDE = 16
"""Shorter sides are padded to it; RapidOCR fails on boxes less than a pixel high."""
MAX_ELONGATION = 30
"""A picture longer than this many times its short side is padded to that; RapidOCR scales a longer
one down to nothing."""


def text_models() -> tuple[Path, ...]:
    """The models inside the package rapidocr, which find lines, turn and read them.

    MissingExtraError if it is not installed, ModelError if it is without its models.
    """
    try:
        import rapidocr
    except ImportError as error:
        raise MissingExtraError(
            "Finding text needs rapidocr, which is not installed", REMEDY
        ) from error
    folder = Path(rapidocr.__file__).parent / "models"
    files = [sorted(folder.glob(f"*_{kind}_*.onnx")) for kind in ("det", "cls", "rec")]
    if any(len(found) != 1 for found in files):
        raise ModelError(f"The models of rapidocr in {folder} are not as expected", REMEDY)
    return tuple(found[0] for found in files)


def models_digest(models: Sequence[Path]) -> str:
    """Digest of the files and the version of the package, hexadecimal."""
    whole = hashlib.sha256(version("rapidocr").encode())
    for path in models:
        whole.update(bytes.fromhex(sha256_of(path)))
    return whole.hexdigest()


class TextDetector:
    """Lines of text by RapidOCR: their boxes, what they say and how sure it is."""

    def __init__(self, models: Sequence[Path]) -> None:
        from rapidocr import RapidOCR

        find, turn, read = map(str, models)
        threads = "EngineConfig.onnxruntime"
        # Each call stays on its thread, and is silent and offline: it is told where its models are.
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.text_score": MIN_SCORE,
                f"{threads}.intra_op_num_threads": 1,
                f"{threads}.inter_op_num_threads": 1,
                "Det.model_path": find,
                "Det.limit_type": "max",
                "Det.limit_side_len": LONG_SIDE,
                "Cls.model_path": turn,
                "Rec.model_path": read,
            }
        )

    def detect(self, pixels: Pixels) -> list[Region]:
        """The lines of text of a picture, with score, box and corners."""
        bgr = np.ascontiguousarray(pixels[..., ::-1])
        found = self._engine(_padded(bgr))
        texts = getattr(found, "txts", None)
        if not texts:
            return []
        lines = zip(found.boxes, texts, found.scores, strict=True)
        regions = (
            line_region(np.asarray(corners, np.float64), text.strip(), float(score))
            for corners, text, score in lines
        )
        return best_inside(regions, pixels)


def line_region(points: Points, text: str, score: float) -> Region:
    """The region of a line of text: with corners if it is tilted, else an upright box.

    Text is taken to run along the longer sides and to the right, so that the first corner is where
    it starts; a line that is tilted by more than 90 degrees would start at the third.
    """
    across, down = points[1] - points[0], points[3] - points[0]
    width, height = math.hypot(*across), math.hypot(*down)
    region = replace(region_of_corners(corners_of(points), LABEL, score), text=text)
    along = across if width >= height else down
    angle = math.degrees(math.atan2(along[1], along[0]))
    if abs((angle + 45) % 90 - 45) < MIN_TILT:  # To the nearest axis.
        return replace(region, corners=None)
    if height >= _TALL * width and len(text) > 1:
        points = np.roll(points, 1 if down[0] < 0 else -1, axis=0)
    return replace(region, corners=corners_of(points))


def _padded(pixels: Pixels) -> Pixels:
    """The picture, its last row or column repeated until it is neither too small nor too long."""
    height, width = pixels.shape[:2]
    least = max(MIN_SIDE, math.ceil(max(height, width) / MAX_ELONGATION))
    below, beside = max(0, least - height), max(0, least - width)
    if not below and not beside:
        return pixels
    padded = cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8)
