"""Figures: told in words, as a table, and as Plotly JSON.

The JSON has no colours: they belong to the style sheet, from where the page's script reads them,
for light and dark.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.histogram import Limit, Scale, Values, bin_values
from imgvet.reports.text import count, label, measured

Figure = dict[str, Any]

HEIGHT = 190  # of a figure in pixels; it is as wide as its place
BAR_HEIGHT = 22  # of one bar of a category in pixels


@dataclass(frozen=True)
class Chart:
    """A figure: its traces and layout, without the template, and its numbers."""

    figure_id: str
    """Id of its element, and stem of the file of its numbers."""
    title: str
    axis: str
    """What the values belong to."""
    counts: str
    """What the values are."""
    values: pd.Series
    """What is drawn, before it is counted in bins or together."""
    rows: tuple[tuple[str, str], ...]
    """Its numbers as a person reads them: what one belongs to, and the number."""
    numbers: pd.DataFrame
    """Its numbers as a program reads them."""
    figure: Figure
    not_drawn: str = ""
    """What was left out, in words."""


def template() -> Figure:
    """What all figures share, once in the page; the script adds the colours."""
    axis = {"automargin": True, "fixedrange": True, "title": {"standoff": 8}, "zeroline": False}
    layout = {
        "height": HEIGHT,
        "margin": {"l": 44, "r": 12, "t": 22, "b": 36},
        "showlegend": False,
        "bargap": 0,
        "barmode": "overlay",
        "hovermode": "x",
        "xaxis": {**axis, "showgrid": False, "ticks": "outside", "ticklen": 4},
        "yaxis": {**axis, "rangemode": "tozero", "nticks": 4, "tickformat": ",~s"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }
    return {"layout": layout, "data": {"bar": [{"marker": {"line": {"width": 0.5}}}]}}


def _whole(greatest: float) -> Figure:
    """Of an axis of counts up to a greatest one: no mark between two whole numbers."""
    return {"dtick": 1} if greatest <= 4 else {}


def most_frequent(values: pd.Series) -> list[tuple[str, int]]:
    """Values and how often they occur, most frequent first, then by name."""
    totals = sorted(values.value_counts().items(), key=lambda entry: (-entry[1], entry[0]))
    return [(str(value), int(total)) for value, total in totals]


def bars(
    totals: Sequence[tuple[str, int]], figure_id: str, title: str, axis: str, counts: str
) -> Chart:
    """A lying bar for each of the most frequent categories, the first on top, and one for others.

    Categories come with their counts, most frequent first.
    """
    shown = [(label(name, limits.LABEL_LENGTH), total) for name, total in totals[: limits.BARS]]
    others, not_drawn = [total for _, total in totals[limits.BARS :]], ""
    if sum(others) > 2 * totals[0][1]:  # beside which no other bar could be seen
        not_drawn = f"{count(len(others))} others, {count(sum(others))} in all, not drawn."
    elif others:
        shown.append((f"{count(len(others))} others", sum(others)))
    numbers = pd.DataFrame(shown, columns=[axis, counts])
    # Plotly knows some HTML.
    marks, places = [html.escape(name, quote=False) for name, _ in shown], list(range(len(shown)))
    trace = {
        "customdata": marks,
        "hovertemplate": f"%{{customdata}}<br>%{{x:,}} {counts}<extra></extra>",
        "orientation": "h",
        "x": [total for _, total in shown],
        "y": places,
        "type": "bar",
    }
    layout = {
        "bargap": 0.25,
        "height": 60 + BAR_HEIGHT * len(shown),
        "hovermode": "closest",
        "xaxis": {"nticks": 6, "rangemode": "tozero", "tickformat": ",~s", **_whole(totals[0][1]),
                  "title": {"text": counts}},
        "yaxis": {"autorange": "reversed", "nticks": 0, "tickformat": "", "ticktext": marks,
                  "tickvals": places},
    }  # fmt: skip
    rows = tuple((name, count(total)) for name, total in shown)
    values = pd.Series([total for _, total in totals])
    figure = {"data": [trace], "layout": layout}
    return Chart(figure_id, title, axis, counts, values, rows, numbers, figure, not_drawn)


def lines(frame: pd.DataFrame, figure_id: str, title: str, *, percent: bool) -> Chart:
    """A number of each run on an axis of time: a line, and where runs are watched what they raise.

    Columns: ``run`` (its start in words) and ``whole``, the rate or number of all images. Watched
    are also ``limit``, from where on it raises an alarm (a band up to there), ``new`` and
    ``new_limit``, the same of new images (dots and ticks), and ``alarm``. Shares are 0..1; NaN is
    not known. What is over its limit the script marks by ``meta``.
    """
    counts = "share" if percent else "images"
    known = frame.columns.intersection(["whole", "limit", "new"])
    most = float(np.nanmax(frame[known].to_numpy(float), initial=0.01 if percent else 1.0))

    def trace(name: str, limit: str = "", **more: Any) -> Figure:
        over = frame[name] >= frame[limit] if limit in frame else np.zeros(len(frame), bool)
        return {
            "customdata": [label(run) for run in frame["run"]],
            "hovertemplate": f"%{{customdata}}<br>{_HOVER[name]} %{{y:{'.2%' if percent else ','}}}"
            "<extra></extra>",
            "meta": {"over": over.tolist()},
            "x": [run.removesuffix(" UTC") for run in frame["run"]],
            "y": [None if pd.isna(value) else value for value in frame[name]],
            "type": "scatter",
            "mode": "markers",
            "cliponaxis": False,  # else half of a mark at 0 % is cut off
            **more,
        }

    traces = [trace("whole", "limit", mode="lines+markers", marker={"size": 6})]
    if "limit" in frame:
        band = trace("limit", mode="lines", fill="tozeroy", line={"width": 0}, meta={"band": True})
        ticks = {"symbol": "line-ew-open", "size": 11}
        traces = [
            band,
            *traces,
            trace("new_limit", marker=ticks, meta={"limit": True}),
            trace("new", "new_limit", marker={"symbol": "diamond", "size": 9}),
        ]
    layout = {
        "hovermode": "closest",
        "xaxis": {"type": "date", "nticks": 4, "tickangle": 0, **_days_around(frame["run"])},
        "yaxis": {"range": [0, 1.12 * most], "tickformat": ".3~p" if percent else ",~s",
                  **({} if percent else _whole(most)), "title": {"text": counts}},
    }  # fmt: skip
    rows = tuple((row["run"], _run_in_words(row, percent)) for row in frame.to_dict("records"))
    figure = {"data": traces, "layout": layout}
    return Chart(figure_id, title, "run", counts, frame["whole"], rows, frame, figure)


def _days_around(runs: pd.Series) -> Figure:
    """The range of an axis of one moment, which else shows its thousandths of a second."""
    first, last = (pd.Timestamp(run) for run in (runs.iloc[0], runs.iloc[-1]))
    day = pd.Timedelta(days=1)
    return {} if first < last else {"range": [f"{first - day:%F}", f"{first + 2 * day:%F}"]}


def _run_in_words(row: dict[Any, Any], percent: bool) -> str:
    whole, new = (measured(row.get(name), percent=percent) for name in ("whole", "new"))
    if "alarm" not in row:
        return whole
    fresh = [] if pd.isna(row["new"]) else [f"new {new}"]
    return ", ".join([f"all {whole}", *fresh, *(["alarm"] if row["alarm"] else [])])


_HOVER = {"whole": "all images", "limit": "alarm from", "new": "new images",
          "new_limit": "alarm of new images from"}  # fmt: skip


def histogram(
    values: Values, scale: Scale, figure_id: str, title: str, axis: str, counts: str
) -> Chart:
    """A histogram; marked bars are a trace of their own, which the template colours differently."""
    bins, log = bin_values(values, scale)
    traces = [
        {
            "customdata": part["label"].tolist(),
            "hovertemplate": f"%{{customdata}}<br>%{{y:,}} {counts}<extra></extra>",
            "width": (part["high"] - part["low"]).tolist(),
            "x": ((part["low"] + part["high"]) / 2).tolist(),
            "y": part["count"].tolist(),
            "type": "bar",
        }
        for part in (bins[~bins["flagged"]], bins[bins["flagged"]])
    ]
    ends = {"from": bins["low"].map("{:.10g}".format), "to": bins["high"].map("{:.10g}".format)}
    rows = tuple(zip(bins["label"], map(count, bins["count"]), strict=True))
    numbers = pd.DataFrame({**ends, counts: bins["count"]})
    data = traces if bins["flagged"].any() else traces[:1]
    figure = {"data": data, "layout": _layout(bins, scale.limit, axis, counts, log=log)}
    return Chart(figure_id, title, axis, counts, pd.Series(values), rows, numbers, figure)


def _layout(
    bins: pd.DataFrame, limit: Limit | None, axis: str, counts: str, *, log: bool
) -> Figure:
    # Plotly wants ends of axes and annotations as logarithms, shapes as values.
    place = math.log10 if log else float
    low, high = place(bins["low"].iloc[0]), place(bins["high"].iloc[-1])
    ticks: Figure = {"nticks": 8}
    if log:
        ticks = {"dtick": 1, "tickformat": ",~s"}
    elif bins["low"].iloc[0] % 1 == 0.5 and len(bins) <= 8:
        ticks = {"dtick": 1}
    axes = {
        "xaxis": {**ticks, "range": [low, high], "title": {"text": axis},
                  "type": "log" if log else "linear"},
        "yaxis": {**_whole(bins["count"].max()), "title": {"text": counts}},
    }  # fmt: skip
    if limit is None:
        return axes
    at = place(limit.value)
    # The label stands over the line, on the side where there is room.
    note = {"showarrow": False, "text": limit.label, "x": at,
             "xanchor": "left" if at - low < (high - low) / 2 else "right", "y": 1,
             "yanchor": "bottom", "yref": "paper"}  # fmt: skip
    line = {"type": "line", "x0": limit.value, "x1": limit.value, "y0": 0, "y1": 1, "yref": "paper"}
    return {"annotations": [note], "shapes": [line], **axes}
