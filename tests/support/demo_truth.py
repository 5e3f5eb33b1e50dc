"""What tests know of the demo set beyond its truth."""

from __future__ import annotations

from imgvet.demo.truth import NEAR_DUPLICATES

_SHARED = [pair for pair in NEAR_DUPLICATES if pair.copy.startswith("shared/")]

CLUSTER = (_SHARED[0].original, *(pair.copy for pair in _SHARED))
"""The largest group of near duplicates, the original first."""

ODD = "photos/chelsea-1.jpg"
"""The clean picture that is least like any other."""
