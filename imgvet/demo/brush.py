"""What every drawn picture starts from: a size, a palette, and a source of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]
"""RGB picture, uint8 [height, width, 3]. The stubs of OpenCV don't know types of elements."""

Values = npt.NDArray[Any]
"""One number for each pixel, float [height, width]."""

Colour = tuple[int, int, int]
"""RGB, 0 to 255."""

Point = Sequence[float] | npt.NDArray[Any]
"""x and y in pixels."""

Points = Sequence[Point] | npt.NDArray[Any]
"""Several points, [n, 2]."""

_SUBPIXEL_BITS = 4
_SUBPIXEL = 1 << _SUBPIXEL_BITS


@dataclass(frozen=True)
class Brush:
    """The means of one picture. Its pictures follow from its chance alone.

    Attributes:
        rng: source of chance.
        width: pixels.
        height: pixels.
        palette: colours from dark to light, float32 [n, 3], 0 to 1.
    """

    rng: np.random.Generator
    width: int
    height: int
    palette: Values

    @cached_property
    def x(self) -> Values:
        """Horizontal position of each pixel, 0 to 1."""
        row = np.linspace(0, 1, self.width, dtype=np.float32)
        return np.broadcast_to(row, (self.height, self.width))

    @cached_property
    def y(self) -> Values:
        """Vertical position of each pixel, 0 to 1 downwards."""
        column = np.linspace(0, 1, self.height, dtype=np.float32)[:, None]
        return np.broadcast_to(column, (self.height, self.width))

    def centred(self) -> tuple[Values, Values]:
        """Position from the centre; the shorter half side is 1."""
        scale = min(self.width, self.height) / 2
        return (self.x - 0.5) * (self.width / scale), (self.y - 0.5) * (self.height / scale)

    def colour(self, position: float) -> Colour:
        """The palette's colour at 0 (dark) to 1 (light)."""
        red, green, blue = self.tint(np.full((1, 1), position))[0, 0]
        return int(red), int(green), int(blue)

    def tint(self, values: Values) -> Image:
        """Values 0 to 1 in the palette's colours."""
        stops = np.linspace(0, 1, len(self.palette))
        channels = [np.interp(values, stops, self.palette[:, channel]) for channel in range(3)]
        return np.round(np.stack(channels, axis=-1) * 255).astype(np.uint8)

    def noise(self, cell: float, octaves: int = 5, gain: float = 0.5) -> Values:
        """Fractal value noise, 0 to 1: details of ``cell`` pixels, halved ``octaves`` times."""
        total = np.zeros((self.height, self.width), np.float32)
        for octave in range(octaves):
            total += gain**octave * self._value_noise(max(cell / 2**octave, 1.0))
        return stretched(total)

    def _value_noise(self, cell: float) -> Values:
        rows, columns = int(self.height / cell) + 4, int(self.width / cell) + 4
        grid = self.rng.random((rows, columns), dtype=np.float32)
        size = (int(columns * cell) + 1, int(rows * cell) + 1)
        smooth = cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
        top, left = int(1.5 * cell), int(1.5 * cell)
        return smooth[top : top + self.height, left : left + self.width]

    def sky(self, dark: float = 0.1, light: float = 0.9, curve: float = 1.0) -> Image:
        """A vertical gradient of the palette, dark above."""
        return self.tint(dark + (light - dark) * self.y**curve)

    def plain(self, position: float) -> Image:
        """A surface of one colour of the palette."""
        return np.full((self.height, self.width, 3), self.colour(position), np.uint8)


def stretched(values: Values) -> Values:
    """Values scaled to 0 to 1."""
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) / (high - low), np.float32)


def polygon(image: Image, points: Points, colour: Colour) -> None:
    """Fill a polygon, its edges smooth."""
    corners = np.round(np.asarray(points, np.float64) * _SUBPIXEL).astype(np.int32)
    cv2.fillPoly(image, [corners], colour, cv2.LINE_AA, _SUBPIXEL_BITS)


def polyline(
    image: Image, points: Points, colour: Colour, width: float = 1, *, closed: bool = False
) -> None:
    """Draw a line through points, smoothly."""
    corners = np.round(np.asarray(points, np.float64) * _SUBPIXEL).astype(np.int32)
    thickness = max(1, round(width))
    cv2.polylines(image, [corners], closed, colour, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def disc(image: Image, centre: Point, radius: float, colour: Colour, width: int = -1) -> None:
    """Draw a circle; filled unless a line width is given."""
    x, y = (round(value * _SUBPIXEL) for value in centre)
    cv2.circle(image, (x, y), max(1, round(radius * _SUBPIXEL)), colour, width, cv2.LINE_AA,
               _SUBPIXEL_BITS)  # fmt: skip


def ellipse(image: Image, centre: Point, axes: Point, degrees: float, colour: Colour) -> None:
    """Fill an ellipse of two half axes, turned clockwise."""
    outline = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    turn = np.deg2rad(degrees)
    u, v = axes[0] * np.cos(outline), axes[1] * np.sin(outline)
    points = np.stack([u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)], 1)
    polygon(image, points + np.asarray(centre), colour)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """A colour between two: ``share`` 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def glow(image: Image, light: Values, colour: Colour) -> Image:
    """Add light of one colour, strength 0 to 1 for each pixel."""
    added = image.astype(np.float32) + light[..., None] * np.array(colour, np.float32)
    return np.clip(added, 0, 255).astype(np.uint8)


def cover(image: Image, colour: Colour, share: Values) -> Image:
    """Lay a colour over a picture, opacity 0 to 1 for each pixel."""
    opacity = np.clip(share, 0, 1)[..., None]
    return np.round(image * (1 - opacity) + np.array(colour, np.float32) * opacity).astype(np.uint8)


def shaded(image: Image, light: Values) -> Image:
    """A picture times a brightness for each pixel."""
    return np.clip(image * light[..., None], 0, 255).astype(np.uint8)


def grain(brush: Brush, image: Image, strength: float = 0.1) -> Image:
    """A picture with the grain of film."""
    speckle = brush.rng.random((brush.height, brush.width), dtype=np.float32) - 0.5
    return shaded(image, 1 + strength * speckle)


def relief(height: Values, strength: float = 40.0) -> Values:
    """Brightness of a surface lit from the upper left: 1 is flat."""
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.125)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.125)
    return np.clip(1 + strength * (slope_x + slope_y) * 0.7, 0.25, 1.6)
