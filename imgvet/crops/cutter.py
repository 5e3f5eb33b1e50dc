"""What is cut out of pictures: one box for all, what a detector finds, or boxes of their own."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from imgvet.annotations.schema import Annotations
from imgvet.crops.crop import with_margin
from imgvet.crops.detectors.face import YUNET, FaceDetector
from imgvet.crops.detectors.text import TextDetector, models_digest, text_models
from imgvet.crops.detectors.yolo import YOLOV5S, YoloDetector
from imgvet.errors import InvalidParameterError, ModelError, StaleReferenceError, failing_as
from imgvet.images.geometry import Box, Region, scaled
from imgvet.images.picture import Picture
from imgvet.models.download import fetch_model
from imgvet.models.file import sha256_of_model
from imgvet.options import CropOptions, DataType, RunOptions, SourceOptions
from imgvet.parameters import Frozen, numbers_in
from imgvet.sources.kinds import Kind, kind_of_name
from imgvet.store.references import digest_bytes

CUT_VERSION = 1
"""Raised when other pixels are cut out for the same regions."""

DetectorName = Literal["face", "ocr", "yolov5s"]
DETECTORS: tuple[DetectorName, ...] = get_args(DetectorName)

Detector = FaceDetector | TextDetector | YoloDetector
"""Its ``detect`` finds regions in RGB pixels, uint8, shape (h, w, 3) of any size: with label and
score (and text), in pixels of the picture and within it, best first, the same ones at every call.
Several threads may use it at a time."""

_DETECTOR_VERSION = 2
"""Counts up when a detector would find other regions with the same model."""

_KEYS = ("row_y", "col_x", "height", "width")
_FORM = "Write row_y=10,col_x=20,height=100,width=80 (pixels), or one of face, ocr, yolov5s"


class DetectorChoice(Frozen):
    """Which detector looks at the pictures: small enough to hand to other processes."""

    name: DetectorName
    path: Path | None
    """Its model file; None if its models lie inside an installed package."""
    digest: str
    """What its results are kept under: model and version of the code."""


class Cutter(Frozen):
    """How pictures are cut into crops: by a box for all of them, by a detector, or by own boxes."""

    box: Box | None = None
    detector: DetectorChoice | None = None
    margins: CropOptions = CropOptions()
    """What is added around a detection."""

    @property
    def own_boxes(self) -> bool:
        """Whether each picture has boxes of its own, from annotations."""
        return self.box is None and self.detector is None

    @property
    def text(self) -> str:
        """What stands in a listing for what is cut out of every picture."""
        return self.model_dump_json(exclude={"detector": {"path"}})


def may_be_cut(options: RunOptions) -> bool:
    """Whether pictures may be cut into crops; nothing is read to find out."""
    boxes = options.annotations is not None or options.data_type == "bbox"
    return options.bounding_box is not None or (boxes and options.data_type != "image")


def choose_cutter(
    sources: SourceOptions,
    annotations: Annotations | None,
    data_type: DataType,
    options: CropOptions,
) -> Cutter | None:
    """How pictures are cut, None if whole ones are analysed.

    Boxes of annotations are taken unless ``data_type`` says otherwise; those of a YOLO data set's
    label files only if it is ``bbox``.

    InvalidParameterError if boxes are asked for twice, or there are none; others as
    :func:`parse_bounding_box` and :func:`choose_detector`.
    """
    if annotations is not None:
        own_boxes = data_type != "image" and annotations.has_boxes
    else:
        own_boxes = data_type == "bbox" and Kind.YOLO in map(kind_of_name, sources.inputs)
    if options.bounding_box is not None:
        wanted = parse_bounding_box(options.bounding_box)
        if own_boxes:
            raise InvalidParameterError(
                f"bounding_box = {options.bounding_box!r}, but the annotations hold boxes as well",
                "Leave bounding_box out, or set data_type to image to ignore the annotated boxes",
            )
        if isinstance(wanted, Box):
            return Cutter(box=wanted)
        margins = options.model_copy(update={"bounding_box": None})
        return Cutter(detector=choose_detector(wanted), margins=margins)
    if data_type == "bbox" and not own_boxes:
        nothing = "there are no boxes" if not annotations else f"{annotations.source} holds no box"
        raise InvalidParameterError(
            f"data_type is bbox, but {nothing}",
            "Give annotations with boxes, a YOLO data set, or bounding_box",
        )
    return Cutter() if own_boxes else None


def parse_bounding_box(text: str) -> Box | DetectorName:
    """Parse ``row_y=..,col_x=..,height=..,width=..``, in any order, or the name of a detector.

    InvalidParameterError if it is neither.
    """
    word = text.strip().lower()
    if word in DETECTORS:
        return word
    with failing_as(InvalidParameterError, f"bounding_box = {text!r} is no box", _FORM, ValueError):
        if "=" not in word:
            raise ValueError(f"nor a detector{_suggestion(word, DETECTORS)}")
        given = numbers_in(word)
        for key, number in given.items():
            if key not in _KEYS:
                raise ValueError(f"{key} is unknown{_suggestion(key, _KEYS)}")
            if key in ("height", "width") and number <= 0:
                raise ValueError(f"{key} is not above 0")
        if missing := ", ".join(key for key in _KEYS if key not in given):
            raise ValueError(f"{missing} missing")
        return Box(given["col_x"], given["row_y"], given["width"], given["height"])


def _suggestion(word: str, known: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(word, known, n=1)
    return f", did you mean {nearest[0]}" if nearest else ""


def cut_key(digest: str, cut: str) -> str:
    """What crops are kept under; ``cut`` is :attr:`Cutter.text`, or the picture's boxes as text."""
    return digest_bytes(f"{CUT_VERSION} {digest} {cut}".encode())


def choose_detector(name: DetectorName, path: Path | None = None) -> DetectorChoice:
    """The choice of a detector with a model file: its own, downloaded if it is not here yet.

    MissingExtraError if the package that it needs is not installed, ModelError if its model can't
    be had or is not what it should be.
    """
    model = {"face": YUNET, "ocr": None, "yolov5s": YOLOV5S}[name]
    if path is None and model is not None:
        path = fetch_model(model)
    with failing_as(ModelError, f"The model {path} can't be read", "Run again to download it"):
        digest = models_digest(text_models()) if path is None else sha256_of_model(path)
    digest = digest_bytes(f"{name} {_DETECTOR_VERSION} {digest}".encode())
    return DetectorChoice(name=name, path=path, digest=digest)


@lru_cache(maxsize=3)
def detector_of(choice: DetectorChoice) -> Detector:
    """The detector of a choice, opened; the last three are kept for the next shard.

    StaleReferenceError if the model here is not the one chosen; others as :func:`choose_detector`.
    """
    if choose_detector(choice.name, choice.path).digest != choice.digest:
        raise StaleReferenceError(
            f"The model of the detector {choice.name} is not the one that this run started with",
            "Run again, with the same versions of imgvet and its packages everywhere",
        )
    if choice.path is None:
        return TextDetector(text_models())
    return FaceDetector(choice.path) if choice.name == "face" else YoloDetector(choice.path)


def regions_in(picture: Picture, cutter: Cutter, own: Sequence[Region]) -> Sequence[Region]:
    """The regions to cut out of a picture, in pixels of the picture as shown.

    It was decoded at full size where a detector is to look at it; ``own`` are its own boxes.
    """
    if cutter.box is not None:
        return [Region(cutter.box)]
    if cutter.detector is None:
        return own
    height, width = picture.pixels.shape[:2]
    x, y = picture.width / width, picture.height / height
    found = detector_of(cutter.detector).detect(picture.pixels)
    return [with_margin(scaled(region, x, y), cutter.margins) for region in found]
