"""Maps between pictures: affine, float64 (2, 3), between unit squares.

(0, 0) is the upper left corner of a picture, (1, 1) the lower right one, whatever its size.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgvet.images.geometry import area_of, clipped
from imgvet.images.orientation_hash import ORIENTATIONS
from imgvet.images.picture import Pixels, oriented

Map = NDArray[np.float64]

_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)


def inverted(way: Map) -> Map:
    """The way back."""
    return np.asarray(cv2.invertAffineTransform(way), np.float64)


def shared_area(way: Map) -> float:
    """The area of the second unit square that the first one covers, 0..1."""
    corners = _CORNERS @ way[:, :2].T + way[:, 2]
    return area_of(clipped(corners.tolist(), 1, 1))


def scale(way: Map) -> float:
    """The determinant: how much larger areas become, negative if they are mirrored."""
    (a, b, _), (c, d, _) = way.tolist()
    return float(a * d - b * c)


def of_pixels(way: Map, size: tuple[int, int], to_size: tuple[int, int]) -> Map:
    """A map between unit squares as one between the centres of pixels, of these sizes."""
    scaled = way * np.array(to_size)[:, None] / np.array([*size, 1.0])
    scaled[:, 2] += scaled[:, :2].sum(axis=1) / 2 - 0.5
    return np.asarray(scaled, np.float64)


def of_unit(way: Map, side: int) -> Map:
    """The other way round, of a map within a square."""
    shift = (way[:, 2] + 0.5 - way[:, :2].sum(axis=1) / 2) / side
    return np.column_stack([way[:, :2], shift])


def laid_over(pixels: Pixels, way: Map, side: int) -> Pixels:
    """A picture where it lies in the frame from which a map leads to it: a square of this side."""
    size = (side, side)
    laid = cv2.warpAffine(
        pixels, of_pixels(way, size, (pixels.shape[1], pixels.shape[0])), size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(laid, np.uint8)


def chained(then: Map, first: Map) -> Map:
    """The map that goes one way, then the other."""
    return np.asarray(then @ np.vstack([first, [0.0, 0.0, 1.0]]), np.float64)


def _oriented_map(code: int) -> Map:
    """Where an EXIF orientation takes the points of a picture, as :func:`oriented` does."""
    probe = np.arange(4, dtype=np.uint8).reshape(2, 2, 1)
    places = np.argsort(oriented(probe, code).ravel())  # Of the corners 00, 10, 01 and 11.
    corners = np.column_stack([places % 2, places // 2]).astype(np.float64)
    origin = corners[0]
    return np.column_stack([corners[1] - origin, corners[2] - origin, origin])


ORIENTED = [_oriented_map(code + 1) for code in range(ORIENTATIONS)]
"""Where each orientation takes a picture."""

MIRROR = ORIENTED[1]
"""Left and right exchanged."""
