"""Figures as Plotly JSON: binned, without template and colours, thresholds in their place."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from imgvet.reports import charts as drawing
from imgvet.reports import limits
from imgvet.reports.charts import Chart, bars, template
from imgvet.reports.histogram import Limit, Scale
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.report import pages_of


@dataclass(frozen=True)
class Drawn:
    """A histogram of values with a limit, linear or not."""

    values: np.ndarray
    limit: float
    high: float

    @property
    def chart(self) -> Chart:
        line = Limit(self.limit, f"below {self.limit}", below=True)
        scale = Scale(0.0, self.high, limit=line)
        return drawing.histogram(self.values, scale, "figure-x", "words", "words", "words")


@pytest.fixture(scope="module")
def charts(full_inputs: ReportInputs) -> list[Chart]:
    return [chart for page in pages_of(full_inputs) for chart in page.charts]


@pytest.fixture(params=["linear", "log"])
def drawn(request: pytest.FixtureRequest) -> Drawn:
    if request.param == "log":
        return Drawn(np.geomspace(2, 1e5, 400), 50.0, math.inf)
    return Drawn(np.linspace(0, 255, 400), 60.0, 255.0)


def test_bars_hold_all_counts_and_touch(drawn: Drawn) -> None:
    traces = drawn.chart.figure["data"]
    assert len(traces) == 2
    assert sum(sum(trace["y"]) for trace in traces) == 400
    lows = sorted(x - w / 2 for t in traces for x, w in zip(t["x"], t["width"], strict=True))
    assert np.allclose(lows, drawn.chart.numbers["from"].astype(float))


def test_line_is_at_the_threshold_and_its_label_beside(drawn: Drawn) -> None:
    layout = drawn.chart.figure["layout"]
    limit, log = drawn.limit, drawn.high == math.inf
    assert (layout["shapes"][0]["x0"], layout["shapes"][0]["x1"]) == (limit, limit)
    assert layout["annotations"][0]["x"] == (math.log10(limit) if log else limit)
    assert layout["annotations"][0]["text"] == f"below {limit}"
    low, high = layout["xaxis"]["range"]
    assert low <= layout["annotations"][0]["x"] <= high
    assert layout["xaxis"]["type"] == ("log" if log else "linear")


def test_figures_carry_neither_template_nor_colour(charts: list[Chart]) -> None:
    for found in charts:
        made = found.figure
        assert "template" not in made["layout"]
        assert "color" not in json.dumps(made)


def test_figures_are_small_and_repeatable(charts: list[Chart]) -> None:
    def all_figures() -> str:
        return json.dumps([found.figure for found in charts])

    assert all_figures() == all_figures()
    assert len(all_figures()) < 100_000


def test_figure_ids_are_unique(charts: list[Chart]) -> None:
    ids = [found.figure_id for found in charts]
    assert len(set(ids)) == len(ids) > 10


def test_plotly_accepts_template_and_figures(charts: list[Chart]) -> None:
    for found in charts:
        made = found.figure
        go.Figure(data=made["data"], layout={**made["layout"], "template": template()})


def test_few_counts_have_whole_ticks() -> None:
    few = Drawn(np.array([10.0, 200.0]), 60.0, 255.0).chart
    assert few.figure["layout"]["yaxis"]["dtick"] == 1


def test_names_of_categories_are_no_markup_for_plotly(charts: list[Chart]) -> None:
    drawn = [found.figure for found in charts]
    texts = json.dumps([made["layout"]["yaxis"].get("ticktext", []) for made in drawn])
    assert "&lt;i&gt;bone" in texts
    assert "<i>" not in json.dumps([made["data"] for made in drawn if made["data"][0].get("y")])


def test_every_chart_can_be_read_as_a_table(charts: list[Chart]) -> None:
    for chart in charts:
        assert len(chart.rows) == len(chart.numbers) > 0


def test_the_axis_of_one_run_shows_days() -> None:
    runs = pd.DataFrame({"run": ["2026-11-30 21:05:49 UTC", "2026-12-01 06:00 UTC"], "whole": 0.1})
    one, two = (drawing.lines(runs[:n], "f", "t", percent=True).figure["layout"] for n in (1, 2))
    assert one["xaxis"]["range"] == ["2026-11-29", "2026-12-02"]
    assert "range" not in two["xaxis"]


def test_many_small_categories_do_not_hide_the_largest() -> None:
    texts = ("f", "t", "label", "images")
    many = [(f"label {number:03d}", 3) for number in range(limits.BARS + 30)]
    chart = bars(many, *texts)
    assert len(chart.rows) == limits.BARS
    assert chart.not_drawn == "30 others, 90 in all, not drawn."
    assert chart.figure["layout"]["xaxis"]["dtick"] == 1, "no mark between 0 and 1"
    few = bars([("most", 100), *many[: limits.BARS + 5]], *texts)
    assert few.rows[-1] == ("6 others", "18")
    assert few.not_drawn == ""
