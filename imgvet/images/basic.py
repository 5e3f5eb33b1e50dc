"""The basic metrics of a picture, from one gray picture and one histogram."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from imgvet.images.picture import Picture, Pixels
from imgvet.images.sharpness import sharpness

Histogram = npt.NDArray[np.float64]
"""How many pixels have each gray level; shape (256,)."""

_LEVELS = np.arange(256, dtype=np.float64)


def measure(picture: Picture, gray: Pixels, file_size: int | None) -> dict[str, int | float | None]:
    """The basic metrics of :mod:`imgvet.metrics`.

    Args:
        picture: the decoded picture, for what its file says of it.
        gray: its canonical picture in gray, uint8, shape (h, w).
        file_size: bytes of the file, None for what is no file of its own.

    Returns:
        Name of the metric -> value, in the order of the catalogue.
    """
    file = {
        "width": picture.width,
        "height": picture.height,
        "channels": picture.channels,
        "bit_depth": picture.bit_depth,
        "file_size": file_size,
    }
    histogram = cv2.calcHist([gray], [0], None, [256], [0.0, 256.0]).ravel().astype(np.float64)
    levels = measure_levels(histogram)
    return {**file, "unique": int(levels.pop("unique")), "sharpness": sharpness(gray), **levels}


def measure_levels(histogram: Histogram) -> dict[str, float]:
    """The metrics that depend on the gray levels alone."""
    present = np.flatnonzero(histogram)
    cumulative = np.cumsum(histogram)
    count = cumulative[-1]
    mean = float(histogram @ _LEVELS / count)
    deviation = _LEVELS - mean
    p1, p5, p99 = np.searchsorted(cumulative, [0.01 * count, 0.05 * count, 0.99 * count])
    return {
        "unique": float(present.size),
        "mean": mean,
        "min": float(present[0]),
        "max": float(present[-1]),
        "stdv": float(np.sqrt(histogram @ (deviation * deviation) / count)),
        "percentile_5": float(p5),
        "percentile_99": float(p99),
        "contrast": float((p99 - p1) / (p99 + p1)) if p99 else 0.0,
    }
