"""Advanced metrics of pictures whose values are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.images.advanced import measure_advanced
from imgvet.metrics import ADVANCED_METRICS


def plain(*colour: int) -> np.ndarray:
    return np.full((40, 30, 3), colour, np.uint8)


def test_names_and_order_are_those_of_the_catalogue():
    assert list(measure_advanced(plain(1, 2, 3))) == [metric.name for metric in ADVANCED_METRICS]


@pytest.mark.parametrize(
    ("colour", "hue"),
    [((255, 0, 0), 0), ((255, 255, 0), 60), ((0, 200, 0), 120), ((0, 0, 90), 240)],
)
def test_pure_colours(colour, hue):
    found = measure_advanced(plain(*colour))
    assert found["mean_hue"] == pytest.approx(hue, abs=0.1)
    assert found["mean_saturation"] == pytest.approx(1, abs=1e-3)
    assert found["mean_val"] == pytest.approx(max(colour) / 255)
    assert found["edge_density"] == 0
    shares = [found[f"mean_rel_intensity_{c}"] for c in "rgb"]
    assert shares == pytest.approx([level / sum(colour) for level in colour])
    assert [found[f"mean_{c}"] for c in "rgb"] == pytest.approx(list(colour))


def test_hue_is_a_circular_mean():
    picture = plain(255, 0, 40)
    picture[:, :15] = (255, 40, 0)
    hue = measure_advanced(picture)["mean_hue"]
    assert min(hue, 360 - hue) == pytest.approx(0, abs=0.5)


def test_gray_pixels_do_not_count_for_hue():
    picture = plain(128, 128, 128)
    picture[:5] = (0, 255, 0)
    assert measure_advanced(picture)["mean_hue"] == pytest.approx(120, abs=0.1)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_gray(level):
    found = measure_advanced(plain(level, level, level))
    assert found["mean_hue"] == 0
    assert found["mean_saturation"] == 0
    assert found["rms_contrast"] == 0
    assert [found[f"mean_rel_intensity_{c}"] for c in "rgb"] == pytest.approx([1 / 3] * 3)


def test_black_pixels_do_not_count_for_relative_intensity():
    picture = plain(0, 0, 0)
    picture[:10] = (30, 10, 0)
    found = measure_advanced(picture)
    assert found["mean_rel_intensity_r"] == pytest.approx(0.75)
    assert found["mean_rel_intensity_g"] == pytest.approx(0.25)


def test_rms_contrast_of_half_black_half_white():
    picture = plain(0, 0, 0)
    picture[:20] = 255
    assert measure_advanced(picture)["rms_contrast"] == pytest.approx(0.5)


def test_one_edge():
    picture = plain(0, 0, 0)
    picture[:, 15:] = 255
    assert measure_advanced(picture)["edge_density"] == pytest.approx(1 / 30)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_values_lie_in_their_ranges(seed, height, width):
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    found = measure_advanced(rgb)
    for metric in ADVANCED_METRICS:
        value = found[metric.name]
        assert isinstance(value, float), metric.name
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= value <= metric.high, metric.name
