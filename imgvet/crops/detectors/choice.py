"""Choose a detector once, and open it wherever pictures are looked at."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from imgvet.crops.detectors.detector import Detector, DetectorName
from imgvet.crops.detectors.files import YOLOV5S, YUNET
from imgvet.crops.detectors.settings import FaceSettings, TextSettings, YoloSettings, digest_of
from imgvet.errors import ModelError, StaleReferenceError
from imgvet.models.download import Report, fetch_model, tell_progress


class DetectorChoice(BaseModel):
    """Which detector looks at the pictures: small enough to hand to other processes.

    Attributes:
        name: the detector.
        path: its model file; None if its models lie inside an installed package.
        digest: what its results are kept under: model, settings and version of the code.
    """

    model_config = ConfigDict(frozen=True)

    name: DetectorName
    path: Path | None
    digest: str


def choose_detector(name: DetectorName, report: Report = tell_progress) -> DetectorChoice:
    """Have a detector's model, downloaded if it is not here yet.

    Args:
        name: ``face``, ``ocr`` or ``yolov5s``.
        report: told now and then how much of a download has arrived.

    Raises:
        MissingExtraError: the package that it needs is not installed.
        ModelError: its model can't be had or is not what it should be.
    """
    if name == "ocr":
        return choice_of(name, None)
    return choice_of(name, fetch_model(YUNET if name == "face" else YOLOV5S, report))


def choice_of(name: DetectorName, path: Path | None) -> DetectorChoice:
    """The choice of a detector with this model file.

    Raises:
        MissingExtraError: the package that it needs is not installed.
        ModelError: its model can't be read.
    """
    return DetectorChoice(name=name, path=path, digest=_digest(name, path))


@lru_cache(maxsize=3)
def detector_of(choice: DetectorChoice) -> Detector:
    """The detector of a choice, opened; the last three are kept for the next shard.

    Raises:
        MissingExtraError: the package that it needs is not installed here.
        ModelError: its model can't be used.
        StaleReferenceError: the model here is not the one that was chosen.
    """
    if _digest(choice.name, choice.path) != choice.digest:
        raise StaleReferenceError(
            f"The model of the detector {choice.name} is not the one that this run started with",
            "Run again, with the same versions of imgvet and its packages everywhere",
        )
    if choice.path is None:
        from imgvet.crops.detectors.text import TextDetector, text_models

        return TextDetector(text_models(), choice.digest)
    if choice.name == "face":
        from imgvet.crops.detectors.face import FaceDetector

        return FaceDetector(choice.path, choice.digest)
    from imgvet.crops.detectors.yolo import YoloDetector

    return YoloDetector(choice.path, choice.digest)


def open_detector(name: DetectorName, report: Report = tell_progress) -> Detector:
    """A detector, its model downloaded if it is not here yet.

    Args:
        name: ``face``, ``ocr`` or ``yolov5s``.
        report: told now and then how much of a download has arrived.

    Raises:
        MissingExtraError: the package that it needs is not installed.
        ModelError: its model can't be had or used.
    """
    return detector_of(choose_detector(name, report))


def _digest(name: DetectorName, path: Path | None) -> str:
    if path is None:
        from imgvet.crops.detectors.text import text_models

        return digest_of(name, text_models().digest, TextSettings())
    try:
        with path.open("rb") as stream:
            model = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"The model {path} can't be read ({error.strerror})", "Run again to download it"
        ) from None
    return digest_of(name, model, FaceSettings() if name == "face" else YoloSettings())
