"""The advanced metrics of a picture: colour and edges."""

from __future__ import annotations

import cv2
import numpy as np

from imgvet.images.picture import Pixels

CANNY_LOW, CANNY_HIGH = 100, 200
"""Hysteresis thresholds of the edge detector, in gray levels (3 x 3 Sobel gradient, L2 norm)."""

_COLOURS = ("r", "g", "b")


def measure_advanced(canonical_rgb: Pixels) -> dict[str, float]:
    """The advanced metrics of :mod:`imgvet.metrics`.

    Args:
        canonical_rgb: canonical picture (or its thumbnail), RGB, uint8, shape (h, w, 3).

    Returns:
        Name of the metric -> value, in the order of the catalogue.
    """
    gray = np.asarray(cv2.cvtColor(canonical_rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    _, deviation = cv2.meanStdDev(gray)
    return {
        "rms_contrast": float(deviation[0, 0]) / 255,
        **_mean_relative_intensities(canonical_rgb),
        **_mean_hsv(canonical_rgb),
        "edge_density": _edge_density(gray),
        **{f"mean_{c}": mean for c, mean in zip(_COLOURS, cv2.mean(canonical_rgb), strict=False)},
    }


def _mean_relative_intensities(rgb: Pixels) -> dict[str, float]:
    """Mean share of each colour in red + green + blue over pixels that are not black."""
    channels = [channel.astype(np.float32) for channel in cv2.split(rgb)]
    total = channels[0] + channels[1] + channels[2]
    coloured = cv2.countNonZero(total)
    return {
        f"mean_rel_intensity_{colour}": (
            float(cv2.sumElems(cv2.divide(channel, np.maximum(total, 1)))[0]) / coloured
            if coloured
            else 1 / 3
        )
        for colour, channel in zip(_COLOURS, channels, strict=True)
    }


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


def _edge_density(gray: Pixels) -> float:
    """Share of pixels on an edge."""
    edges = cv2.Canny(gray, CANNY_LOW, CANNY_HIGH, L2gradient=True)
    return cv2.countNonZero(edges) / edges.size
