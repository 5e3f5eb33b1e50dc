"""Figures as Plotly JSON: binned, without template and colours, thresholds in their place."""

from __future__ import annotations

import json
import math

import numpy as np
import plotly.graph_objects as go
import pytest

from imgvet.reports.figures import figure, template
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.view.chart import Chart
from imgvet.reports.view.histogram import Histogram, Scale, Threshold, make_histogram
from imgvet.reports.view.report import report_view


def histogram(values: np.ndarray, limit: float, low: float, high: float | None) -> Histogram:
    threshold = Threshold(limit, f"below {limit}", below=True)
    words = dict.fromkeys(("title", "axis", "counts", "summary", "reading"), "words")
    scale = Scale(low, high, threshold=threshold)
    return make_histogram(values, scale, figure_id="figure-x", **words)


@pytest.fixture(scope="module")
def charts(full_inputs: ReportInputs) -> list[Chart]:
    return [chart for page in report_view(full_inputs).pages for chart in page.charts]


@pytest.fixture(params=["linear", "log"])
def drawn(request: pytest.FixtureRequest) -> Histogram:
    if request.param == "log":
        return histogram(np.geomspace(2, 1e5, 400), 50.0, 0.0, None)
    return histogram(np.linspace(0, 255, 400), 60.0, 0.0, 255.0)


def test_bars_hold_all_counts_and_touch(drawn: Histogram) -> None:
    traces = figure(drawn)["data"]
    assert len(traces) == 2
    assert sum(sum(trace["y"]) for trace in traces) == 400
    lows = sorted(x - w / 2 for t in traces for x, w in zip(t["x"], t["width"], strict=True))
    assert np.allclose(lows, [entry.low for entry in drawn.bins])


def test_line_is_at_the_threshold_and_its_label_beside(drawn: Histogram) -> None:
    layout = figure(drawn)["layout"]
    assert drawn.threshold
    limit = drawn.threshold.value
    assert (layout["shapes"][0]["x0"], layout["shapes"][0]["x1"]) == (limit, limit)
    assert layout["annotations"][0]["x"] == (math.log10(limit) if drawn.log else limit)
    assert layout["annotations"][0]["text"] == drawn.threshold.label
    low, high = layout["xaxis"]["range"]
    assert low <= layout["annotations"][0]["x"] <= high
    assert layout["xaxis"]["type"] == ("log" if drawn.log else "linear")


def test_figures_carry_neither_template_nor_colour(charts: list[Chart]) -> None:
    for found in charts:
        made = figure(found)
        assert "template" not in made["layout"]
        assert "color" not in json.dumps(made)


def test_figures_are_small_and_repeatable(charts: list[Chart]) -> None:
    def all_figures() -> str:
        return json.dumps([figure(found) for found in charts])

    assert all_figures() == all_figures()
    assert len(all_figures()) < 100_000


def test_figure_ids_are_unique(charts: list[Chart]) -> None:
    ids = [found.figure_id for found in charts]
    assert len(set(ids)) == len(ids) > 10


def test_plotly_accepts_template_and_figures(charts: list[Chart]) -> None:
    for found in charts:
        made = figure(found)
        go.Figure(data=made["data"], layout={**made["layout"], "template": template()})


def test_few_counts_have_whole_ticks() -> None:
    few = histogram(np.array([10.0, 200.0]), 60.0, 0.0, 255.0)
    assert figure(few)["layout"]["yaxis"]["dtick"] == 1


def test_names_of_categories_are_no_markup_for_plotly(charts: list[Chart]) -> None:
    drawn = [figure(found) for found in charts]
    texts = json.dumps([made["layout"]["yaxis"].get("ticktext", []) for made in drawn])
    assert "&lt;i&gt;bone" in texts
    assert "<i>" not in json.dumps([made["data"] for made in drawn if made["data"][0].get("y")])


def test_every_chart_can_be_read_as_a_table(charts: list[Chart]) -> None:
    for chart in charts:
        assert chart.reading.startswith(("Good", "No end is good")), chart.figure_id
        assert all(len(row) == len(chart.header) for row in chart.shown_rows)
        assert len(chart.shown_rows) == len(chart.numbers) > 0
