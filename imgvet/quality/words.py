"""Observed and allowed numbers in words."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from imgvet.format import counted
from imgvet.quality.catalogue import Bound, Check, Unit

_MOST_DIGITS = 17
"""Significant digits that tell any two floats apart."""

_LIMIT_DIGITS = 15
"""Significant digits of a decimal that survive the way through a float: 0.07 stays 7 %."""


def allowed_words(check: Check, limit: float) -> str:
    """What a check allows, such as ``at most 1 %``, ``at least 1 image`` or ``none``."""
    if check.unit is Unit.VALUES:
        return "none"
    number = _percent(limit, _LIMIT_DIGITS) if check.unit is Unit.SHARE else counted(limit, "image")
    return f"{check.bound} {number}"


def observed_words(check: Check, value: float, limit: float) -> str:
    """What a check observed, such as ``1.25 %``, ``2,560 images`` or ``3 values``.

    A share is rounded to three significant digits, or to as many as it takes to show on which
    side of the limit it lies: 0.010004 is ``1.0004 %`` if 1 % is allowed, not ``1 %``.
    """
    if check.unit is Unit.IMAGES:
        return counted(value, "image")
    if check.unit is Unit.VALUES:
        return counted(value, "value") if value else "none"
    return _percent(value, _digits_that_tell(value, limit, check.bound))


def _digits_that_tell(value: float, limit: float, bound: Bound) -> int:
    passes: Callable[[float], bool] = (
        (lambda share: share <= limit) if bound is Bound.AT_MOST else (lambda share: share >= limit)
    )
    for digits in range(3, _MOST_DIGITS):
        shown = float(f"{value:.{digits}g}")
        if passes(shown) == passes(value) and (shown == 1.0) == (value == 1.0):
            return digits
    return _MOST_DIGITS


def _percent(share: float, digits: int) -> str:
    percent = Decimal(f"{share:.{digits}g}") * 100
    return f"{percent.normalize():f} %"
