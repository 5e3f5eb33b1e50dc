"""What speaks against two pictures being one, though their patches agree.

Pages under one letterhead, filled forms, windows of one program or walls of one bond agree patch by
patch. Two things tell them from edits:

* An edit changes levels everywhere in the same way, but where it covers something. How well one
  curve takes the levels of one picture to those of the other is told beyond chance (Cohen's kappa:
  white pages agree in most levels by chance). The bricks of two walls have other shades.
* An edit adds to one picture. Two pages each have something where the other is plain.

Pictures of one make, as X-rays and photographs through one eyepiece, agree by slopes and by their
frame: where most patches are slopes, what is finer has to agree as well.

What was proven is looked at again in relations. On plain ground, as of documents, screens, charts
and things on white, words and numbers may differ by less than a patch shows: what is drawn has to
agree closely wherever it is. In pictures of few pixels, as digits and icons, each patch is a few of
them, which agree easily: more patches have to agree, and levels by more.

Source of kappa: J. Cohen: "A Coefficient of Agreement for Nominal Scales", Educational and
Psychological Measurement 20, 1960.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from imgvet.images.picture import Pixels, averaged
from imgvet.similarity.maps import Map, laid_over, of_pixels

FINE_SIDE = 192
"""Side of the squares in which what pictures add is looked for, in pixels."""

MOST_TWO_SIDED = 0.006
LEAST_LEVELS, LEAST_LEVELS_OF_FEW = 0.5, 0.75
"""How far levels must agree; the more where most patches do not."""

FEW_PIXELS, LEAST_LEVELS_OF_SMALL = 64, 0.65
"""Short side below which a picture is small, and how far its levels must agree."""

MOST_UNLIKE = 0.1
"""Of patches with details only so many may show others in each picture."""

HALF_GROUND, MOSTLY_GROUND, MOST_EXCHANGED, MOST_EXCHANGED_OF_HALF = 0.45, 0.6, 0.01, 0.025
"""Where so much is ground of one level, only so much of what is drawn may be something else; more
where levels are taken to each other, as text over a picture has something of it on both sides."""

_SHARP_SIDE, _NEARBY, _GROUND, _UNLIKE, _EVEN = 256, (9, 9), 16, 0.5, 12

_FINE, _COARSE, _FAINT = (3, 3), (9, 9), 1.5**2
_AS_STRONG, _ALIKE, _FEW_PATCHES = 4, 0.4, 12

_Counts = NDArray[np.int64]
_LEVELS, _BIN = 256, 8
_LEVELS_SIDE = 64
_SAME, _FEW = 8, 5
_AROUND, _NEXT = np.ones((5, 5), np.uint8), np.ones((3, 3), np.uint8)
_STRUCTURE, _PLAIN, _BACKGROUND = 40, 10, 8


def levels_differ(frame: Pixels, laid: Pixels, way: Map, least: float) -> bool:
    """Whether the levels of two pictures, gray squares, agree by less than those of one.

    The one was laid over the other by a map from the frame to it.
    """
    one, other = (averaged(each, _LEVELS_SIDE, _LEVELS_SIDE) for each in (frame, laid))
    return level_agreement(one, other, _inside(way, _LEVELS_SIDE)) < least


def both_add(frame: Pixels, laid: Pixels, way: Map) -> bool:
    """Whether each picture has something that the other lacks; squares of :data:`FINE_SIDE`."""
    inside = _inside(way, FINE_SIDE)
    if two_sided(frame, laid, inside) > MOST_TWO_SIDED:
        return True
    level = on_levels_of(laid, frame, inside)
    return level is not frame and two_sided(level, laid, inside) > MOST_TWO_SIDED


def details_differ(frame: Pixels, laid: Pixels, counted: NDArray[np.bool_]) -> bool:
    """Whether what is finer than patches show is something else in each of two pictures.

    They are gray squares of :data:`FINE_SIDE`; the patches that count are marked, (rows, columns).
    What one of both has alone counts as far as the other has as much: an edit blurs, sharpens or
    adds noise in one of them.
    """
    one, other = (_details(gray, counted) for gray in (frame, laid))
    here, there = (np.einsum("pn,pn->p", each, each) / each.shape[1] for each in (one, other))
    together = np.einsum("pn,pn->p", one, other) / one.shape[1]
    weaker, stronger = np.minimum(here, there), np.maximum(here, there)
    told, both = stronger >= _FAINT, stronger <= _AS_STRONG * weaker
    unlike = np.count_nonzero(told & both & (together < _ALIKE * np.sqrt(here * there)))
    alone = min(np.count_nonzero(told & ~both & (side == stronger)) for side in (here, there))
    total = np.count_nonzero(told)
    return bool(total >= _FEW_PATCHES and unlike + alone > MOST_UNLIKE * total)


def _details(gray: Pixels, counted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What is finer than patches show, of those that count, (patches, pixels)."""
    levels, (rows, columns) = gray.astype(np.float32), counted.shape
    fine = np.asarray(cv2.blur(levels, _FINE) - cv2.blur(levels, _COARSE), np.float32)
    grid = fine.reshape(rows, len(fine) // rows, columns, -1).swapaxes(1, 2)
    return grid[counted].reshape(-1, fine.size // counted.size)


def ground_share(gray: Pixels) -> float:
    """The share of a gray picture, uint8 (h, w), that is ground of one level with nothing on it."""
    plain = gray[cv2.subtract(cv2.dilate(gray, _NEXT), cv2.erode(gray, _NEXT)) < _EVEN]
    bins = np.bincount(plain // _BIN, minlength=_LEVELS // _BIN)
    return float((bins[1:] + bins[:-1]).max() / gray.size)


def refuted(frame: Pixels, over: Pixels, way: Map, ground: float) -> bool:
    """Whether pictures on plain ground that one map lays over each other show two things.

    They are whole thumbnails in gray, uint8 (h, w); the map leads from the frame to the other one.
    At least the share ``ground`` of either has one level.
    """
    square = averaged(frame, _SHARP_SIDE, _SHARP_SIDE)
    laid, inside = laid_over(over, way, _SHARP_SIDE), _inside(way, _SHARP_SIDE)
    most = MOST_EXCHANGED if ground > MOSTLY_GROUND else MOST_EXCHANGED_OF_HALF
    if exchanged(square, laid, inside) > most:
        return True
    level = on_levels_of(laid, square, inside)
    return level is not square and exchanged(level, laid, inside) > MOST_EXCHANGED_OF_HALF


def exchanged(frame: Pixels, laid: Pixels, inside: NDArray[np.bool_]) -> float:
    """The share, 0..1, of what is drawn in either picture where the other has something else.

    Both are gray, uint8 (h, w), as the marks of what counts. Asked is ground of the same level, as
    what an edit puts over a picture has its own. What one of both has alone counts as far as the
    other has as much.
    """
    around = np.ones(_NEARBY, np.uint8)
    counted = cv2.erode(inside.astype(np.uint8), around, borderValue=0) > 0
    here, there = (_Local.of(gray).range > _STRUCTURE for gray in (frame, laid))
    ground = cv2.absdiff(cv2.dilate(frame, around), cv2.dilate(laid, around)) < _GROUND
    unlike = counted & ground & (_correlation_nearby(frame, laid) < _UNLIKE)
    sides = [int(np.count_nonzero(unlike & side)) for side in (here & ~there, there & ~here)]
    both = int(np.count_nonzero(unlike & here & there))
    return (both + min(sides)) / max(int(np.count_nonzero(counted & (here | there))), 1)


def _correlation_nearby(frame: Pixels, laid: Pixels) -> NDArray[np.float32]:
    """How well the surroundings of each place agree with the other picture, moved by one pixel."""
    rows, columns = frame.shape
    one = frame.astype(np.float32)
    wide = np.pad(laid.astype(np.float32), 1, mode="edge")
    (mean, spread), (means, spreads) = _means_and_spreads(one), _means_and_spreads(wide)
    best = np.full(frame.shape, -1, np.float32)
    for top, left in np.ndindex(3, 3):
        part = np.s_[top : top + rows, left : left + columns]
        together = cv2.blur(one * wide[part], _NEARBY) - mean * means[part]
        np.maximum(best, together / np.sqrt(spread * spreads[part]), out=best)
    return best


def _means_and_spreads(gray: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    mean = np.asarray(cv2.blur(gray, _NEARBY), np.float32)
    return mean, np.maximum(cv2.blur(gray * gray, _NEARBY) - mean * mean, np.float32(1))


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
    sums, known, medians = _medians(frame, laid, inside)
    if not len(known):
        return 0.0
    curve = np.rint(np.interp(np.arange(len(sums)), known, medians)).astype(np.int64)
    totals, of_all = sums[:, -1], np.broadcast_to(sums.sum(axis=0), sums.shape)
    seen = _near(sums, curve).sum() / totals.sum()
    expected = totals @ _near(of_all, curve) / totals.sum() ** 2
    return float((seen - expected) / max(1 - expected, 1e-6))


def on_levels_of(laid: Pixels, frame: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    """A picture with the levels that the same things have in the other one: as bright, as strong.

    Both are gray squares, uint8, of 64 pixels or more, as the marks of what counts. Levels that
    have no one level there, as of a box over a picture, are moved as far as those next to them; it
    is the picture itself if all have about their own.
    """
    step = len(frame) // _LEVELS_SIDE
    places = np.s_[::step, ::step]  # enough to tell it
    sums, known, medians = _medians(frame[places], laid[places], inside[places])
    steady = 2 * _near(sums[known], medians) >= sums[known, -1]
    every, levels = np.arange(_LEVELS), frame[places][inside[places]]
    counts = np.bincount(levels, minlength=_LEVELS).reshape(-1, _BIN)[known[steady]]
    means = (counts * every.reshape(-1, _BIN)[known[steady]]).sum(axis=1) / counts.sum(axis=1)
    moved = medians[steady] - means
    if np.abs(moved).max(initial=0.0) <= _SAME:
        return frame
    curve = every + np.interp(every, means, moved)
    return np.rint(curve).clip(0, _LEVELS - 1).astype(np.uint8)[frame]


def _medians(frame: Pixels, laid: Pixels, inside: NDArray[np.bool_]) -> tuple[_Counts, ...]:
    """Of how many places with levels of the one, in bins, the other's are at most so high.

    Beside it the bins that are told, and the median of each.
    """
    one, other = frame[inside].astype(np.int64) // _BIN, laid[inside].astype(np.int64)
    counts = np.bincount(one * _LEVELS + other, minlength=_LEVELS**2 // _BIN)
    sums = counts.reshape(_LEVELS // _BIN, _LEVELS).cumsum(axis=1)
    known = np.flatnonzero(sums[:, -1] >= _FEW)
    return sums, known, (sums[known] * 2 >= sums[known, -1:]).argmax(axis=1)


def _near(sums: _Counts, levels: _Counts) -> _Counts:
    """How many places of each bin are near a level of its own."""
    low, rows = levels - _SAME - 1, np.arange(len(sums))
    told = sums[rows, np.minimum(levels + _SAME, _LEVELS - 1)]
    return told - np.where(low >= 0, sums[rows, low], 0)


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
