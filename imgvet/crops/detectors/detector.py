"""Choose a detector once, and open it wherever pictures are looked at."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from imgvet.crops.detectors.face import YUNET, FaceDetector, FaceSettings
from imgvet.crops.detectors.text import TextDetector, TextSettings, models_digest, text_models
from imgvet.crops.detectors.yolo import YOLOV5S, YoloDetector, YoloSettings
from imgvet.errors import ModelError, StaleReferenceError
from imgvet.models.download import fetch_model
from imgvet.models.file import sha256_of
from imgvet.options import Frozen

DetectorName = Literal["face", "ocr", "yolov5s"]

Detector = FaceDetector | TextDetector | YoloDetector
"""Its ``detect`` finds regions in RGB pixels, uint8, shape (h, w, 3) of any size: with label and
score (and text), in pixels of the picture and within it, best first, the same ones at every call.
Several threads may use it at a time."""

_VERSION = 1
"""Counts up when the code here would find other regions with the same model and settings."""


class DetectorChoice(Frozen):
    """Which detector looks at the pictures: small enough to hand to other processes."""

    name: DetectorName
    path: Path | None
    """Its model file; None if its models lie inside an installed package."""
    digest: str
    """What its results are kept under: model, settings and version of the code."""


def choose_detector(name: DetectorName) -> DetectorChoice:
    """Have a detector's model, downloaded if it is not here yet.

    Raises:
        MissingExtraError: the package that it needs is not installed.
        ModelError: its model can't be had or is not what it should be.
    """
    model = {"face": YUNET, "ocr": None, "yolov5s": YOLOV5S}[name]
    return choice_of(name, None if model is None else fetch_model(model))


def choice_of(name: DetectorName, path: Path | None) -> DetectorChoice:
    """The choice of a detector with this model file; raises as :func:`choose_detector`."""
    settings = {"face": FaceSettings(), "ocr": TextSettings(), "yolov5s": YoloSettings()}[name]
    try:
        model = models_digest(text_models()) if path is None else sha256_of(path)
    except OSError as error:
        raise ModelError(
            f"The model {path} can't be read ({error.strerror})", "Run again to download it"
        ) from None
    return DetectorChoice(name=name, path=path, digest=digest_of(name, model, settings))


def digest_of(name: DetectorName, model: str, settings: object) -> str:
    """What identifies the results of a detector with a model of this digest: 32 hex digits."""
    parts = f"{name} {_VERSION} {model} {settings!r}"
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=3)
def detector_of(choice: DetectorChoice) -> Detector:
    """The detector of a choice, opened; the last three are kept for the next shard.

    Raises:
        MissingExtraError: the package that it needs is not installed here.
        ModelError: its model can't be used.
        StaleReferenceError: the model here is not the one that was chosen.
    """
    if choice_of(choice.name, choice.path).digest != choice.digest:
        raise StaleReferenceError(
            f"The model of the detector {choice.name} is not the one that this run started with",
            "Run again, with the same versions of imgvet and its packages everywhere",
        )
    if choice.path is None:
        return TextDetector(text_models())
    return FaceDetector(choice.path) if choice.name == "face" else YoloDetector(choice.path)
