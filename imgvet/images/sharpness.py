"""Sharpness: how much steeper edges are over one pixel than over nine."""

from __future__ import annotations

import math

import cv2
import numpy as np

from imgvet.images.picture import Pixels

BASELINE = 9
"""Length over which the wide slope is taken, in pixels of the canonical picture."""

_LEAST_SHARE_OF_CONTRAST = 0.2
"""An axis with less of the other's wide slope has no edges of its own to judge by."""

_AXES = (1, 0)


def sharpness(gray: Pixels) -> float:
    """Sharpness of a gray picture: 0 for smooth slopes, 0.81 for a clean step, 1 for lone pixels.

    With ``D(n)`` the 4-norm of all differences between pixels ``n`` apart along an axis, it is
    ``1 - D(9) / (9 D(1))``, the lesser one of both axes, as motion blurs along one of them. An
    edge that is blurred over nine pixels or more loses nothing by being looked at from nine pixels.
    The 4-norm lets the strongest edges decide, so that one thing in focus is enough, and as a
    ratio it depends neither on contrast nor on brightness. A picture without any edge counts as 1:
    nothing in it is blurred.

    Args:
        gray: uint8, shape (h, w).

    Returns:
        0 to 1.

    Source:
        After F. Crete et al., "The blur effect", SPIE 6492 (2007), which compares a picture with
        itself blurred over 9 pixels; here by the 4-norm instead of the sum of differences.
    """
    wide = np.array([_difference_norm(gray, axis, BASELINE) for axis in _AXES])
    if not wide.any():
        return 1.0
    judged = wide >= _LEAST_SHARE_OF_CONTRAST * wide.max()
    steep = np.array([_difference_norm(gray, axis, 1) for axis in _AXES])
    return float(1.0 - np.max(wide[judged] / (BASELINE * steep[judged])))


def _difference_norm(gray: Pixels, axis: int, distance: int) -> float:
    """4-norm of the differences between pixels ``distance`` apart; 0 if there are none."""
    length = gray.shape[axis]
    if length <= distance:
        return 0.0
    if axis == 0:
        first, second = gray[:-distance], gray[distance:]
    else:
        first, second = gray[:, :-distance], gray[:, distance:]
    difference = cv2.absdiff(first, second)
    squares = cv2.multiply(difference, difference, dtype=cv2.CV_32F)
    return math.sqrt(math.sqrt(cv2.norm(squares, cv2.NORM_L2SQR)))
