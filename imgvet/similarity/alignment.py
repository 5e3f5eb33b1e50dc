"""How one picture lies in another: guessed from small copies, proven patch by patch.

Two guesses are made: both show the same in one of the eight orientations; or the one lies within
the other, where its small copy, reduced step by step, fits best. A guess only has to be near. One
picture is laid over the other, each patch looks for where it has moved to (optical flow), and the
affine map that most patches agree on (RANSAC) takes the place of the guess. What is proven is then
decided by the pixels: so many patches must agree, by normalised correlation, which other colours
and JPEG hardly change. Different pictures under the same logo or frame agree there only; what has
more in common, as pages of one form have, is held off by its levels and, where any patch differs
or most are mere slopes, by a second look at twice the size (:mod:`imgvet.similarity.doubts`).

Local features (ORB, SIFT) find parts as well, at five to twenty times the processor time, and lose
crops with text over them; ``python -m benchmarks.verification`` measures what is done here.

Source of the flow: B. Lucas, T. Kanade: "An Iterative Image Registration Technique with an
Application to Stereo Vision", IJCAI 1981, by pyramids, as OpenCV has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np

from imgvet.images.picture import Pixels, averaged
from imgvet.similarity.doubts import (
    FEW_PIXELS,
    FINE_SIDE,
    LEAST_LEVELS,
    LEAST_LEVELS_OF_FEW,
    both_add,
    details_differ,
    levels_differ,
)
from imgvet.similarity.look import COLOURED, ROWS, SIDE, Look, Marks, Patches
from imgvet.similarity.maps import (
    MIRROR,
    ORIENTED,
    Map,
    chained,
    inverted,
    laid_over,
    of_unit,
    scale,
    shared_area,
)

ENOUGH_PATCHES, LEAST_SHARE, ENOUGH_SHARE = 12, 0.3, 0.75
"""So many patches must agree, of 144, and so large a share of those that have any texture: the
least only if the levels of both leave no doubt, as those of a smooth picture under text do."""

LEAST_SHOWN = 0.15
"""A picture of which the other one shows less is not proven: what is enlarged much agrees easily.
"""

_CENTRES = (np.indices((ROWS, ROWS))[::-1].reshape(2, -1) + 0.5) / ROWS
_GOOD = 0.75
_AROUND = np.ones((3, 3), np.uint8)
_SAME_FRAME, _SAME_FRAME_UPRIGHT = 0.5, 0.25
_LEAST_SMALL, _FITS = 8, 0.6
_ROUNDS, _WORTH_MOVING, _FITTING = 2, 8, 0.05
_HOPES = 2
_FLOW_WINDOW, _FLOW_ENDS, _TOGETHER, _LEAST_AREA = (9, 9), (3, 10, 0.03), 1.0, 0.01


def align(first: Look, second: Look, *, thorough: bool = True) -> Alignment | None:
    """How one picture lies in the other, None if nothing is proven.

    Whole pictures are compared in all eight orientations, and one is looked for within the other.
    A ``thorough`` search also finds what only overlaps, and what is mirrored as well; where there
    is nothing to find it takes four times as long.
    """
    guesses = _guesses(first, second, thorough=thorough)
    settled = (_settled(first, second, guess) for guess in guesses)
    hopeful = (found for found in settled if found.hopeful)
    return next(filter(None, map(_proven, islice(hopeful, _HOPES))), None)


def _guesses(first: Look, second: Look, *, thorough: bool) -> Iterator[_Guess]:
    alike = first.orientations @ second.orientations[0]
    best = int(alike.argmax()) if alike.max() >= _SAME_FRAME else 0
    if alike[best] >= _SAME_FRAME_UPRIGHT:
        yield _Guess(ORIENTED[best], float(alike[best]))
    for what in (_WITHIN, _OVERLAPPING)[: 1 + thorough]:
        for mirrored in (False, True)[: 1 + thorough]:
            one = np.ascontiguousarray(first.small[:, ::-1]) if mirrored else first.small
            for within in (True, False):
                pair = (one, second.small) if within else (second.small, one)
                way, score = what.fit(*pair)
                if way is not None:
                    way = way if within else inverted(way)
                    yield _Guess(chained(way, MIRROR) if mirrored else way, score)


@dataclass(frozen=True)
class _Search:
    """What of a small copy is looked for in another one, and in which sizes."""

    kept: float
    """The middle of it, as a share of its sides."""
    sizes: tuple[float, ...]
    """Shares of the size at which it just fits."""

    def fit(self, part: Pixels, whole: Pixels) -> tuple[Map | None, float]:
        """Where a picture fits best in another, without turning, if it does, and how well."""
        (height, width), (rows, columns) = whole.shape, part.shape
        largest, best, fit = min(height / rows, width / columns), _FITS, None
        for share in self.sizes:
            wide = max(_LEAST_SMALL, round(columns * largest * share))
            high = max(_LEAST_SMALL, round(rows * largest * share))
            left, top = round(wide * (1 - self.kept) / 2), round(high * (1 - self.kept) / 2)
            if wide - 2 * left > width or high - 2 * top > height:
                continue
            reduced = cv2.resize(part, (wide, high), interpolation=cv2.INTER_AREA)
            reduced = reduced[top : high - top, left : wide - left]
            found = cv2.matchTemplate(whole, reduced, cv2.TM_CCOEFF_NORMED)
            _, score, _, (x, y) = cv2.minMaxLoc(found)
            if best < score <= 1.01:  # Without texture OpenCV may tell what is no correlation.
                best = score
                fit = np.array([[wide, 0, x - left], [0, high, y - top]], np.float64)
        return (fit if fit is None else fit / [[width], [height]]), best


_WITHIN = _Search(1.0, (1.0, 0.87, 0.75, 0.63, 0.5, 0.4))
_OVERLAPPING = _Search(0.5, (1.3, 1.15, 1.0, 0.87, 0.75, 0.65))


def _settled(first: Look, second: Look, guess: _Guess) -> Alignment:
    """The alignment near a guess in which most patches agree."""
    found = Alignment(first, second, guess.map)
    for again in range(_ROUNDS):
        hopeful = found.agreeing >= _WORTH_MOVING or (guess.score >= _GOOD and not again)
        if not hopeful or found.differing <= _FITTING * found.agreeing:
            break
        moved = found.moved()
        if moved is None or moved.score <= found.score:
            break
        found = moved
    return found


def _proven(found: Alignment) -> Alignment | None:
    """An alignment, if both pictures show the same; what is doubtful is moved once."""
    if found.hopeful and found.doubtful:
        finer = found.moved(finely=True)
        return finer if finer is not None and finer.hopeful and not finer.doubtful else None
    return found if found.hopeful else None


class _Guess(NamedTuple):
    map: Map
    score: float
    """The correlation of small copies, up to 1."""


class Alignment:
    """One picture laid over the other by a map, in the frame of the one that is shown more of."""

    def __init__(self, first: Look, second: Look, way: Map) -> None:
        self._pictures, self.map = (first, second), way
        """From the first picture to the second."""
        area = shared_area(way)
        self.first_shown, self.second_shown = min(area / abs(scale(way)), 1.0), min(area, 1.0)
        """The share of each picture that the other one shows, 0..1."""
        self._of_first = self.first_shown > self.second_shown
        self.frame, self.over = (first, second) if self._of_first else (second, first)
        self.to_over = way if self._of_first else inverted(way)
        """From the frame to what is laid over it."""
        self._laid = laid_over(self.over.gray, self.to_over, SIDE)
        centres = self.to_over[:, :2] @ _CENTRES + self.to_over[:, 2:]
        self._inside: Marks = np.abs(centres - 0.5).max(axis=0) < 0.5
        patches = Patches.of(self._laid)
        agree, differ = self.frame.patches.compared(patches)
        self._agree = agree & self._inside
        self.agreeing = int(np.count_nonzero(self._agree))
        """Patches that agree, of 144 at most."""
        self.differing = int(np.count_nonzero(differ & self._inside))
        """Patches that do not; those without texture say nothing and count as neither."""
        self._differ, self._blank = differ, self.frame.patches.clipped | patches.clipped

    @property
    def share(self) -> float:
        """The share of the patches with texture that agree."""
        return self.agreeing / max(self.agreeing + self.differing, 1)

    @property
    def hopeful(self) -> bool:
        """Whether both pictures may show the same."""
        enough = self.agreeing >= ENOUGH_PATCHES and self.share >= LEAST_SHARE
        return enough and min(self.first_shown, self.second_shown) >= LEAST_SHOWN

    @property
    def score(self) -> int:
        """The higher, the better both fit."""
        return self.agreeing - self.differing

    @cached_property
    def finely(self) -> tuple[Pixels, Pixels]:
        """The frame and what is laid over it, squares of :data:`FINE_SIDE`."""
        return self.frame.fine_square, laid_over(self.over.fine, self.to_over, FINE_SIDE)

    @property
    def doubtful(self) -> bool:
        """Whether it looks like two pictures."""
        least = LEAST_LEVELS if self.share >= ENOUGH_SHARE else LEAST_LEVELS_OF_FEW
        if levels_differ(self.frame.square, self._laid, self.to_over, least):
            return True
        if self.differing and both_add(*self.finely, self.to_over):
            return True
        if self.shortest_side < FEW_PIXELS or not (self.frame.sloping or self.over.sloping):
            return False
        # The edge of what is white or black, as of a box, shows in the patches beside it.
        blank = cv2.dilate(self._blank.reshape(ROWS, ROWS).astype(np.uint8), _AROUND) > 0
        counted = (self._inside & ~self._differ).reshape(ROWS, ROWS) & ~blank
        return details_differ(*self.finely, counted)

    @property
    def shortest_side(self) -> int:
        """Of the smaller one, in pixels; below :data:`FEW_PIXELS` it has no details."""
        return min(*self.frame.size, *self.over.size)

    @property
    def recoloured(self) -> float:
        """Mean difference of the colours of patches that agree, in levels of 255."""
        laid = laid_over(self.over.colours, self.to_over, COLOURED)
        one, other = (averaged(each, ROWS, ROWS) for each in (self.frame.colours, laid))
        return float(cv2.absdiff(one, other).reshape(-1, 3)[self._agree].mean())

    def moved(self, *, finely: bool = False) -> Alignment | None:
        """The same, moved by as much as most patches have."""
        frame, laid = self.finely if finely else (self.frame.square, self._laid)
        side = len(frame)
        points = ((_CENTRES.T * side - 0.5)[self._inside]).astype(np.float32)
        flow = cv2.calcOpticalFlowPyrLK(
            frame, laid, points, points.copy(),
            winSize=_FLOW_WINDOW, maxLevel=1, criteria=_FLOW_ENDS,
        )  # fmt: skip
        seen = flow[1].ravel() > 0
        if seen.sum() < _WORTH_MOVING:
            return None
        cv2.setRNGSeed(0)
        move, inliers = cv2.estimateAffine2D(
            points[seen],
            flow[0][seen],
            ransacReprojThreshold=_TOGETHER,
            maxIters=300,
            refineIters=3,
        )
        if move is None or inliers.sum() < _WORTH_MOVING:
            return None
        to_over = chained(self.to_over, of_unit(np.asarray(move, np.float64), side))
        if abs(scale(to_over)) < _LEAST_AREA:
            return None
        way = to_over if self._of_first else inverted(to_over)
        return Alignment(*self._pictures, way)
