"""A part of a picture that is analysed as an item of its own."""

from __future__ import annotations

from dataclasses import dataclass

Corners = tuple[float, float, float, float, float, float, float, float]
"""x1, y1, ..., x4, y4 in pixels, clockwise from the top left of what the box holds."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright box in pixels of the picture as shown; it may reach out of the picture.

    Attributes:
        x: left edge, in pixels from the left.
        y: upper edge, in pixels from the top.
        width: width in pixels.
        height: height in pixels.
    """

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture, and what is known of it.

    Attributes:
        box: the box; for a rotated one the smallest upright box around it.
        corners: the corners of a rotated box, None if it is upright.
        label: its class, if one is known.
        score: how sure a detector is of it, 0..1, None if nobody detected it.
        text: the text that was read in it, if any was.
    """

    box: Box
    corners: Corners | None = None
    label: str | None = None
    score: float | None = None
    text: str | None = None
