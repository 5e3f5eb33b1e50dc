"""Basic metrics of pictures whose values are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.images.basic import measure
from imgvet.images.picture import Picture
from imgvet.metrics import BASIC_METRICS


def measures(gray: np.ndarray) -> dict[str, int | float]:
    gray = np.ascontiguousarray(gray, np.uint8)
    rgb = np.ascontiguousarray(np.repeat(gray[..., None], 3, axis=2))
    return measure(Picture(rgb, 640, 480, 4, 16), gray, 12345)


def test_names_and_order_are_those_of_the_catalogue():
    assert list(measures(np.zeros((20, 20)))) == [metric.name for metric in BASIC_METRICS]


def test_what_the_file_says():
    found = measures(np.zeros((20, 20)))
    assert [found[name] for name in ("width", "height", "channels", "bit_depth", "file_size")] == [
        640, 480, 4, 16, 12345,
    ]  # fmt: skip


@pytest.mark.parametrize("level", [0, 1, 77, 255])
def test_constant(level):
    found = measures(np.full((40, 30), level))
    assert found["unique"] == 1
    assert found["sharpness"] == 1
    assert found["stdv"] == 0
    assert found["contrast"] == 0
    for name in ("mean", "min", "max", "percentile_5", "percentile_99"):
        assert found[name] == level, name


def test_checkerboard():
    found = measures(np.indices((64, 64)).sum(axis=0) % 2 * 200 + 20)
    assert found["unique"] == 2
    assert (found["min"], found["max"]) == (20, 220)
    assert found["mean"] == pytest.approx(120)
    assert found["stdv"] == pytest.approx(100)
    assert found["contrast"] == pytest.approx(200 / 240)


def test_known_histogram():
    levels = np.repeat([5, 50, 100, 250], [4, 46, 949, 1])
    found = measures(levels.reshape(25, 40))
    assert found["percentile_5"] == 50
    assert found["percentile_99"] == 100
    assert found["unique"] == 4


@pytest.mark.parametrize(("dark", "expected"), [(50, 10), (49, 200)])
def test_nearest_rank(dark, expected):
    levels = np.repeat([10, 200], [dark, 1000 - dark])
    assert measures(levels.reshape(25, 40))["percentile_5"] == expected


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 256))
def test_values_agree_with_numpy_and_their_ranges(seed, height, width, top):
    gray = np.random.default_rng(seed).integers(0, top, (height, width))
    found = measures(gray)
    assert found["mean"] == pytest.approx(gray.mean())
    assert found["stdv"] == pytest.approx(gray.std())
    assert found["percentile_5"] == np.percentile(gray, 5, method="inverted_cdf")
    assert found["percentile_99"] == np.percentile(gray, 99, method="inverted_cdf")
    assert found["unique"] == len(np.unique(gray))
    for metric in BASIC_METRICS:
        value = found[metric.name]
        assert isinstance(value, int if metric.integer else float), metric.name
        assert metric.low is None or value >= metric.low, metric.name
        assert metric.high is None or value <= metric.high, metric.name
