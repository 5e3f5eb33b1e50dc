"""The numbers that detections depend on, with where they come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from imgvet.crops.detectors.detector import DetectorName

VERSION = 1
"""Counts up when the code here would find other regions with the same model and settings."""


@dataclass(frozen=True)
class FaceSettings:
    """YuNet's settings.

    Attributes:
        min_score: least score of a face, 0..1; the default of ``cv2.FaceDetectorYN.create``.
        max_overlap: of two faces that overlap more (intersection over union, 0..1) the better one
            stays; the default of ``cv2.FaceDetectorYN.create``.
        candidates: boxes looked at before overlapping ones are dropped; default as above.
        long_sides: long sides, in pixels, that a picture is scaled down to, largest first, for one
            pass each. YuNet finds faces of about 10 to 300 pixels (its README in the OpenCV Zoo),
            so one pass misses either small or large ones: 1280 finds faces from 1/128 of the
            picture's long side, 320 those up to 15/16 of it.
    """

    min_score: float = 0.9
    max_overlap: float = 0.3
    candidates: int = 5000
    long_sides: tuple[int, ...] = (1280, 320)


@dataclass(frozen=True)
class YoloSettings:
    """YOLOv5's settings: the defaults of its ``detect.py`` and ``non_max_suppression``.

    Attributes:
        min_score: least score of an object (objectness times class probability), 0..1.
        max_overlap: of two objects of a class that overlap more (intersection over union, 0..1)
            the better one stays.
        max_objects: most objects of one picture.
        input_size: side of the square input, in pixels, where the model leaves it open.
    """

    min_score: float = 0.25
    max_overlap: float = 0.45
    max_objects: int = 300
    input_size: int = 640


@dataclass(frozen=True)
class TextSettings:
    """RapidOCR's settings; what is not here stays at its own defaults.

    Attributes:
        min_score: least score of a text, 0..1; RapidOCR's default, and PaddleOCR's ``drop_score``.
        long_side: long side, in pixels, that larger pictures are scaled down to for finding text
            (it is read at up to 2,000 pixels); PaddleOCR's ``det_limit_side_len``. RapidOCR's own
            default enlarges small pictures instead: about as much text found in three times the
            time, and without bound where a picture is narrow.
        min_tilt: least angle between a line of text and the nearest axis, in degrees, from which
            on its box counts as rotated; corners come in whole pixels, which are worth five degrees
            in a box of a dozen pixels.
        min_side: shorter sides are padded to this many pixels; RapidOCR fails on boxes that come
            out less than a pixel high.
        max_elongation: a picture longer than this many times its short side is padded to that;
            RapidOCR scales a longer one down to nothing.
    """

    min_score: float = 0.5
    long_side: int = 960
    min_tilt: float = 5.0
    min_side: int = 16
    max_elongation: int = 30


def digest_of(
    name: DetectorName, model: str, settings: FaceSettings | YoloSettings | TextSettings
) -> str:
    """What identifies the results of a detector, 32 hexadecimal digits.

    Args:
        name: the detector.
        model: digest of its model, hexadecimal.
        settings: its settings.
    """
    parts = f"{name} {VERSION} {model} {settings!r}"
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()
