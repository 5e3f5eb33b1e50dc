"""The pictures of the demo set: parts of photographs, and fractals; no two are alike.

The photographs are those inside scikit-image's wheel that its documentation says are in the public
domain or under CC0: astronaut and Hubble deep field (NASA), rocket (SpaceX), camera (Lav Varshney),
coffee (Rachel Michetti), chelsea (Stefan van der Walt), retina (Mikael Haeggstroem), gravel
(CC0Textures), grass (linolafett), and the silhouette of a horse (Andreas Preuss). They are read
from the installed package; none is copied into this project.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType

import cv2
import numpy as np

from imgvet.errors import MissingExtraError

Image = cv2.typing.MatLike
"""RGB or RGBA, uint8 [height, width, channels]."""

_PHOTOGRAPHS = {
    "astronaut": (3, 3, (1, 2, 3, 4, 6, 7, 8, 9)),
    "camera": (3, 3, (1, 2, 3, 4, 5, 6, 7, 8, 9)),
    "chelsea": (1, 1, (1,)),
    "coffee": (2, 3, (1, 2, 3, 5)),
    "rocket": (3, 3, (4, 5, 8)),
    "hubble_deep_field": (1, 2, (1,)),
    "retina": (2, 2, (1,)),
    "grass": (1, 1, (1,)),
    "gravel": (1, 1, (1,)),
}
"""By function of ``skimage.data``: the rows and columns that the photograph is cut into, and which
parts are taken, counted by rows from 1. The others are too dark, or too like one of these."""

_FRACTALS = (
    4, 5, 7, 12, 26, 38, 42, 43, 44, 53, 55, 63, 66, 70, 71, 73, 75, 81, 83, 86, 89, 91, 92, 104,
    106, 109, 114, 117, 118, 119, 120, 121, 122, 124, 125, 126, 129, 135, 137, 140, 141, 142, 146,
    147, 150, 152, 153, 155, 156, 157,
)  # fmt: skip
"""Those of the first 160 whose similarity to each other is below 0.87, and of which none shows
another turned and in other colours."""

_JULIA_SETS = (
    -0.8 + 0.156j, 0.285 + 0.01j, -0.4 + 0.6j, -0.70176 - 0.3842j, -0.123 + 0.745j, -1 + 0j,
    0.355 + 0.355j, -0.54 + 0.54j, -0.835 - 0.2321j, -1.3 + 0.02j, -0.1 + 0.651j,
)  # fmt: skip
_SIZES = ((400, 300), (320, 320), (300, 400), (448, 252))
_SUFFIXES = (".png", ".jpg", ".png", ".webp")
_COLOUR_MAPS = 22
_ROUNDS = 60


def skimage_data() -> ModuleType:
    """The module of scikit-image with its photographs.

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


def photograph(source: str, part: int) -> Image:
    """One part of a photograph, RGB."""
    image = getattr(skimage_data(), source)()
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    rows, columns, _ = _PHOTOGRAPHS[source]
    height, width = image.shape[0] // rows, image.shape[1] // columns
    row, column = divmod(part - 1, columns)
    return np.ascontiguousarray(
        image[row * height : (row + 1) * height, column * width : (column + 1) * width]
    )


def horse() -> Image:
    """A silhouette, black on transparent: RGBA."""
    ink = 255 * ~skimage_data().horse()
    return np.dstack([*np.zeros((3, *ink.shape)), ink]).astype(np.uint8)


def fractal(number: int) -> Image:
    """A Julia set, RGB, coloured by how soon z * z + c leaves a disc of radius 16."""
    rng = np.random.default_rng(number)
    width, height = _SIZES[number % len(_SIZES)]
    rows, columns = np.indices((height, width))
    plane = (2 * columns - width + 1j * (2 * rows - height)) / min(width, height)
    z = plane * np.exp(2j * np.pi * rng.random()) * rng.uniform(0.5, 1.3)
    z, gone = z.astype(np.complex64), np.zeros((height, width), np.float32)
    for count in range(2, 2 + _ROUNDS):
        z = z * z + _JULIA_SETS[number % len(_JULIA_SETS)]
        size = np.abs(z)
        out = (size > 16) & (gone == 0)
        gone[out] = count - np.log2(np.log(size[out]) / np.log(16))
        z[size > 1e6] = 1e6
    wave = 127.5 - 127.5 * np.cos(np.sqrt(gone) * rng.uniform(0.9, 1.7))
    tone = np.where(gone > 0, wave, 0).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(tone, number % _COLOUR_MAPS), cv2.COLOR_BGR2RGB)


PICTURES: dict[str, Callable[[], Image]] = {
    **{
        f"photos/{source}-{part}.jpg": partial(photograph, source, part)
        for source, (_, _, taken) in _PHOTOGRAPHS.items()
        for part in taken
    },
    **{
        f"fractals/{number}{_SUFFIXES[number % len(_SUFFIXES)]}": partial(fractal, number)
        for number in _FRACTALS
    },
    "graphics/horse.png": horse,
}
"""How each picture is made, by its path in the demo set."""
