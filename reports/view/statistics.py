"""The statistics: a histogram of each metric that was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from imgvet.format import listed
from imgvet.metrics import FLAGS, METRICS, Direction, Flag, Metric
from imgvet.reports.text import counted, number, rough, share
from imgvet.reports.view.histogram import Histogram, Scale, Threshold, Values, make_histogram
from imgvet.reports.view.section import SectionView
from imgvet.sections import Section
from imgvet.summary import RunSummary

_FILE_METRICS = frozenset({"width", "height", "channels", "bit_depth", "file_size"})

_FEW = 4
_QUARTILES = (0, 25, 50, 75, 100)

_WORST: dict[str, Section] = {
    **{flag.metric: Section(flag.name) for flag in FLAGS},
    "contrast": Section.LOW_CONTRAST,
    "width": Section.TINY,
    "height": Section.TINY,
}
"""Where the worst images by a metric are shown."""

_GOOD: dict[Direction, str] = {
    Direction.HIGHER: "Good: most images lie to the right.",
    Direction.LOWER: "Good: most images lie to the left.",
    Direction.MIDDLE: "Good: most images lie in the middle, few pile up at either end.",
    Direction.NEUTRAL: "No end is good or bad; look for values that stand apart.",
}


def statistics(summary: RunSummary, stats: pd.DataFrame) -> SectionView:
    """The metrics of table ``stats``; those without a value are left out."""
    groups = tuple(
        (title, views)
        for title, metrics in _grouped()
        if (views := tuple(_metrics(metrics, summary, stats)))
    )
    shown = sum(len(views) for _, views in groups)
    return SectionView(
        Section.STATISTICS,
        f"{counted(shown, 'measure')} of {counted(len(stats), 'image')}."
        if shown
        else "Nothing was measured (run_stats is off, or no image is valid).",
        content={"groups": groups},
    )


def _grouped() -> tuple[tuple[str, list[Metric]], ...]:
    flagged = {flag.metric for flag in FLAGS}
    others = [m for m in METRICS if m.name not in flagged and m.name not in _FILE_METRICS]
    return (
        ("Measures with a threshold", [m for m in METRICS if m.name in flagged]),
        ("Files", [m for m in METRICS if m.name in _FILE_METRICS]),
        ("Light and detail", [m for m in others if not m.advanced]),
        ("Colour and edges", [m for m in others if m.advanced]),
    )


def _metrics(
    metrics: list[Metric], summary: RunSummary, stats: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    for metric in metrics:
        values = _values(stats, metric.name)
        if values.size:
            yield _metric(metric, values, summary)


def _values(stats: pd.DataFrame, name: str) -> Values:
    """The finite values of a column; none if it is missing."""
    if name not in stats.columns:
        return np.empty(0)
    values: Values = stats[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return values[np.isfinite(values)]


def _metric(metric: Metric, values: Values, summary: RunSummary) -> dict[str, Any]:
    flag = next((flag for flag in FLAGS if flag.metric == metric.name), None)
    threshold = flag_threshold(flag, summary) if flag else None
    text = _in_words(metric, values, threshold)
    return {
        "metric": metric,
        "summary": text,
        "reading": _reading(metric, flag, threshold),
        "facts": _facts(metric),
        "histogram": _histogram(metric, values, threshold, text) if np.ptp(values) > 0 else None,
        "worst": _WORST.get(metric.name),
    }


def flag_threshold(flag: Flag, summary: RunSummary) -> Threshold:
    """The threshold of a flag in this run."""
    value = float(getattr(summary, flag.option))
    return Threshold(value, f"{flag.name} {side_of(flag)} {number(value)}", flag.below)


def side_of(flag: Flag) -> str:
    """``below`` or ``above``: the side of the threshold that is flagged."""
    return "below" if flag.below else "above"


def _reading(metric: Metric, flag: Flag | None, threshold: Threshold | None) -> str:
    if flag is None or threshold is None:
        return _GOOD[metric.direction]
    side = "left" if flag.below else "right"
    good = "right" if flag.below else "left"
    return (
        f"{side.capitalize()} of the line at {number(threshold.value)} an image counts as "
        f"{flag.name}: {flag.meaning}. Good: nearly all images lie to the {good} of it."
    )


def _facts(metric: Metric) -> tuple[tuple[str, str], ...]:
    ends = (f"from {number(metric.low)}" if metric.low is not None else "",
            f"to {number(metric.high)}" if metric.high is not None else "")  # fmt: skip
    possible = " ".join(end for end in ends if end)
    facts = (
        ("Column", metric.name),
        ("Unit", metric.unit or "none (a pure number)"),
        ("Possible values", possible),
        ("Direction", metric.direction.value),
        ("Source", metric.source),
    )
    return tuple((label, text) for label, text in facts if text)


def _in_words(metric: Metric, values: Values, threshold: Threshold | None) -> str:
    unit = f" {metric.unit}" if metric.unit else ""
    kinds, numbers = np.unique(values, return_counts=True)
    if len(kinds) == 1:
        return f"All {counted(len(values), 'image')}: {number(kinds[0])}{unit}."
    if metric.integer and len(kinds) <= _FEW:
        parts = [
            f"{number(kind)}{unit} ({counted(int(n), 'image')})"
            for kind, n in zip(kinds, numbers, strict=True)
        ]
        return f"{listed(parts)}."
    low, quarter, median, three_quarters, high = map(rough, np.percentile(values, _QUARTILES))
    text = (
        f"Median {median}{unit}; the middle half lies from {quarter} to {three_quarters}, "
        f"all from {low} to {high}."
    )
    if threshold is None:
        return text
    marked = int(np.sum(values < threshold.value if threshold.below else values > threshold.value))
    return f"{text} {counted(marked, 'image')} ({share(marked, len(values))}): {threshold.label}."


def _histogram(
    metric: Metric, values: Values, threshold: Threshold | None, summary: str
) -> Histogram:
    return make_histogram(
        values,
        Scale(metric.low, metric.high, metric.integer and threshold is None, threshold),
        figure_id=f"figure-{metric.name.replace('_', '-')}",
        title=metric.title,
        axis=metric.unit or metric.title.lower(),
        counts="images",
        summary=summary,
        reading=_GOOD[metric.direction],
    )
