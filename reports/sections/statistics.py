"""What was measured: a histogram of each metric, and the worst images by some of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from imgvet.format import listed, number
from imgvet.metrics import FLAGS, METRIC_BY_NAME, METRICS, Direction, Flag, Metric
from imgvet.reports import limits
from imgvet.reports.charts import histogram
from imgvet.reports.histogram import Limit, Scale, Values
from imgvet.reports.inputs import Content, ReportInputs, gallery
from imgvet.reports.text import count, counted, share
from imgvet.search.image_table import PIXELS, SIDES
from imgvet.sections import Section

_FLAG_OF = {flag.metric: flag for flag in FLAGS}
_FILE_METRICS = frozenset({"width", "height", "channels", "bit_depth", "file_size"})
_GROUPS = _LIMITED, _FILES, _LIGHT, _COLOUR = (
    "Measures with a limit", "Files", "Light and detail", "Colour and edges",
)  # fmt: skip

_WORST = {
    **{flag.metric: Section(flag.name) for flag in FLAGS},
    "contrast": Section.LOW_CONTRAST,
    "width": Section.TINY,
    "height": Section.TINY,
}
"""Where the worst images by a metric are shown."""

_GOOD = {
    Direction.HIGHER: "Good if most images lie to the right.",
    Direction.LOWER: "Good if most images lie to the left.",
    Direction.MIDDLE: "Good if most images lie in the middle, few pile up at either end.",
    Direction.NEUTRAL: "No end is good or bad; look for values that stand apart.",
}


def statistics(run: ReportInputs) -> Content:
    """The metrics of table ``stats``; those without a value are left out."""
    groups: dict[str, list[Content]] = {title: [] for title in _GROUPS}
    for metric in METRICS:
        values = _values(run, metric.name)
        if len(values):
            groups[_group(metric)].append(_metric(run, metric, values.to_numpy()))
    return {
        "groups": [(title, metrics) for title, metrics in groups.items() if metrics],
        "metrics": sum(map(len, groups.values())),
        "images": len(run.table("stats")),
    }


def _values(run: ReportInputs, name: str) -> pd.Series:
    """The finite values of a metric, or of a column worked out of several, by id."""
    column = name if name in (PIXELS, SIDES) else f"stats.{name}"
    values = run.image_table.frame([column])[column].astype("float64")
    return values[np.isfinite(values)]


def _group(metric: Metric) -> str:
    if metric.name in _FLAG_OF:
        return _LIMITED
    if metric.name in _FILE_METRICS:
        return _FILES
    return _COLOUR if metric.advanced else _LIGHT


def _metric(run: ReportInputs, metric: Metric, values: Values) -> Content:
    flag = _FLAG_OF.get(metric.name)
    limit = flag_limit(flag, run) if flag else None
    summary, reading = _in_words(metric, values, limit), _GOOD[metric.direction]
    scale = Scale(
        -math.inf if metric.low is None else metric.low,
        math.inf if metric.high is None else metric.high,
        metric.integer and limit is None,
        limit,
    )
    return {
        "metric": metric,
        "summary": summary,
        "reading": _flag_reading(flag, limit) if flag and limit else reading,
        "histogram": histogram(
            values,
            scale,
            figure_id=f"figure-{metric.name.replace('_', '-')}",
            title=metric.title,
            axis=metric.unit or metric.title.lower(),
            counts="images",
            summary=summary,
            reading=reading,
        )
        if np.ptp(values) > 0
        else None,
        "worst": _WORST.get(metric.name),
    }


def flag_limit(flag: Flag, run: ReportInputs) -> Limit:
    """The limit of a flag in this run."""
    value = float(getattr(run.summary, flag.option))
    side = "below" if flag.below else "above"
    return Limit(value, f"{flag.name} {side} {number(value)}", flag.below)


def _flag_reading(flag: Flag, limit: Limit) -> str:
    side, good = ("Left", "right") if flag.below else ("Right", "left")
    return (
        f"{side} of the line at {number(limit.value)} an image counts as {flag.name}: "
        f"{flag.meaning}. Good if nearly all images lie to the {good} of it."
    )


def _in_words(metric: Metric, values: Values, limit: Limit | None) -> str:
    unit = f" {metric.unit}" if metric.unit else ""
    kinds, numbers = np.unique(values, return_counts=True)
    if len(kinds) == 1:
        every = "All " if len(values) > 1 else ""
        return f"{every}{counted(len(values), 'image')}: {number(kinds[0])}{unit}."
    if metric.integer and len(kinds) <= 4:
        parts = [
            f"{number(kind)}{unit} ({counted(int(total), 'image')})"
            for kind, total in zip(kinds, numbers, strict=True)
        ]
        return f"{listed(parts)}."
    quarters = np.percentile(values, (0, 25, 50, 75, 100))
    low, quarter, median, three_quarters, high = (number(value, 3) for value in quarters)
    text = (
        f"Median {median}{unit}; the middle half lies from {quarter} to {three_quarters}, "
        f"all from {low} to {high}."
    )
    if limit is None:
        return text
    marked = int(limit.marked(values).sum())
    return f"{text} {counted(marked, 'image')} ({share(marked, len(values))}): {limit.label}."


def flagged(run: ReportInputs, flag: Flag) -> Content:
    """The images with a flag of the catalogue, from table ``stats``, worst first."""
    title = METRIC_BY_NAME[flag.metric].title.lower()
    values = _values(run, flag.metric)
    if values.empty:
        return _worst(run, values, "", f"Not known: {title} was not measured.")
    limit = flag_limit(flag, run)
    worst = values[limit.marked(values.to_numpy())]
    worst = worst.sort_index().sort_values(ascending=flag.below, kind="stable")
    rule = f"{flag.name} ({limit.label.replace(flag.name, title, 1)})"
    text = f"No image is {rule}."
    if len(worst):
        part, verb = share(len(worst), len(run.table("stats"))), "is" if len(worst) == 1 else "are"
        text = f"{counted(len(worst), 'image')} ({part}) {verb} {rule}: {flag.meaning}."
    badge = {"badge": count(len(worst))}
    return badge | _worst(run, worst, f"{title} {{}}", text, limit=limits.CARDS)


def low_contrast(run: ReportInputs) -> Content | None:
    """The images of least contrast; None if it was not measured."""
    contrast = _values(run, "contrast").sort_values(kind="stable")
    text = (
        f"The images of least contrast, from {number(contrast.min(), 3)} of 1 up. Good if even "
        "these show what they should; nearly empty ones are missing exposures, fog or lens caps."
    )
    return _worst(run, contrast, "contrast {}", text) if len(contrast) else None


def smallest(run: ReportInputs) -> Content | None:
    """The images of fewest pixels; None if they were not measured."""
    area = _values(run, PIXELS).sort_values(kind="stable")
    text = (
        f"The images of fewest pixels, from {number(area.min())} up; half of all have at least "
        f"{number(area.median())}. Good if even the smallest is large enough for its use."
    )
    return _worst(run, area, "pixels {}", text, digits=4) if len(area) else None


def narrowest(run: ReportInputs) -> Content | None:
    """The images whose sides differ most; None if they were not measured."""
    ratio = _values(run, SIDES)
    text = (
        f"The images whose sides differ most, up to {number(ratio.max(), 3)} to 1; half of all "
        f"have {number(ratio.median(), 3)} to 1 or less. Good if even these are close to the usual "
        "shape; strips and banners are often crops gone wrong."
    )
    ratio = ratio.sort_values(ascending=False, kind="stable")
    return _worst(run, ratio, "sides {} : 1", text) if len(ratio) else None


def _worst(
    run: ReportInputs,
    ordered: pd.Series,
    tag: str,
    summary: str,
    *,
    limit: int = limits.EXAMPLES_OF_EXTREMES,
    digits: int = 3,
) -> Content:
    """A gallery of images, each with the value that it is extreme in, worst first."""
    shown = gallery(
        list(ordered.items()),
        limit,
        lambda row: (run.image(row[0]), tag.format(number(row[1], digits))),
    )
    return {"summary": summary, "gallery": shown}
