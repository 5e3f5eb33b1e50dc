"""Cut a region out of a decoded picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imgvet.crops.clipping import Clipped, clip, whole_pixels
from imgvet.images.corners import Points, from_unit_square, mean_sides, points_of
from imgvet.images.picture import Picture, Pixels
from imgvet.images.region import Box, Region
from imgvet.reasons import Failure


def cut_picture(picture: Picture, region: Region) -> Picture | Failure:
    """Cut a region out of a picture, which may have been decoded at a reduced scale.

    Args:
        picture: what to cut from.
        region: what to cut out, in pixels of the picture as shown (``picture.width`` x ``height``).

    Returns:
        a picture whose ``width`` and ``height`` are those of the clipped region in pixels of the
        original, and whose pixels have the scale that the picture's have; or why there is none:
        see :func:`imgvet.crops.clipping.clip`.
    """
    clipped = clip(region, picture.width, picture.height)
    return clipped if isinstance(clipped, Failure) else cut_clipped(picture, clipped)


def cut_clipped(picture: Picture, clipped: Clipped) -> Picture:
    """Cut out a region that :func:`imgvet.crops.clipping.clip` clipped to this picture.

    Rotated boxes are straightened by a perspective warp (bilinear) to the means of their opposite
    sides. Where one reaches out of the picture at an angle, the picture's edge is repeated.
    """
    shown = np.array([picture.width, picture.height])
    scale = np.array(picture.pixels.shape[1::-1]) / shown
    if clipped.corners is None:
        pixels = _cut_upright(picture.pixels, clipped.box, scale[0], scale[1])
    else:
        pixels = _straighten(picture.pixels, points_of(clipped.corners) * scale)
    return replace(picture, pixels=pixels, width=clipped.width, height=clipped.height)


def _cut_upright(pixels: Pixels, box: Box, scale_x: float, scale_y: float) -> Pixels:
    height, width = pixels.shape[:2]
    left, right = whole_pixels(box.x * scale_x, (box.x + box.width) * scale_x, width)
    top, bottom = whole_pixels(box.y * scale_y, (box.y + box.height) * scale_y, height)
    return pixels[top:bottom, left:right].copy()


def _straighten(pixels: Pixels, points: Points) -> Pixels:
    """Map a rotated box, in pixels of these pixels, to an upright picture of its mean sides."""
    width, height = (max(1, int(side + 0.5)) for side in mean_sides(points))
    # Only what the box touches, as OpenCV refuses to warp what is longer than MAX_SIDE.
    left, top = np.clip(np.floor(points.min(axis=0)).astype(int) - 1, 0, None).tolist()
    right, bottom = (np.ceil(points.max(axis=0)).astype(int) + 1).tolist()
    part = pixels[top:bottom, left:right]
    # Corners count from the edges of pixels, OpenCV counts from their centres, half a pixel on.
    to_square = np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])
    to_part = np.array([[1, 0, -0.5 - left], [0, 1, -0.5 - top], [0, 0, 1]])
    warped = cv2.warpPerspective(
        np.ascontiguousarray(part),
        to_part @ from_unit_square(points) @ to_square,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, np.uint8)
