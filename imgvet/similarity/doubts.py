"""What speaks against two pictures being one, though their patches agree.

Pages under one letterhead, filled forms, windows of one program or walls of one bond agree patch by
patch. Two things tell them from edits:

* An edit changes levels everywhere in the same way, but where it covers something. How well one
  curve takes the levels of one picture to those of the other is told beyond chance (Cohen's kappa:
  white pages agree in most levels by chance). The bricks of two walls have other shades.
* An edit adds to one picture. Two pages each have something where the other is plain.

Source of kappa: J. Cohen: "A Coefficient of Agreement for Nominal Scales", Educational and
Psychological Measurement 20, 1960.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from imgvet.images.picture import Pixels
from imgvet.similarity.maps import Map, of_pixels

FINE_SIDE = 192
"""Side of the squares in which what pictures add is looked for, in pixels."""

MOST_TWO_SIDED = 0.006
LEAST_LEVELS, LEAST_LEVELS_OF_FEW = 0.5, 0.75
"""How far levels must agree; the more where most patches do not."""

_LEVELS, _BIN = 256, 8
_LEVELS_SIDE = 64
_SAME, _FEW = 8, 5
_AROUND = np.ones((5, 5), np.uint8)
_STRUCTURE, _PLAIN, _BACKGROUND = 40, 10, 8


def levels_differ(frame: Pixels, laid: Pixels, way: Map, *, most_agree: bool) -> bool:
    """Whether the levels of two pictures, gray squares, are those of two.

    The one was laid over the other by a map from the frame to it.
    """
    side = (_LEVELS_SIDE, _LEVELS_SIDE)
    small = [cv2.resize(each, side, interpolation=cv2.INTER_AREA) for each in (frame, laid)]
    one, other = (np.asarray(each, np.uint8) for each in small)
    least = LEAST_LEVELS if most_agree else LEAST_LEVELS_OF_FEW
    return level_agreement(one, other, _inside(way, _LEVELS_SIDE)) < least


def both_add(frame: Pixels, laid: Pixels, way: Map) -> bool:
    """Whether each picture has something that the other lacks; squares of :data:`FINE_SIDE`."""
    return two_sided(frame, laid, _inside(way, FINE_SIDE)) > MOST_TWO_SIDED


def _inside(way: Map, side: int) -> NDArray[np.bool_]:
    """Where a map from a square of this side leads into the other picture."""
    size = (side, side)
    marks = cv2.warpAffine(
        np.ones(size, np.uint8), of_pixels(way, size, size), size,
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
    )  # fmt: skip
    return np.asarray(marks > 0)


def level_agreement(frame: Pixels, laid: Pixels, inside: NDArray[np.bool_]) -> float:
    """How far one curve takes the levels of one picture to those of the other.

    1 is fully, 0 as by chance. Both are gray, (h, w), as the marks of what counts.
    """
    one, other = frame[inside].astype(np.int64) // _BIN, laid[inside].astype(np.int64)
    shape = (_LEVELS // _BIN, _LEVELS)
    counts = np.bincount(one * _LEVELS + other, minlength=_LEVELS**2 // _BIN).reshape(shape)
    sums = counts.cumsum(axis=1)
    totals = sums[:, -1]
    known = np.flatnonzero(totals >= _FEW)
    if not len(known):
        return 0.0
    medians = (sums[known] * 2 >= totals[known, None]).argmax(axis=1)
    curve = np.rint(np.interp(np.arange(shape[0]), known, medians)).astype(np.int64)
    low, high = curve - _SAME - 1, np.minimum(curve + _SAME, _LEVELS - 1)
    rows = np.arange(shape[0])
    told = sums[rows, high] - np.where(low >= 0, sums[rows, low], 0)
    levels = sums.sum(axis=0)
    chance = (levels[high] - np.where(low >= 0, levels[low], 0)) / levels[-1]
    seen, expected = told.sum() / levels[-1], (totals @ chance) / levels[-1]
    return float((seen - expected) / max(1 - expected, 1e-6))


def two_sided(frame: Pixels, laid: Pixels, inside: NDArray[np.bool_]) -> float:
    """The share of places with anything in them where one picture alone has it.

    Of both ways round the rarer one: 0 for edits, which add to one of both.
    """
    counted = cv2.erode(inside.astype(np.uint8), _AROUND, borderValue=0) > 0
    one, other = _Local.of(frame), _Local.of(laid)
    anything = (one.range > _STRUCTURE) | (other.range > _STRUCTURE)
    sides = one.alone(other, laid), other.alone(one, frame)
    rarer = min(int(np.count_nonzero(side & counted)) for side in sides)
    return rarer / max(int(np.count_nonzero(anything & counted)), 1)


class _Local(NamedTuple):
    """The highest and the lowest level around each place."""

    high: Pixels
    low: Pixels

    @classmethod
    def of(cls, gray: Pixels) -> Self:
        around = cv2.dilate(gray, _AROUND), cv2.erode(gray, _AROUND)
        return cls(*(np.asarray(each, np.uint8) for each in around))

    @property
    def range(self) -> Pixels:
        return self.high - self.low

    def alone(self, other: Self, levels: Pixels) -> NDArray[np.bool_]:
        """Where there is something while the other picture, of these levels, is plain background.

        What covers something has a level of its own.
        """
        near = np.minimum(cv2.absdiff(levels, self.high), cv2.absdiff(levels, self.low))
        here = (self.range > _STRUCTURE) & (other.range < _PLAIN) & (near <= _BACKGROUND)
        return np.asarray(here)
