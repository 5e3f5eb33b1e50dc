"""What is cut out of pictures: one box for all, what a detector finds, or boxes of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from imgvet.crops.bounding_box import parse_bounding_box
from imgvet.crops.detectors.choice import DetectorChoice, choose_detector, detector_of
from imgvet.crops.margins import with_margin
from imgvet.images.picture import Picture
from imgvet.images.region import Box, Corners, Region
from imgvet.options import CropOptions

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


def choose_cutter(options: CropOptions) -> Cutter | None:
    """How the options say that pictures are cut, None if they do not.

    Raises:
        InvalidParameterError: ``bounding_box`` is neither a box nor the name of a detector.
        MissingExtraError: the detector needs a package that is not installed.
        ModelError: the detector's model can't be had.
    """
    if options.bounding_box is None:
        return None
    wanted = parse_bounding_box(options.bounding_box)
    margins = options.model_copy(update={"bounding_box": None})
    if isinstance(wanted, Box):
        return Cutter(box=wanted)
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
    found = detector_of(cutter.detector).detect(picture.pixels)
    shown = [_as_shown(region, picture) for region in found]
    return [with_margin(region, cutter.margins) for region in shown]


def _as_shown(region: Region, picture: Picture) -> Region:
    """A region of the decoded pixels in pixels of the picture as shown."""
    height, width = picture.pixels.shape[:2]
    x, y = picture.width / width, picture.height / height
    if x == 1 and y == 1:
        return region
    box = region.box
    scaled = Box(box.x * x, box.y * y, box.width * x, box.height * y)
    return replace(region, box=scaled, corners=_scaled(region.corners, x, y))


def _scaled(corners: Corners | None, x: float, y: float) -> Corners | None:
    if corners is None:
        return None
    x1, y1, x2, y2, x3, y3, x4, y4 = corners
    return (x1 * x, y1 * y, x2 * x, y2 * y, x3 * x, y3 * y, x4 * x, y4 * y)
