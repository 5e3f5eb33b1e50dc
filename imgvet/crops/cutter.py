"""What is cut out of pictures: one box for all, what a detector finds, or boxes of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from imgvet.annotations.schema import Annotations, wants_crops
from imgvet.crops.bounding_box import parse_bounding_box
from imgvet.crops.detectors.detector import DetectorChoice, choose_detector, detector_of
from imgvet.crops.margins import with_margin
from imgvet.errors import InvalidParameterError
from imgvet.images.geometry import Box, Region, scaled
from imgvet.images.picture import Picture
from imgvet.options import CropOptions, DataType, RunOptions, SourceOptions
from imgvet.sources.kinds import Kind, kind_of_name

CUT_VERSION = 1
"""Raised when other pixels are cut out for the same regions."""


class Cutter(BaseModel):
    """How pictures are cut into crops; small enough to hand to other processes.

    Attributes:
        box: cut out of every picture.
        detector: finds what is cut out.
        margins: what is added around a detection.
    """

    model_config = ConfigDict(frozen=True)

    box: Box | None = None
    detector: DetectorChoice | None = None
    margins: CropOptions = CropOptions()

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

    Raises:
        InvalidParameterError: boxes are asked for twice, or there are none, or ``bounding_box`` is
            neither a box nor the name of a detector.
        MissingExtraError: the detector needs a package that is not installed.
        ModelError: the detector's model can't be had.
    """
    if annotations is not None:
        own_boxes = wants_crops(annotations, data_type)
    else:
        own_boxes = data_type == "bbox" and any(map(is_yolo, sources.input_dir))
    cutter = _same_for_all(options)
    if own_boxes and cutter is not None:
        raise InvalidParameterError(
            f"bounding_box = {options.bounding_box!r}, but the annotations hold boxes as well",
            "Leave bounding_box out, or set data_type to image to ignore the annotated boxes",
        )
    if data_type == "bbox" and not own_boxes and cutter is None:
        raise InvalidParameterError(
            "data_type is bbox, but there are no boxes",
            "Give annotations with boxes, a YOLO data set, or bounding_box",
        )
    return Cutter() if own_boxes else cutter


def is_yolo(name: str) -> bool:
    """Whether an input is a YOLO data set."""
    return kind_of_name(name) is Kind.YOLO


def _same_for_all(options: CropOptions) -> Cutter | None:
    """What ``bounding_box`` says is cut out of every picture."""
    if options.bounding_box is None:
        return None
    wanted = parse_bounding_box(options.bounding_box)
    if isinstance(wanted, Box):
        return Cutter(box=wanted)
    margins = options.model_copy(update={"bounding_box": None})
    return Cutter(detector=choose_detector(wanted), margins=margins)


def cut_key(digest: str, cut: str) -> str:
    """What the crops of a picture are kept under: its content and what is cut out of it.

    Args:
        digest: content digest of the picture's file.
        cut: :attr:`Cutter.text`, or the picture's own boxes as text.
    """
    key = f"{CUT_VERSION} {digest} {cut}"
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def regions_in(picture: Picture, cutter: Cutter, own: Sequence[Region]) -> list[Region]:
    """The regions to cut out of a picture, in pixels of the picture as shown.

    Args:
        picture: decoded at full size where a detector is to look at it.
        cutter: how pictures are cut.
        own: the picture's own boxes.
    """
    if cutter.box is not None:
        return [Region(cutter.box)]
    if cutter.detector is None:
        return list(own)
    height, width = picture.pixels.shape[:2]
    x, y = picture.width / width, picture.height / height
    found = detector_of(cutter.detector).detect(picture.pixels)
    return [with_margin(scaled(region, x, y), cutter.margins) for region in found]
