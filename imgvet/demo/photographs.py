"""Photographs that come with scikit-image, cut into parts that do not overlap.

Only pictures that are inside its wheel, and that its documentation says are in the public domain
or under CC0: astronaut and Hubble deep field (NASA), rocket (SpaceX), camera (Lav Varshney),
coffee (Rachel Michetti), chelsea (Stefan van der Walt), retina (Mikael Haeggstroem), brick, grass
and gravel (CC0Textures), and the silhouette of a horse (Andreas Preuss). They are read from the
installed package; none is copied into this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import cv2
import numpy as np

from imgvet.demo.brush import Image
from imgvet.errors import MissingExtraError

_LONGEST = 640


@dataclass(frozen=True)
class Photograph:
    """A part of a photograph.

    Attributes:
        name: what it shows.
        source: function of ``skimage.data``.
        box: top, bottom, left, right, in pixels; None for the whole picture.
    """

    name: str
    source: str
    box: tuple[int, int, int, int] | None = None


PHOTOGRAPHS: tuple[Photograph, ...] = (
    Photograph("astronaut", "astronaut", (0, 270, 95, 325)),
    Photograph("shuttle", "astronaut", (0, 270, 325, 512)),
    Photograph("helmet", "astronaut", (285, 512, 280, 512)),
    Photograph("space-suit", "astronaut", (270, 512, 40, 280)),
    Photograph("photographer", "camera", (40, 300, 90, 380)),
    Photograph("tripod", "camera", (300, 512, 150, 440)),
    Photograph("cat", "chelsea"),
    Photograph("coffee", "coffee"),
    Photograph("rocket", "rocket"),
    Photograph("deep-field", "hubble_deep_field", (0, 430, 0, 560)),
    Photograph("retina", "retina"),
    Photograph("brick", "brick"),
    Photograph("grass", "grass"),
    Photograph("gravel", "gravel"),
)

SILHOUETTE = Photograph("horse", "horse")
"""Black on transparent: a picture with an alpha channel."""


def skimage_data() -> ModuleType:
    """The module of scikit-image with its pictures.

    Raises:
        MissingExtraError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise MissingExtraError(
            "The demo set needs scikit-image, which is not installed", "pip install 'imgvet[demo]'"
        ) from error
    return data


def take(photograph: Photograph) -> Image:
    """Read a photograph: RGB, uint8 [height, width, 3], at most 640 pixels long."""
    image = getattr(skimage_data(), photograph.source)()
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    if photograph.box:
        top, bottom, left, right = photograph.box
        image = image[top:bottom, left:right]
    scale = _LONGEST / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image)


def silhouette() -> Image:
    """The horse: RGBA, uint8 [height, width, 4]."""
    ink = ~skimage_data().horse()
    return np.dstack([*[np.full(ink.shape, level, np.uint8) for level in (24, 20, 32)],
                      ink.astype(np.uint8) * 255])  # fmt: skip
