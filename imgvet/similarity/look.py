"""What of a picture is compared: small copies of it, and the patches of a square."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from imgvet.images.orientation_hash import ORIENTATIONS
from imgvet.images.picture import Pixels, averaged, decode_thumbnail, oriented, size_within
from imgvet.similarity.doubts import FINE_SIDE, ground_share

Marks = NDArray[np.bool_]

Size = tuple[int, int]
"""Width and height in pixels."""

ROWS = 12
"""Rows and columns of patches of the picture that the other one is laid over."""

_PATCH = 8
SIDE, COLOURED = ROWS * _PATCH, ROWS * 4
"""Sides of the squares in gray, and in colour, in pixels."""

LOOK_SIDE = 128
"""Short side at which pictures are compared, in pixels: half of a thumbnail's."""

_MEAN = np.full(_PATCH**2, 1 / _PATCH**2, np.float32)
_SLOPES = np.indices((_PATCH, _PATCH), np.float32).reshape(2, -1).T - np.float32(_PATCH / 2 - 0.5)
_SLOPES /= np.linalg.norm(_SLOPES, axis=0)
_TINY, _SMALL = 16, 24
_AGREES, _TEXTURE, _CLIPPED = 0.7, 5.0**2, 6.0


class Look:
    """What of a picture is compared, from its thumbnail; each part is made when it is needed."""

    def __init__(self, thumbnail: bytes, size: Size) -> None:
        """Decode a thumbnail of a picture of this size; ValueError if it is damaged."""
        self._thumbnail, self.size = thumbnail, size
        self._pixels = _scaled(decode_thumbnail(thumbnail, LOOK_SIDE), LOOK_SIDE)
        self.gray = np.asarray(cv2.cvtColor(self._pixels, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def colours(self) -> Pixels:
        """The picture in colour as a square."""
        return averaged(self._pixels, COLOURED, COLOURED)

    @cached_property
    def square(self) -> Pixels:
        """The picture in gray as a square."""
        return averaged(self.gray, SIDE, SIDE)

    @cached_property
    def patches(self) -> Patches:
        """The patches of the square."""
        return Patches.of(self.square)

    @cached_property
    def sloping(self) -> bool:
        """Whether half of the patches with texture are slopes for the most part, as of X-rays."""
        told = self.patches.spread >= _TEXTURE
        along = np.square(self.patches.values[told] @ _SLOPES).sum(axis=1) / _PATCH**2
        return bool((along > self.patches.spread[told] / 2).mean() > 0.5) if told.any() else False

    @cached_property
    def orientations(self) -> NDArray[np.float32]:
        """A tiny gray copy in each of eight orientations, of mean 0 and length 1, (8, 256)."""
        tiny = averaged(self.square, _TINY, _TINY)[..., None]
        shown = np.stack([oriented(tiny, code + 1).ravel() for code in range(ORIENTATIONS)])
        values = shown - shown.mean(dtype=np.float32)
        return np.asarray(values / max(float(np.linalg.norm(values[0])), 1.0), np.float32)

    @cached_property
    def fine(self) -> Pixels:
        """The whole thumbnail in gray."""
        return decode_thumbnail(self._thumbnail, gray=True)

    @cached_property
    def fine_square(self) -> Pixels:
        """The whole thumbnail in gray as a square of :data:`FINE_SIDE`."""
        return averaged(self.fine, FINE_SIDE, FINE_SIDE)

    @cached_property
    def small(self) -> Pixels:
        """A small gray copy."""
        return _scaled(self.gray, _SMALL)

    @cached_property
    def ground(self) -> float:
        """The share of the picture that is ground of one level with nothing on it."""
        return ground_share(self.gray)


class Patches(NamedTuple):
    """The 144 patches of a square in gray."""

    values: NDArray[np.float32]
    """(144, 64), less their mean."""
    spread: NDArray[np.float32]
    """(144,), their variance."""
    clipped: Marks
    """(144,), white or black without texture: may be what became of a brighter or darker one."""

    @classmethod
    def of(cls, gray: Pixels) -> Self:
        """Those of a square of :data:`SIDE`."""
        grid = gray.reshape(ROWS, _PATCH, ROWS, _PATCH).swapaxes(1, 2)
        values = grid.reshape(ROWS * ROWS, -1).astype(np.float32)
        means = values @ _MEAN
        values -= means[:, None]
        spread = np.einsum("pn,pn->p", values, values) / values.shape[1]
        clipped = (np.abs(means - 127.5) > 127.5 - _CLIPPED) & (spread < _TEXTURE)
        return cls(values, spread, clipped)

    def compared(self, other: Self) -> tuple[Marks, Marks]:
        """Which patches agree with those of another square, and which differ."""
        together = np.einsum("pn,pn->p", self.values, other.values) / self.values.shape[1]
        telling = np.maximum(self.spread, other.spread) >= _TEXTURE
        telling &= ~(self.clipped | other.clipped)
        agree = together > _AGREES * np.sqrt(self.spread * other.spread)
        return telling & agree, telling & ~agree


def _scaled(pixels: Pixels, side: int) -> Pixels:
    """Reduced to a short side of at most ``side``, and a long one of at most four times that."""
    height, width = pixels.shape[:2]
    return averaged(pixels, *size_within(width, height, side, 4 * side))
