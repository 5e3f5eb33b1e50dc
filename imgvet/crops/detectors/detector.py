"""What every detector offers."""

from __future__ import annotations

from typing import Literal, Protocol

from imgvet.images.picture import Pixels
from imgvet.images.region import Region

DetectorName = Literal["face", "ocr", "yolov5s"]


class Detector(Protocol):
    """Finds regions in pictures; several threads may use one at a time."""

    @property
    def name(self) -> DetectorName:
        """What it is called."""

    @property
    def digest(self) -> str:
        """What its results are kept under: they are the same wherever this is the same."""

    def detect(self, pixels: Pixels) -> list[Region]:
        """The regions found in a picture, best score first; the same ones at every call.

        Args:
            pixels: RGB, uint8, shape (h, w, 3), of any size.

        Returns:
            Regions with label and score (and text); the boxes are in pixels of ``pixels`` and lie
            within it.
        """
