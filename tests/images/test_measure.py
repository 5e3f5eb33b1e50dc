"""Metrics of pictures whose values are known, and what sharpness must and must not depend on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.images.measure import measure, measure_advanced, sharpness
from imgvet.images.picture import Picture, to_standard_size
from imgvet.metrics import ADVANCED_METRICS, BASIC_METRICS


def measures(gray: np.ndarray) -> dict[str, int | float]:
    gray = np.ascontiguousarray(gray, np.uint8)
    rgb = np.ascontiguousarray(np.repeat(gray[..., None], 3, axis=2))
    return measure(Picture(rgb, 640, 480, 4, 16), gray, 12345)


def test_names_and_order_are_those_of_the_catalogue():
    assert list(measures(np.zeros((20, 20)))) == [metric.name for metric in BASIC_METRICS]
    assert list(measure_advanced(plain(1, 2, 3))) == [metric.name for metric in ADVANCED_METRICS]


def test_what_the_file_says():
    found = measures(np.zeros((20, 20)))
    assert [found[name] for name in ("width", "height", "channels", "bit_depth", "file_size")] == [
        640, 480, 4, 16, 12345,
    ]  # fmt: skip


@pytest.mark.parametrize("level", [0, 1, 77, 255])
def test_one_gray_level(level):
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


def plain(*colour: int) -> np.ndarray:
    return np.full((40, 30, 3), colour, np.uint8)


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
def test_colour_metrics_of_gray(level):
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


def test_edge_density_of_one_edge():
    picture = plain(0, 0, 0)
    picture[:, 15:] = 255
    assert measure_advanced(picture)["edge_density"] == pytest.approx(1 / 30)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_advanced_values_lie_in_their_ranges(seed, height, width):
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    found = measure_advanced(rgb)
    for metric in ADVANCED_METRICS:
        value = found[metric.name]
        assert isinstance(value, float), metric.name
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= value <= metric.high, metric.name


BLURRED = 0.5
"""Threshold of the documentation's evidence."""


def scene(seed: int = 3, scale: int = 1) -> np.ndarray:
    """Overlapping smooth-edged discs and rectangles at a multiple of standard size, RGB."""
    random = np.random.default_rng(seed)
    picture = np.full((256 * scale, 341 * scale, 3), 120, np.uint8)
    for _ in range(60):
        x, y = random.uniform(0, 341), random.uniform(0, 256)
        size = random.uniform(4, 40)
        colour = tuple(int(level) for level in random.integers(0, 256, 3))
        corner = (round((x - size) * scale), round((y - size) * scale))
        if random.random() < 0.5:
            cv2.circle(picture, (round(x * scale), round(y * scale)), round(size * scale), colour,
                       -1, cv2.LINE_AA)  # fmt: skip
        else:
            cv2.rectangle(picture, corner, (round(x * scale), round(y * scale)), colour, -1)
    return picture


def gray_of(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(to_standard_size(rgb), cv2.COLOR_RGB2GRAY)


def gaussian(picture: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture


@pytest.mark.parametrize("seed", range(5))
def test_it_falls_with_blur(seed):
    values = [sharpness(gaussian(gray_of(scene(seed)), sigma)) for sigma in (0, 0.7, 1, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[0] > BLURRED > values[3]


@pytest.mark.parametrize("scale", [2, 3, 4, 7])
def test_it_does_not_depend_on_resolution(scale):
    assert sharpness(gray_of(scene(scale=scale))) == pytest.approx(
        sharpness(gray_of(scene())), rel=0.12
    )


@pytest.mark.parametrize("sigma", [0, 1, 3])
@pytest.mark.parametrize(("gain", "offset"), [(0.3, 0), (0.3, 120), (0.6, 80)])
def test_it_does_not_depend_on_contrast_or_brightness(sigma, gain, offset):
    sharp = gaussian(gray_of(scene()), sigma)
    changed = np.rint(sharp * gain + offset).astype(np.uint8)
    assert sharpness(changed) == pytest.approx(sharpness(sharp), abs=0.05)


@pytest.mark.parametrize("transposed", [False, True])
def test_motion_along_either_axis_is_seen(transposed):
    moved = cv2.blur(gray_of(scene()), (15, 1))
    if transposed:
        moved = np.ascontiguousarray(cv2.blur(gray_of(scene()), (1, 15)))
    assert sharpness(moved) < BLURRED


def test_one_thing_in_focus_is_enough():
    picture = gaussian(gray_of(scene()), 6)
    assert sharpness(picture) < BLURRED
    picture[:, 230:] = gray_of(scene())[:, 230:]
    assert sharpness(picture) > BLURRED


def test_flat_pictures_are_not_blurry():
    disc = cv2.circle(np.full((256, 256), 230, np.uint8), (100, 120), 40, 60, -1, cv2.LINE_AA)
    assert sharpness(disc) > BLURRED
    sky = np.linspace(150, 220, 256)[:, None] + np.zeros((256, 341))
    assert sharpness(np.rint(sky).astype(np.uint8)) > BLURRED


def test_stripes_along_one_axis_are_judged_by_that_axis():
    stripes = np.tile(np.repeat([60, 180], 20), 6)[None, :] + np.linspace(0, 60, 256)[:, None]
    assert sharpness(stripes.astype(np.uint8)) > BLURRED


def test_a_step_has_the_documented_value():
    step = np.zeros((50, 50), np.uint8)
    step[:, 25:] = 255
    assert sharpness(step) == pytest.approx(1 - 9 ** (-3 / 4))


def test_a_ramp_is_0():
    assert sharpness(np.tile(np.arange(256, dtype=np.uint8), (50, 1))) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (9, 9), (9, 30), (30, 3)])
def test_tiny_pictures_have_a_value(shape):
    random = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    assert 0 <= sharpness(random) <= 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30), st.integers(2, 256))
def test_it_lies_between_0_and_1(seed, height, width, top):
    picture = np.random.default_rng(seed).integers(0, top, (height, width)).astype(np.uint8)
    value = sharpness(picture)
    assert 0 <= value <= 1
    assert sharpness(np.ascontiguousarray(picture.T)) == pytest.approx(value)
    assert sharpness(np.ascontiguousarray(picture[:, ::-1])) == pytest.approx(value)
