"""What a pair's relation means, in a sentence: which shows more, which is larger, which to keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgvet.format import rough_percent
from imgvet.images.formats import LOSSLESS
from imgvet.reports.inputs import Image
from imgvet.similarity.maps import inverted
from imgvet.similarity.relations import LEAST_DEGREES, WHOLE_SHARE, Relation

_SAME_SIZE, _SAME_SIDES = 1.05, 1.1
_LOWER_QUALITY = 0.7
_IN_WORDS = {Relation.RECOLOURED: "in other colours", Relation.OVERLAID: "with something over one"}


@dataclass(frozen=True)
class _Side:
    name: str
    picture: Image
    shown: float
    """The share of it that the other side shows."""

    @property
    def bytes_per_pixel(self) -> float:
        """Of a JPEG; infinite where nothing is lost, 0 if that is not known."""
        if self.picture.format in LOSSLESS:
            return float("inf")
        pixels = (self.picture.width or 0) * (self.picture.height or 0)
        known = pixels and self.picture.format == "JPEG" and self.picture.file_bytes
        return known / pixels if known else 0.0


def explained(pair: Mapping[str, Any], first: Image, second: Image) -> str:
    """A row of the table similarity in words, of the images left and right; empty if not compared.

    It tells of the one that shows less: ``right: 48 % of left, half the size, JPEG of lower
    quality; keep left``. Which to keep it says only where no label and no split would be lost.
    """
    if pair.get("relation") == Relation.SIMILAR_ONLY:
        return "their pixels don't prove that they show the same"
    if pair.get("transform") is None:
        return ""
    way = np.reshape(np.asarray(pair["transform"], np.float64), (2, 3))
    one, other = _Side("left", first, pair["from_shown"]), _Side("right", second, pair["to_shown"])
    if _rank(other, one) >= _rank(one, other):
        one, other = other, one
    else:
        way = inverted(way)
    size = float(np.sqrt(abs(np.linalg.det(way[:, :2]))))
    lower = 0 < one.bytes_per_pixel < _LOWER_QUALITY * other.bytes_per_pixel and size < _SAME_SIZE
    said = [_share(one, other), *_turned(way[:, :2]), *_size(way[:, :2], size)]
    said += [_IN_WORDS[pair["relation"]]] if pair["relation"] in _IN_WORDS else []
    said += ["JPEG of lower quality"] if lower else []
    less = other.shown < WHOLE_SHARE or size * _SAME_SIZE < 1 or lower
    kept = one.shown >= WHOLE_SHARE and size < _SAME_SIZE and less
    kept &= pair["relation"] not in _IN_WORDS and _knows_all(other.picture, one.picture)
    advice = f"; keep {other.name}" if kept else ""
    return f"{one.name}: {', '.join(said)}{advice}"


def _rank(side: _Side, other: _Side) -> tuple[bool, float, float]:
    """The greater, the less it has that the other has not."""
    more = side.shown - other.shown
    pixels = (side.picture.width or 0) * (side.picture.height or 0)
    return (more > 1 - WHOLE_SHARE, -pixels, -side.bytes_per_pixel)


def _knows_all(stays: Image, goes: Image) -> bool:
    return goes.label in (None, stays.label) and goes.split in (None, stays.split)


def _share(one: _Side, other: _Side) -> str:
    part = "all" if other.shown >= WHOLE_SHARE else rough_percent(other.shown)
    return f"{part} of {other.name}{' and more' if one.shown < WHOLE_SHARE else ''}"


def _turned(linear: NDArray[np.float64]) -> Iterator[str]:
    if np.linalg.det(linear) < 0:
        yield "mirrored"
        linear = linear * np.array([-1.0, 1.0])
    degrees = float(np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], np.trace(linear))))
    if abs(degrees) > LEAST_DEGREES:
        side = "" if abs(degrees) > 180 - LEAST_DEGREES else " right" if degrees > 0 else " left"
        yield f"turned{side} by {abs(degrees):.0f}\u00b0"


def _size(linear: NDArray[np.float64], size: float) -> Iterator[str]:
    sides = np.linalg.svd(linear, compute_uv=False)
    if sides[0] > _SAME_SIDES * sides[1]:
        yield "stretched"
    if size > _SAME_SIZE or size * _SAME_SIZE < 1:
        words = {0.5: "half the size", 2.0: "twice the size"}
        near = next((words[one] for one in words if abs(size / one - 1) < 0.05), None)
        yield near or f"{size:.2g} times the size"
