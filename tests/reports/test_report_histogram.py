"""Bins of histograms: nothing is lost, thresholds are edges, marked bars hold the marked values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.reports import limits
from imgvet.reports.histogram import Limit, Scale, bin_values

reals = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60).map(
    lambda numbers: np.array(numbers, float)
)
grays = st.lists(st.integers(0, 255), min_size=1, max_size=200).map(
    lambda numbers: np.array(numbers, float)
)
sizes = st.lists(st.integers(0, 10**9), min_size=1, max_size=60).map(
    lambda numbers: np.array(numbers, float)
)


def limits_of(greatest: int) -> st.SearchStrategy[float]:
    """Thresholds as people set them: in tenths, and often whole."""
    return st.integers(0, 10 * greatest).map(lambda tenths: tenths / 10) | st.integers(
        0, greatest
    ).map(float)


def assert_sound(bins: pd.DataFrame, values: np.ndarray) -> None:
    assert bins["count"].sum() == len(values)
    assert (bins["low"] < bins["high"]).all()
    assert bins["high"].tolist()[:-1] == bins["low"].tolist()[1:]
    assert len(bins) <= 4 * limits.BINS


@given(reals)
def test_no_value_is_lost(values: np.ndarray) -> None:
    bins, log = bin_values(values, Scale())
    assert_sound(bins, values)
    assert not log


@given(sizes)
def test_no_value_is_lost_over_decades(values: np.ndarray) -> None:
    bins, log = bin_values(values, Scale(low=0.0))
    assert_sound(bins, values)
    assert not log or bins["low"].iloc[0] > 0


@given(sizes)
def test_whole_numbers_have_bins_of_whole_numbers(values: np.ndarray) -> None:
    bins, log = bin_values(values, Scale(low=0.0, high=1e9, integer=True))
    assert not log
    assert_sound(bins, values)
    assert ((bins["low"] % 1 == 0.5) & ((bins["high"] - bins["low"]) % 1 == 0)).all()


@given(grays, limits_of(255), st.booleans())
def test_marked_bars_hold_exactly_the_marked_values(
    values: np.ndarray, limit: float, below: bool
) -> None:
    line = Limit(limit, "limit", below)
    scale = Scale(0.0, 255.0, limit=line)
    bins, _ = bin_values(values, scale)
    assert_sound(bins, values)
    marked = int(np.sum(values < limit if below else values > limit))
    assert bins.loc[bins["flagged"], "count"].sum() == marked


@given(sizes, limits_of(10**6))
def test_marked_bars_hold_exactly_the_marked_values_over_decades(
    values: np.ndarray, limit: float
) -> None:
    line = Limit(limit, "limit", below=True)
    bins, _ = bin_values(values, Scale(0.0, limit=line))
    assert_sound(bins, values)
    assert bins.loc[bins["flagged"], "count"].sum() == int(np.sum(values < limit))


def test_values_beyond_what_is_possible_are_shown() -> None:
    values = np.array([-0.5, 0.2, 1.7])
    bins, _ = bin_values(values, Scale(0.0, 1.0))
    assert_sound(bins, values)


def test_wide_spread_is_logarithmic_and_narrow_is_not() -> None:
    assert bin_values(np.geomspace(10, 1e6, 50), Scale(1.0))[1]
    assert not bin_values(np.linspace(100, 1000, 50), Scale(1.0))[1]


@pytest.mark.parametrize(("low", "high"), [(0.0, 255.0), (0.0, 1.0), (1.0, 256.0)])
def test_axis_of_spread_values_is_all_that_is_possible(low: float, high: float) -> None:
    bins, _ = bin_values(np.linspace(low, high, 20), Scale(low, high))
    assert (bins["low"].iloc[0], bins["high"].iloc[-1]) == (low, high)


def test_labels_read_well() -> None:
    few, _ = bin_values(np.array([1.0, 3.0, 3.0]), Scale(1.0, 4.0, integer=True))
    assert few["label"].tolist() == ["1", "2", "3", "4"][: len(few)]
    gray, _ = bin_values(np.arange(256.0), Scale(0.0, 255.0))
    assert gray["label"].iloc[0] == "0 to 5"
