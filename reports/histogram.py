"""Bins of histograms: raw values never reach the page, a hundred thousand are forty counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.reports import limits
from imgvet.reports.text import number

Values = NDArray[np.float64]

_LOG_RATIO = 30.0
_BINS_PER_DECADE = 10


@dataclass(frozen=True)
class Limit:
    """A value that decides something; ``label`` says what, such as ``dark below 60``."""

    value: float
    label: str
    below: bool | None = None
    """Whether values below it are marked, else those above; None marks none."""


@dataclass(frozen=True)
class Scale:
    """How values are to be binned: what is possible, as far as known."""

    low: float | None = None
    high: float | None = None
    integer: bool = False
    """Values are whole numbers, without a limit among them."""
    limit: Limit | None = None
    """A bin ends at its value; bins are closed on the right if it marks those above."""

    @property
    def edge(self) -> float | None:
        """Value of the limit."""
        return self.limit.value if self.limit else None

    @property
    def flag_above(self) -> bool:
        """Whether values above the limit are marked."""
        return self.limit is not None and self.limit.below is False


def bin_values(values: Values, scale: Scale) -> tuple[pd.DataFrame, bool]:
    """Count values in bins of a readable width.

    A limit is the edge of a bin, so that a bar lies on one side of it as a whole and the marked
    bars hold exactly the marked values. Unbounded values that span a factor of thirty or more get
    logarithmic bins, unless the limit is below 1; values below 1 are then in the first.

    Returns:
        the bins, ascending and without gaps (columns ``low``, ``high``, ``count``, ``label``, their
        ends in words, and ``flagged``), and whether they are logarithmic.
    """
    log = _spans_decades(values, scale)
    edges = _log_edges(values, scale) if log else _linear_edges(values, scale)
    if log:
        values = np.maximum(values, edges[0])
    if scale.flag_above:  # Bins (a, b], the first one closed, instead of [a, b), the last closed.
        counts = np.histogram(-values, -edges[::-1])[0][::-1]
    else:
        counts = np.histogram(values, edges)[0]
    bins = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": counts})
    say = _whole_numbers if scale.integer and not log else _between
    bins["label"] = list(map(say, bins["low"], bins["high"]))
    if scale.limit is None or scale.limit.below is None:
        return bins.assign(flagged=False), log
    below = bins["high"] <= scale.limit.value
    return bins.assign(flagged=below if scale.limit.below else ~below), log


def _whole_numbers(low: float, high: float) -> str:
    first, last = math.ceil(low), math.floor(high)
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def _between(low: float, high: float) -> str:
    return f"{number(low)} to {number(high)}"


def _reach(values: Values, scale: Scale) -> tuple[float, float]:
    """From where to where the axis goes: all values and the limit, or all that is possible."""
    low, high = float(values.min()), float(values.max())
    if scale.edge is not None:
        low, high = min(low, scale.edge), max(high, scale.edge)
    if scale.low is None or scale.high is None or 4 * (high - low) < scale.high - scale.low:
        return low, high
    return min(low, scale.low), max(high, scale.high)


def _spans_decades(values: Values, scale: Scale) -> bool:
    if scale.high is not None or scale.low is None or values.max() <= 0:
        return False
    if scale.edge is not None and scale.edge < 1:
        return False
    low, high = _reach(values, scale)
    usual = max(1.0, min(float(np.percentile(values, 1)), scale.edge or math.inf))
    return high / max(low, usual) >= _LOG_RATIO


def _log_edges(values: Values, scale: Scale) -> Values:
    low, high = _reach(values, scale)
    anchor = math.log10(scale.edge) if scale.edge else 0.0
    first = math.floor((math.log10(max(1.0, low)) - anchor) * _BINS_PER_DECADE)
    last = max(math.ceil((math.log10(high) - anchor) * _BINS_PER_DECADE), first + 1)
    if scale.edge:
        first, last = min(first, -1), max(last, 1)
    steps = np.arange(first, last + 1)
    edges = 10.0 ** (anchor + steps / _BINS_PER_DECADE)
    if scale.edge:
        edges[steps == 0] = scale.edge
    edges[-1] = max(edges[-1], high)
    return edges


def _linear_edges(values: Values, scale: Scale) -> Values:
    low, high = _reach(values, scale)
    step = _readable((high - low) / limits.BINS)
    if scale.integer:
        step = max(1.0, round(step))
    anchor = 0.0 if scale.edge is None else scale.edge
    first = math.floor((low - anchor) / step + 1e-9)
    last = max(math.ceil((high - anchor) / step - 1e-9), first + 1)
    if scale.integer and anchor + last * step <= high:
        last += 1
    edges: Values = anchor + step * np.arange(first, last + 1, dtype=np.float64)
    if scale.integer:
        return edges - 0.5
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    if low < high:  # No bin leaves the range of what is possible, or of what there is.
        least = -math.inf if scale.low is None else min(scale.low, low)
        greatest = math.inf if scale.high is None else max(scale.high, high)
        edges = np.unique(np.clip(edges, least, greatest))
    return _with_room(edges, scale)


def _with_room(edges: Values, scale: Scale) -> Values:
    """Edges with a bin on the side of the limit that is not marked, for values equal to it."""
    if scale.edge is None:
        return edges
    if scale.flag_above and edges[0] == scale.edge:
        return np.concatenate(([2 * edges[0] - edges[1]], edges))
    if not scale.flag_above and edges[-1] == scale.edge:
        return np.concatenate((edges, [2 * edges[-1] - edges[-2]]))
    return edges


def _readable(step: float) -> float:
    """The number of 1, 2, 5, 10, ... times a power of ten that is nearest to ``step``."""
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return min(
        (factor * power for factor in (1.0, 2.0, 5.0, 10.0)), key=lambda s: abs(math.log(s / step))
    )
