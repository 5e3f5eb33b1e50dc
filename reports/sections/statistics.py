"""What was measured: a histogram of each metric, and the worst images by some of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from imgvet.format import number
from imgvet.metrics import FLAGS, METRIC_BY_NAME, METRICS, Flag, Metric
from imgvet.reports import limits
from imgvet.reports.charts import histogram
from imgvet.reports.histogram import Limit, Scale, Values
from imgvet.reports.inputs import Content, ReportInputs, gallery
from imgvet.reports.text import count
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
    low, high = (
        unbounded if bound is None else bound
        for bound, unbounded in ((metric.low, -math.inf), (metric.high, math.inf))
    )
    scale = Scale(low, high, metric.integer and limit is None, limit)
    figure_id, axis = f"figure-{metric.name.replace('_', '-')}", metric.unit or metric.title.lower()
    chart = histogram(values, scale, figure_id, metric.title, axis, "images")
    kinds, numbers = np.unique(values, return_counts=True)
    told = 4 if metric.integer else 1  # kinds that are told one by one
    return {
        "metric": metric,
        "flag": flag,
        "limit": limit,
        "marked": limit and int(limit.marked(values).sum()),
        "total": len(values),
        "kinds": list(zip(kinds, numbers, strict=True)) if len(kinds) <= told else (),
        "quarters": np.percentile(values, (0, 25, 50, 75, 100)),
        "histogram": chart if len(kinds) > 1 else None,
        "worst": _WORST.get(metric.name),
    }


def flag_limit(flag: Flag, run: ReportInputs) -> Limit:
    """The limit of a flag in this run."""
    value = float(getattr(run.summary, flag.option))
    side = "below" if flag.below else "above"
    return Limit(value, f"{flag.name} {side} {number(value)}", flag.below)


def flagged(run: ReportInputs, flag: Flag) -> Content:
    """The images with a flag of the catalogue, from table ``stats``, worst first."""
    title, limit = METRIC_BY_NAME[flag.metric].title.lower(), flag_limit(flag, run)
    values = _values(run, flag.metric)
    worst = values[limit.marked(values.to_numpy())]
    worst = worst.sort_index().sort_values(ascending=flag.below, kind="stable")
    return {
        "badge": count(len(worst)) if len(values) else "",
        "flag": flag,
        "title": title,
        "rule": f"{flag.name} ({limit.label.replace(flag.name, title, 1)})",
        "measured": len(values),
        "found": len(worst),
        "gallery": _gallery(run, worst, f"{title} {{}}", limits.CARDS),
    }


def extremes(
    run: ReportInputs, column: str, tag: str, *, descending: bool = False, digits: int = 3
) -> Content | None:
    """The images with the least, or greatest, values of a column; None if it was not measured."""
    known = _values(run, column).sort_values(ascending=not descending, kind="stable")
    shown = _gallery(run, known, tag, limits.EXAMPLES_OF_EXTREMES, digits)
    return {"known": known, "gallery": shown} if len(known) else None


def _gallery(
    run: ReportInputs, ordered: pd.Series, tag: str, limit: int, digits: int = 3
) -> Content:
    """A gallery of images, each with the value that it is extreme in, worst first."""

    def entry(row: Content) -> Content:
        return {"image": run.image(row["id"]), "said": tag.format(number(row["value"], digits))}

    return gallery(ordered.rename("value").reset_index(), limit, entry)
