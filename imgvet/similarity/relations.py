"""What two pictures have to do with each other, by their thumbnails and sizes.

Imported by the processes that decode, so it needs nothing that takes long to import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from imgvet.similarity import doubts
from imgvet.similarity.alignment import Alignment, align
from imgvet.similarity.look import Look, Size
from imgvet.similarity.maps import Map, scale

Pair = tuple[str, str, bool]
"""Digests of two contents, and whether to look thoroughly for what they have in common."""

Shown = tuple[bytes, Size]
"""A thumbnail, and the size of its picture."""


class Relation(StrEnum):
    """What two pictures have to do with each other: the first that is true."""

    EXACT = "exact"
    ROTATED = "rotated or flipped"
    CROPPED = "cropped"
    RECOLOURED = "recoloured"
    OVERLAID = "overlaid"
    RESIZED = "resized"
    RE_ENCODED = "re-encoded"
    SIMILAR_ONLY = "similar only"


class Finding(NamedTuple):
    """What is known of a pair; names as columns of the table similarity."""

    relation: str = Relation.SIMILAR_ONLY
    verified: int = 0
    from_shown: float | None = None
    to_shown: float | None = None
    transform: list[float] | None = None


LEAST_DEGREES = 2.0
"""A picture that is turned by less counts as upright."""

WHOLE_SHARE = 0.95
"""A picture of which so much is shown counts as shown whole."""

_LEAST_EVIDENCE = 12 * 96
"""Of small pictures: patches that agree times the shortest side, in pixels. Patches are taken from
96 pixels, so those of a picture of 24 are made of a sixteenth."""

_RECOLOURED = 6.0
_OVERLAID = 0.1


def compared(pairs: Sequence[Pair], shown: Mapping[str, Shown]) -> list[Finding]:
    """What pairs of contents have to do with each other, by their thumbnails and sizes.

    In order of the pairs. ValueError if a thumbnail is damaged.
    """
    return [
        related(_look(*shown[first]), _look(*shown[second]), thorough=thorough)
        for first, second, thorough in pairs
    ]


def related(first: Look, second: Look, *, thorough: bool = True) -> Finding:
    """What two pictures have to do with each other."""
    found = align(first, second, thorough=thorough)
    if found is None or _shows_two(found):
        return Finding()
    transform = found.map * np.array(second.size)[:, None] / np.array([*first.size, 1.0])
    return Finding(
        _relation(found, transform, same_size=first.size == second.size).value,
        found.agreeing,
        round(found.first_shown, 4),
        round(found.second_shown, 4),
        transform.ravel().round(4).tolist(),
    )


def _shows_two(found: Alignment) -> bool:
    """Whether a closer look takes back what is proven."""
    if found.shortest_side < doubts.FEW_PIXELS:
        few = found.agreeing * found.shortest_side < _LEAST_EVIDENCE
        return few or doubts.levels_differ(
            *found.finely, found.to_over, doubts.LEAST_LEVELS_OF_SMALL
        )
    ground = min(found.frame.ground, found.over.ground)
    if ground <= doubts.HALF_GROUND:
        return False
    return doubts.refuted(found.frame.fine, found.over.fine, found.to_over, ground)


@lru_cache(64)
def _look(thumbnail: bytes, size: Size) -> Look:
    return Look(thumbnail, size)


def _relation(found: Alignment, transform: Map, *, same_size: bool) -> Relation:
    linear = transform[:, :2]
    degrees = np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear.trace()))
    if scale(transform) < 0 or abs(degrees) > LEAST_DEGREES:
        return Relation.ROTATED
    if min(found.first_shown, found.second_shown) < WHOLE_SHARE:
        return Relation.CROPPED
    if found.recoloured > _RECOLOURED:
        return Relation.RECOLOURED
    if found.differing > _OVERLAID * (found.agreeing + found.differing):
        return Relation.OVERLAID
    return Relation.RE_ENCODED if same_size else Relation.RESIZED
