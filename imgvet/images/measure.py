"""All that is kept of one content: its metrics, its hash and its thumbnail, or why there are none.

The metrics (:mod:`imgvet.metrics`) are all taken at standard size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from imgvet.images.decode import decode
from imgvet.images.formats import Format, identify
from imgvet.images.orientation_hash import HASH, HASH_QUALITY, orientation_hash
from imgvet.images.picture import Picture, Pixels, encode_thumbnail, to_standard_size
from imgvet.reasons import Failure, Reason

Row = dict[str, object]

_BASELINE = 9
"""Length over which the wide slope is taken, in pixels."""

_CANNY_LOW, _CANNY_HIGH = 100, 200
"""Hysteresis thresholds of the edge detector, in gray levels (3 x 3 Sobel gradient, L2 norm)."""

_LEVELS = np.arange(256, dtype=np.float64)
_COLOURS = ("r", "g", "b")
_LEAST_SHARE_OF_CONTRAST = 0.2
"""An axis with less of the other's wide slope has no edges of its own to judge by."""


@dataclass(frozen=True)
class Measured:
    """What measuring one content gave."""

    row: Row
    """Of the store's measures, without the digest."""
    thumbnail: bytes = b""
    """Empty if it can't be decoded."""


def measured_content(data: bytes) -> Measured:
    """Decode and measure the bytes of a file; bad ones get their reason instead of metrics."""
    picture, kind = decode(data), identify(data)
    if isinstance(picture, Failure):
        return Measured({**picture.row, "format": kind})
    return measured_picture(picture, kind, len(data))


def measured_picture(picture: Picture, kind: Format | None, file_size: int | None) -> Measured:
    """Measure a decoded image; a crop has no format and no size (bytes) of a file of its own."""
    small = to_standard_size(picture.pixels)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    hashed = orientation_hash(gray)
    row = {
        **Failure(Reason.OK, picture.detail).row,
        "format": kind,
        HASH: hashed.bits.tobytes(),
        HASH_QUALITY: hashed.quality,
        **measure(picture, gray, file_size),
    }
    return Measured(row, encode_thumbnail(small))


def measure(picture: Picture, gray: Pixels, file_size: int | None) -> dict[str, int | float | None]:
    """The basic metrics by name, in the order of the catalogue.

    ``gray``, shape (h, w), is at standard size; ``file_size`` in bytes is None for no own file.
    """
    histogram = cv2.calcHist([gray], [0], None, [256], [0.0, 256.0]).ravel().astype(np.float64)
    return {
        "width": picture.width,
        "height": picture.height,
        "channels": picture.channels,
        "bit_depth": picture.bit_depth,
        "file_size": file_size,
        "unique": int(np.count_nonzero(histogram)),
        "sharpness": sharpness(gray),
        **measure_levels(histogram),
    }


def measure_levels(histogram: npt.NDArray[np.float64]) -> dict[str, float]:
    """The metrics of brightness and contrast, from how many pixels have each of 256 gray levels."""
    present = np.flatnonzero(histogram)
    cumulative = np.cumsum(histogram)
    count = cumulative[-1]
    mean = float(histogram @ _LEVELS / count)
    deviation = _LEVELS - mean
    p1, p5, p99 = np.searchsorted(cumulative, [0.01 * count, 0.05 * count, 0.99 * count])
    return {
        "mean": mean,
        "min": float(present[0]),
        "max": float(present[-1]),
        "stdv": float(np.sqrt(histogram @ (deviation * deviation) / count)),
        "percentile_5": float(p5),
        "percentile_99": float(p99),
        "contrast": float((p99 - p1) / (p99 + p1)) if p99 else 0.0,
    }


def sharpness(gray: Pixels) -> float:
    """Sharpness of a gray image: 0 for smooth slopes, 0.81 for a clean step, 1 for lone pixels.

    With ``D(n)`` the 4-norm of all differences between pixels ``n`` apart along an axis, it is
    ``1 - D(9) / (9 D(1))``, the lesser one of both axes, as motion blurs along one of them. An
    edge that is blurred over nine pixels or more loses nothing by being looked at from nine pixels.
    The 4-norm lets the strongest edges decide, so that one thing in focus is enough, and as a
    ratio it depends neither on contrast nor on brightness. An image without any edge counts as 1:
    nothing in it is blurred.

    After F. Crete et al., "The blur effect", SPIE 6492 (2007), which compares an image with itself
    blurred over 9 pixels; here by the 4-norm instead of the sum of differences.
    """
    wide = np.array([_difference_norm(gray, axis, _BASELINE) for axis in (1, 0)])
    if not wide.any():
        return 1.0
    judged = wide >= _LEAST_SHARE_OF_CONTRAST * wide.max()
    steep = np.array([_difference_norm(gray, axis, 1) for axis in (1, 0)])
    return float(1.0 - np.max(wide[judged] / (_BASELINE * steep[judged])))


def _difference_norm(gray: Pixels, axis: int, distance: int) -> float:
    """4-norm of the differences between pixels ``distance`` apart; 0 if there are none."""
    if gray.shape[axis] <= distance:
        return 0.0
    if axis == 0:
        difference = cv2.absdiff(gray[:-distance], gray[distance:])
    else:
        difference = cv2.absdiff(gray[:, :-distance], gray[:, distance:])
    squares = cv2.multiply(difference, difference, dtype=cv2.CV_32F)
    return math.sqrt(math.sqrt(cv2.norm(squares, cv2.NORM_L2SQR)))


def measure_advanced(rgb: Pixels) -> dict[str, float]:
    """The advanced metrics by name, in the order of the catalogue, of an image at standard size."""
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    _, deviation = cv2.meanStdDev(gray)
    edges = cv2.Canny(gray, _CANNY_LOW, _CANNY_HIGH, L2gradient=True)
    return {
        "rms_contrast": float(deviation[0, 0]) / 255,
        **_mean_relative_intensities(rgb),
        **_mean_hsv(rgb),
        "edge_density": cv2.countNonZero(edges) / edges.size,
        **{f"mean_{c}": mean for c, mean in zip(_COLOURS, cv2.mean(rgb), strict=False)},
    }


def _mean_relative_intensities(rgb: Pixels) -> dict[str, float]:
    """Mean share of each colour in red + green + blue over pixels that are not black."""
    channels = [channel.astype(np.float32) for channel in cv2.split(rgb)]
    total = channels[0] + channels[1] + channels[2]
    coloured = cv2.countNonZero(total)
    shares = [cv2.sumElems(cv2.divide(channel, np.maximum(total, 1)))[0] for channel in channels]
    means = [share / coloured if coloured else 1 / 3 for share in shares]
    return {f"mean_rel_intensity_{c}": mean for c, mean in zip(_COLOURS, means, strict=True)}


def _mean_hsv(rgb: Pixels) -> dict[str, float]:
    """Circular mean of hue, weighted by saturation, and means of saturation and value."""
    scaled = rgb.astype(np.float32) / np.float32(255)
    hue, saturation, value = cv2.split(cv2.cvtColor(scaled, cv2.COLOR_RGB2HSV))
    x, y = cv2.polarToCart(saturation, hue, angleInDegrees=True)
    mean_x, mean_y = cv2.mean(x)[0], cv2.mean(y)[0]
    mean_saturation = float(cv2.mean(saturation)[0])
    return {
        "mean_hue": float(np.degrees(np.arctan2(mean_y, mean_x))) % 360 if mean_saturation else 0.0,
        "mean_saturation": mean_saturation,
        "mean_val": float(cv2.mean(value)[0]),
    }
