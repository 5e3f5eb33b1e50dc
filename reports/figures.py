"""Figures: charts of the view as Plotly JSON, without colours.

Colours belong to the style sheet: the page's script reads them from there, for light and dark.
"""

from __future__ import annotations

import json
import math
from typing import Any

import plotly.graph_objects as go

from imgvet.reports.view.chart import Bars, Lines
from imgvet.reports.view.histogram import Bin, Histogram, Threshold
from imgvet.reports.view.section import Chart

Figure = dict[str, Any]

HEIGHT = 190
"""Height of a figure in pixels; it is as wide as its place."""


BAR_HEIGHT = 22
"""Height of one bar of a category in pixels."""


def figure(chart: Chart) -> Figure:
    """A chart as Plotly JSON: ``data`` and ``layout``, without the template."""
    if isinstance(chart, Histogram):
        return histogram_figure(chart)
    return bars_figure(chart) if isinstance(chart, Bars) else lines_figure(chart)


def bars_figure(chart: Bars) -> Figure:
    """Lying bars, the first category on top."""
    bars = go.Bar(
        x=chart.values,
        y=list(range(len(chart.values))),
        orientation="h",
        customdata=[_without_markup(label) for label in chart.labels],
        hovertemplate=f"%{{customdata}}<br>%{{x:,}} {chart.counts}<extra></extra>",
    )
    places = list(range(len(chart.labels)))
    labels = [_without_markup(label) for label in chart.labels]
    layout = {
        "height": 60 + BAR_HEIGHT * len(chart.labels),
        "bargap": 0.25,
        "hovermode": "closest",
        "xaxis": {"title": {"text": chart.counts}, "rangemode": "tozero", "nticks": 6,
                  "tickformat": ",~s"},
        "yaxis": {"autorange": "reversed", "tickvals": places, "ticktext": labels,
                  "tickformat": "", "nticks": 0},
    }  # fmt: skip
    return _plain(go.Figure(data=[bars], layout=layout))


def lines_figure(chart: Lines) -> Figure:
    """A point for each run, joined by a line; the runs stand at equal distances."""
    line = go.Scatter(
        x=list(range(1, len(chart.values) + 1)),
        y=chart.values,
        mode="lines+markers",
        customdata=chart.moments,
        hovertemplate=f"%{{customdata}}<br>%{{y:{'.2%' if chart.percent else ','}}}<extra></extra>",
    )
    layout = {
        "hovermode": "closest",
        "xaxis": {"title": {"text": "run"}, "dtick": max(1, len(chart.values) // 8)},
        "yaxis": {"title": {"text": chart.axis}, "rangemode": "tozero",
                  "tickformat": ".1~%" if chart.percent else ",~s"},
    }  # fmt: skip
    return _plain(go.Figure(data=[line], layout=layout))


def histogram_figure(histogram: Histogram) -> Figure:
    """A histogram as Plotly JSON: ``data`` and ``layout``, without the template.

    Marked bars are a trace of their own, so that the template gives them the second colour.
    """
    plain = [bar for bar in histogram.bins if not bar.flagged]
    flagged = [bar for bar in histogram.bins if bar.flagged]
    traces = [_bars(plain, histogram.counts)]
    if flagged:
        traces.append(_bars(flagged, histogram.counts))
    return _plain(go.Figure(data=traces, layout=_layout(histogram)))


def _plain(made: go.Figure) -> Figure:
    """As JSON, without the template that every figure would carry."""
    found: Figure = json.loads(made.to_json())
    found["layout"].pop("template", None)
    return found


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


def _layout(histogram: Histogram) -> Figure:
    low, high = histogram.bins[0].low, histogram.bins[-1].high
    ends = [math.log10(low), math.log10(high)] if histogram.log else [low, high]
    layout: Figure = {
        "xaxis": {"title": {"text": histogram.axis}, "range": ends, **_ticks(histogram)},
        "yaxis": {"title": {"text": histogram.counts}, **_count_ticks(histogram)},
    }
    if histogram.threshold:
        layout["shapes"] = [_line(histogram.threshold)]
        layout["annotations"] = [_line_label(histogram)]
    return layout


def _ticks(histogram: Histogram) -> Figure:
    if histogram.log:
        return {"type": "log", "dtick": 1, "tickformat": ",~s"}
    whole_numbers = histogram.bins[0].low % 1 == 0.5 and len(histogram.bins) <= 8
    return {"type": "linear", "dtick": 1} if whole_numbers else {"type": "linear", "nticks": 8}


def _count_ticks(histogram: Histogram) -> Figure:
    """Whole numbers only: few images have no halves."""
    return {"dtick": 1} if max(entry.count for entry in histogram.bins) <= 4 else {}


def _line(threshold: Threshold) -> Figure:
    at = threshold.value
    return {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper"}


def _line_label(histogram: Histogram) -> Figure:
    """The label over the line, on the side where there is room."""
    threshold = histogram.threshold
    assert threshold is not None
    # Plotly places shapes by value but annotations by logarithm on a logarithmic axis.
    place = math.log10 if histogram.log else float
    at, low, high = (
        place(v) for v in (threshold.value, histogram.bins[0].low, histogram.bins[-1].high)
    )
    return {
        "x": at,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "xanchor": "left" if at - low < (high - low) / 2 else "right",
        "text": threshold.label,
        "showarrow": False,
    }
