"""Bins of histograms: raw values never reach the page, a hundred thousand are forty counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.format import number
from imgvet.reports import limits

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

    def marked(self, values: Values) -> NDArray[np.bool_]:
        """Which values are marked; one equal to the limit is not."""
        if self.below:
            return values < self.value
        return (values > self.value) & (self.below is not None)


@dataclass(frozen=True)
class Scale:
    """What is known of values beforehand: between which bounds they can be, and their limit."""

    low: float = -math.inf
    high: float = math.inf
    integer: bool = False
    """Values are whole numbers, without a limit among them."""
    limit: Limit | None = None

    @property
    def closed_above(self) -> bool:
        """Whether bins hold their upper ends: what equals the limit lies below it, unmarked."""
        return self.limit is not None and self.limit.below is False

    def reach(self, values: Values) -> tuple[float, float]:
        """From where to where there is something: all values, and the limit."""
        ends = [values.min(), values.max(), *([self.limit.value] if self.limit else [])]
        return float(min(ends)), float(max(ends))


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
    if scale.closed_above:
        counts = np.histogram(-values, -edges[::-1])[0][::-1]
    else:
        counts = np.histogram(values, edges)[0]
    low, high = edges[:-1], edges[1:]
    flagged = scale.limit.marked((low + high) / 2) if scale.limit else False
    bins = pd.DataFrame({"low": low, "high": high, "count": counts, "flagged": flagged})
    if scale.integer and not log:
        low, high = np.ceil(low) + 0.0, np.floor(high)  # adding 0 makes -0 a plain 0
    bins["label"] = [
        number(first) if first == last else f"{number(first)} to {number(last)}"
        for first, last in zip(low, high, strict=True)
    ]
    return bins, log


def _spans_decades(values: Values, scale: Scale) -> bool:
    edge = scale.limit.value if scale.limit else math.inf
    if scale.high < math.inf or scale.low == -math.inf or values.max() <= 0 or edge < 1:
        return False
    low, high = scale.reach(values)
    return high / max(1.0, low, min(float(np.percentile(values, 1)), edge)) >= _LOG_RATIO


def _log_edges(values: Values, scale: Scale) -> Values:
    low, high = scale.reach(values)
    edge = scale.limit.value if scale.limit else 1.0
    anchor = math.log10(edge)
    first = math.floor((math.log10(max(1.0, low)) - anchor) * _BINS_PER_DECADE)
    last = max(math.ceil((math.log10(high) - anchor) * _BINS_PER_DECADE), first + 1)
    if scale.limit:
        first, last = min(first, -1), max(last, 1)
    steps = np.arange(first, last + 1)
    edges = np.where(steps == 0, edge, 10.0 ** (anchor + steps / _BINS_PER_DECADE))
    edges[-1] = max(edges[-1], high)
    return edges


def _linear_edges(values: Values, scale: Scale) -> Values:
    low, high = scale.reach(values)
    if 4 * (high - low) >= scale.high - scale.low:
        low, high = min(low, scale.low), max(high, scale.high)
    step = _readable((high - low) / limits.BINS)
    if scale.integer:
        step = max(1.0, round(step))
    anchor = scale.limit.value if scale.limit else 0.0
    first = math.floor((low - anchor) / step + 1e-9)
    last = max(math.ceil((high - anchor) / step - 1e-9), first + 1)
    if scale.integer:
        last += last * step <= high
        return step * np.arange(first, last + 1, dtype=np.float64) - 0.5
    edges: Values = anchor + step * np.arange(first, last + 1, dtype=np.float64)
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    if low < high:
        edges = np.unique(np.clip(edges, min(scale.low, low), max(scale.high, high)))
    # Values equal to the limit need a bin on the side that is not marked.
    if scale.limit and scale.closed_above and edges[0] == anchor:
        return np.insert(edges, 0, 2 * edges[0] - edges[1])
    if scale.limit and not scale.closed_above and edges[-1] == anchor:
        return np.append(edges, 2 * edges[-1] - edges[-2])
    return edges


def _readable(step: float) -> float:
    """The number of 1, 2, 5, 10, ... times a power of ten that is nearest to ``step``."""
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    steps = (factor * power for factor in (1.0, 2.0, 5.0, 10.0))
    return min(steps, key=lambda readable: abs(math.log(readable / step)))
