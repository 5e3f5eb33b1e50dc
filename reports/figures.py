"""Figures: charts of the view as Plotly JSON, without colours.

Colours belong to the style sheet: the page's script reads them from there, for light and dark.
"""

from __future__ import annotations

import json
import math
from typing import Any

import plotly.graph_objects as go

from imgvet.reports.view.chart import Bars, Chart, Lines
from imgvet.reports.view.histogram import Bin, Histogram, Threshold

Figure = dict[str, Any]

HEIGHT = 190
"""Height of a figure in pixels; it is as wide as its place."""

BAR_HEIGHT = 22
"""Height of one bar of a category in pixels."""


def figure(chart: Chart) -> Figure:
    """A chart as Plotly JSON: ``data`` and ``layout``, without the template.

    Raises:
        TypeError: there is no figure for this kind of chart.
    """
    match chart:
        case Histogram():
            traces, layout = _histogram(chart)
        case Bars():
            traces, layout = _categories(chart)
        case Lines():
            traces, layout = _lines(chart)
        case _:
            raise TypeError(type(chart).__name__)
    made: Figure = json.loads(go.Figure(data=traces, layout=layout).to_json())
    made["layout"].pop("template", None)
    return made


def _categories(chart: Bars) -> tuple[list[Any], Figure]:
    """Lying bars, the first category on top."""
    places = list(range(len(chart.labels)))
    labels = [_without_markup(label) for label in chart.labels]
    bars = go.Bar(
        x=chart.values,
        y=places,
        orientation="h",
        customdata=labels,
        hovertemplate=f"%{{customdata}}<br>%{{x:,}} {chart.counts}<extra></extra>",
    )
    return [bars], {
        "height": 60 + BAR_HEIGHT * len(labels),
        "bargap": 0.25,
        "hovermode": "closest",
        "xaxis": {"title": {"text": chart.counts}, "rangemode": "tozero", "nticks": 6,
                  "tickformat": ",~s"},
        "yaxis": {"autorange": "reversed", "tickvals": places, "ticktext": labels,
                  "tickformat": "", "nticks": 0},
    }  # fmt: skip


def _lines(chart: Lines) -> tuple[list[Any], Figure]:
    """A point for each run, joined by a line; the runs stand at equal distances."""
    line = go.Scatter(
        x=list(range(1, len(chart.values) + 1)),
        y=chart.values,
        mode="lines+markers",
        customdata=chart.moments,
        hovertemplate=f"%{{customdata}}<br>%{{y:{'.2%' if chart.percent else ','}}}<extra></extra>",
    )
    return [line], {
        "hovermode": "closest",
        "xaxis": {"title": {"text": chart.axis}, "dtick": max(1, len(chart.values) // 8)},
        "yaxis": {"title": {"text": chart.counts}, "rangemode": "tozero",
                  "tickformat": ".1~%" if chart.percent else ",~s"},
    }  # fmt: skip


def _histogram(chart: Histogram) -> tuple[list[Any], Figure]:
    """Marked bars are a trace of their own, so that the template gives them the second colour."""
    traces = [_bars([bar for bar in chart.bins if not bar.flagged], chart.counts)]
    flagged = [bar for bar in chart.bins if bar.flagged]
    if flagged:
        traces.append(_bars(flagged, chart.counts))
    return traces, _layout(chart)


def _without_markup(text: str) -> str:
    """Text that Plotly, which knows some HTML, shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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


def _bars(bins: list[Bin], counts: str) -> go.Bar:
    return go.Bar(
        x=[(entry.low + entry.high) / 2 for entry in bins],
        width=[entry.high - entry.low for entry in bins],
        y=[entry.count for entry in bins],
        customdata=[entry.label for entry in bins],
        hovertemplate=f"%{{customdata}}<br>%{{y:,}} {counts}<extra></extra>",
    )


def _layout(chart: Histogram) -> Figure:
    # Plotly wants ends of axes and annotations as logarithms, shapes as values.
    place = math.log10 if chart.log else float
    ends = [place(chart.bins[0].low), place(chart.bins[-1].high)]
    few = max(entry.count for entry in chart.bins) <= 4
    layout: Figure = {
        "xaxis": {"title": {"text": chart.axis}, "range": ends, **_ticks(chart)},
        "yaxis": {"title": {"text": chart.counts}, **({"dtick": 1} if few else {})},
    }
    if chart.threshold:
        layout |= _marked(chart.threshold, place(chart.threshold.value), ends)
    return layout


def _ticks(chart: Histogram) -> Figure:
    if chart.log:
        return {"type": "log", "dtick": 1, "tickformat": ",~s"}
    whole_numbers = chart.bins[0].low % 1 == 0.5 and len(chart.bins) <= 8
    return {"type": "linear", "dtick": 1} if whole_numbers else {"type": "linear", "nticks": 8}


def _marked(threshold: Threshold, at: float, ends: list[float]) -> Figure:
    """A line at the threshold, and its label over it on the side where there is room."""
    x = threshold.value
    left = at - ends[0] < (ends[1] - ends[0]) / 2
    label = {
        "x": at,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "xanchor": "left" if left else "right",
        "text": threshold.label,
        "showarrow": False,
    }
    return {
        "shapes": [{"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"}],
        "annotations": [label],
    }  # fmt: skip
