"""Figures: histograms of the view as Plotly JSON, without colours.

Colours belong to the style sheet: the page's script reads them from there, for light and dark.
"""

from __future__ import annotations

import json
import math
from typing import Any

import plotly.graph_objects as go

from imgvet.reports.view.histogram import Bin, Histogram, Threshold

Figure = dict[str, Any]

HEIGHT = 190
"""Height of a figure in pixels; it is as wide as its place."""


def histogram_figure(histogram: Histogram) -> Figure:
    """A histogram as Plotly JSON: ``data`` and ``layout``, without the template.

    Marked bars are a trace of their own, so that the template gives them the second colour.
    """
    plain = [bar for bar in histogram.bins if not bar.flagged]
    flagged = [bar for bar in histogram.bins if bar.flagged]
    traces = [_bars(plain, histogram.counts)]
    if flagged:
        traces.append(_bars(flagged, histogram.counts))
    figure = go.Figure(data=traces, layout=_layout(histogram))
    found: Figure = json.loads(figure.to_json())
    found["layout"].pop("template", None)
    return found


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
