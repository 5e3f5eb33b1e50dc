"""The measure of sharpness: what it must and must not depend on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.images.canonical import canonical
from imgvet.images.sharpness import sharpness

BLURRED = 0.5
"""Threshold of the documentation's evidence."""


def scene(seed: int = 3, scale: int = 1) -> np.ndarray:
    """Overlapping smooth-edged discs and rectangles at a multiple of canonical size, RGB."""
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


def gray(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(canonical(rgb), cv2.COLOR_RGB2GRAY)


def gaussian(picture: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture


@pytest.mark.parametrize("seed", range(5))
def test_it_falls_with_blur(seed):
    values = [sharpness(gaussian(gray(scene(seed)), sigma)) for sigma in (0, 0.7, 1, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[0] > BLURRED > values[3]


@pytest.mark.parametrize("scale", [2, 3, 4, 7])
def test_it_does_not_depend_on_resolution(scale):
    assert sharpness(gray(scene(scale=scale))) == pytest.approx(sharpness(gray(scene())), rel=0.12)


@pytest.mark.parametrize("sigma", [0, 1, 3])
@pytest.mark.parametrize(("gain", "offset"), [(0.3, 0), (0.3, 120), (0.6, 80)])
def test_it_does_not_depend_on_contrast_or_brightness(sigma, gain, offset):
    sharp = gaussian(gray(scene()), sigma)
    changed = np.rint(sharp * gain + offset).astype(np.uint8)
    assert sharpness(changed) == pytest.approx(sharpness(sharp), abs=0.05)


@pytest.mark.parametrize("transposed", [False, True])
def test_motion_along_either_axis_is_seen(transposed):
    moved = cv2.blur(gray(scene()), (15, 1))
    if transposed:
        moved = np.ascontiguousarray(cv2.blur(gray(scene()), (1, 15)))
    assert sharpness(moved) < BLURRED


def test_one_thing_in_focus_is_enough():
    picture = gaussian(gray(scene()), 6)
    assert sharpness(picture) < BLURRED
    picture[:, 230:] = gray(scene())[:, 230:]
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
