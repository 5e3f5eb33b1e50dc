"""The statistics: a histogram of each metric that was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from imgvet.metrics import FLAGS, METRICS, Direction, Flag, Metric
from imgvet.reports.text import counted, listed, number, rough, share
from imgvet.reports.view.histogram import Histogram, Scale, Threshold, Values, bin_values
from imgvet.reports.view.section import Chart, SectionView
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


@dataclass(frozen=True)
class MetricView:
    """One metric.

    Attributes:
        name: its column of the table.
        title: its name for a person.
        meaning: what it says.
        reading: what good looks like, and which side of the threshold is flagged.
        facts: unit, range, direction, source, as (label, text).
        histogram: its histogram, None if all values are the same.
        summary: its values in words.
        worst: the section that shows its worst images, None if none does.
    """

    name: str
    title: str
    meaning: str
    reading: str
    facts: tuple[tuple[str, str], ...]
    histogram: Histogram | None
    summary: str
    worst: Section | None = None


@dataclass(frozen=True)
class MetricGroup:
    """Metrics under one heading."""

    title: str
    metrics: tuple[MetricView, ...]


@dataclass(frozen=True, kw_only=True)
class StatisticsView(SectionView):
    """The section of statistics: the metrics, and where their worst images are."""

    groups: tuple[MetricGroup, ...]

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every histogram."""
        metrics = (metric for group in self.groups for metric in group.metrics)
        return tuple(metric.histogram for metric in metrics if metric.histogram)


def statistics_view(summary: RunSummary, stats: pd.DataFrame) -> StatisticsView:
    """The section of statistics, from table ``stats``; metrics without a value are left out."""
    groups = tuple(
        MetricGroup(title, views)
        for title, metrics in _grouped()
        if (views := tuple(_metrics(metrics, summary, stats)))
    )
    shown = sum(len(group.metrics) for group in groups)
    return StatisticsView(
        anchor=Section.STATISTICS,
        summary=f"{counted(shown, 'measure')} of {counted(len(stats), 'image')}."
        if shown
        else "Nothing was measured (run_stats is off, or no image is valid).",
        groups=groups,
    )


def _grouped() -> tuple[tuple[str, list[Metric]], ...]:
    flagged = {flag.metric for flag in FLAGS}
    plain = [metric for metric in METRICS if metric.name not in flagged]
    return (
        ("Measures with a threshold", [metric for metric in METRICS if metric.name in flagged]),
        ("Files", [metric for metric in plain if metric.name in _FILE_METRICS]),
        (
            "Light and detail",
            [
                metric
                for metric in plain
                if not metric.advanced and metric.name not in _FILE_METRICS
            ],
        ),
        ("Colour and edges", [metric for metric in plain if metric.advanced]),
    )


def _metrics(metrics: list[Metric], summary: RunSummary, stats: pd.DataFrame) -> list[MetricView]:
    measured = ((metric, _values(stats, metric.name)) for metric in metrics)
    return [_metric(metric, values, summary) for metric, values in measured if values.size]


def _values(stats: pd.DataFrame, name: str) -> Values:
    """The finite values of a column; none if it is missing."""
    if name not in stats.columns:
        return np.empty(0)
    values: Values = stats[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return values[np.isfinite(values)]


def _metric(metric: Metric, values: Values, summary: RunSummary) -> MetricView:
    flag = next((flag for flag in FLAGS if flag.metric == metric.name), None)
    threshold = flag_threshold(flag, summary) if flag else None
    words = _in_words(metric, values, threshold)
    return MetricView(
        name=metric.name,
        title=metric.title,
        meaning=metric.meaning,
        reading=_reading(metric, flag, threshold),
        facts=_facts(metric),
        histogram=_histogram(metric, values, threshold, words) if np.ptp(values) > 0 else None,
        worst=_WORST.get(metric.name),
        summary=words,
    )


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
        told = [
            f"{number(kind)}{unit} ({counted(int(n), 'image')})"
            for kind, n in zip(kinds, numbers, strict=True)
        ]
        return f"{listed(told)}."
    low, quarter, median, three_quarters, high = (
        rough(q) for q in np.percentile(values, _QUARTILES)
    )
    words = (
        f"Median {median}{unit}; the middle half lies from {quarter} to {three_quarters}, "
        f"all from {low} to {high}."
    )
    if threshold is None:
        return words
    marked = int(np.sum(values < threshold.value if threshold.below else values > threshold.value))
    return f"{words} {counted(marked, 'image')} ({share(marked, len(values))}): {threshold.label}."


def _histogram(
    metric: Metric, values: Values, threshold: Threshold | None, words: str
) -> Histogram:
    scale = Scale(
        low=metric.low,
        high=metric.high,
        integer=metric.integer and threshold is None,
        threshold=threshold.value if threshold else None,
        flag_above=threshold is not None and threshold.below is False,
    )
    bins, log = bin_values(values, scale, threshold)
    return Histogram(
        figure_id=f"figure-{metric.name.replace('_', '-')}",
        title=metric.title,
        axis=metric.unit or metric.title.lower(),
        counts="images",
        bins=bins,
        log=log,
        threshold=threshold,
        summary=words,
        reading=_GOOD[metric.direction],
    )
