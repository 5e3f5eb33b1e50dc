"""From pictures to inputs, and from outputs to vectors of length 1."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgvet.errors import ModelError
from imgvet.models.model import ModelCard, builtin_model
from imgvet.models.prepare import _box, normalised, pooled, prepared, resized
from support.pictures import scene


def card(**fields: Any) -> ModelCard:
    known = {
        "name": "m", "file": "m.onnx", "sha256": "0" * 64, "licence": "MIT", "source": "",
        "width": 4, "input_size": 32, "similarity_scale": 1.0,
    }  # fmt: skip
    return ModelCard(**{**known, **fields})


def test_the_built_in_model_sees_what_it_always_saw() -> None:
    pictures = [scene(1, 300, 200), scene(2, 40, 90)]
    size = (176, 176)
    seen = prepared(pictures, builtin_model().card)
    for row, picture in zip(seen, pictures, strict=True):
        assert np.array_equal(row, cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR))


def test_the_digest_changes_with_whatever_changes_the_result() -> None:
    builtin = builtin_model().card
    assert builtin.digest == builtin.sha256
    changes: list[dict[str, Any]] = [
        {"input_size": 192}, {"layout": "NCHW"}, {"colour_order": "BGR"}, {"resize": "crop"},
        {"interpolation": "bicubic"}, {"output": "other"}, {"pooling": "mean"},
        {"input_dtype": "float32"}, {"input_dtype": "float32", "mean": (0.0, 0.0, 0.0)},
        {"resize": "crop", "resize_size": 200}, {"sha256": "0" * 64},
    ]  # fmt: skip
    digests = {builtin.model_copy(update=change).digest for change in changes}
    assert len(digests | {builtin.digest}) == len(changes) + 1
    unseen = {"mean": (1.0, 1.0, 1.0), "name": "x", "similarity_scale": 3.0, "licence": "x"}
    assert builtin.model_copy(update=unseen).digest == builtin.digest


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(32, 80))
def test_a_crop_is_the_square_in_the_middle(height: int, width: int, resize_size: int) -> None:
    picture = np.zeros((height, width, 3), np.uint8)
    left, top, right, bottom = _box(picture, card(resize="crop", resize_size=resize_size))
    side = min(width, height) * 32 / resize_size
    assert right - left == pytest.approx(side)
    assert bottom - top == pytest.approx(side)
    assert left == pytest.approx(width - right)
    assert top == pytest.approx(height - bottom)
    assert left >= 0
    assert top >= 0


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from(["squash", "crop"]),
    st.sampled_from(["linear", "bilinear", "bicubic"]),
)
def test_every_size_of_picture_becomes_the_square(
    height: int, width: int, resize: str, interpolation: str
) -> None:
    picture = np.full((height, width, 3), (10, 200, 90), np.uint8)
    square = resized(picture, card(resize=resize, interpolation=interpolation))
    assert square.shape == (32, 32, 3)
    assert np.array_equal(np.unique(square.reshape(-1, 3), axis=0), [[10, 200, 90]])


def test_a_crop_is_what_resizing_the_short_side_and_cropping_gives() -> None:
    picture = scene(3, 384, 256)
    wanted = card(resize="crop", resize_size=64, input_size=56, interpolation="bicubic")
    whole = Image.fromarray(picture).resize((96, 64), Image.Resampling.BICUBIC)
    middle = np.asarray(whole.crop((20, 4, 76, 60)), int)
    inner = (slice(2, -2), slice(2, -2))  # at the edges the whole picture has neighbours
    difference = np.abs(resized(picture, wanted) - middle)
    assert difference[inner].max() <= 1


def test_fine_stripes_do_not_alias_where_the_model_was_trained_without() -> None:
    stripes = np.zeros((960, 960, 3), np.uint8)
    stripes[::2] = 255
    for interpolation in ("bilinear", "bicubic"):
        square = resized(stripes, card(interpolation=interpolation))
        assert np.abs(square.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16"])
def test_inputs_have_the_type_layout_and_colours_that_are_wanted(
    dtype: str, layout: str, order: str
) -> None:
    mean, std = (10.0, 20.0, 30.0), (2.0, 4.0, 5.0)
    wanted = card(input_dtype=dtype, layout=layout, colour_order=order, mean=mean, std=std)
    colours = np.array([[40, 80, 120], [0, 255, 7]], np.uint8)
    pictures = [np.full((50, 70, 3), colour, np.uint8) for colour in colours]
    inputs = prepared(iter(pictures), wanted)
    truth = colours if dtype == "uint8" else (colours - np.array(mean)) / np.array(std)
    truth = truth if order == "RGB" else truth[:, ::-1]
    assert inputs.dtype == dtype
    assert inputs.shape == ((2, 32, 32, 3) if layout == "NHWC" else (2, 3, 32, 32))
    axes = (1, 2) if layout == "NHWC" else (2, 3)
    assert np.allclose(inputs.min(axis=axes), truth, rtol=2e-3)
    assert np.allclose(inputs.max(axis=axes), truth, rtol=2e-3)
    assert inputs.flags.c_contiguous


@pytest.mark.parametrize(
    ("shape", "layout", "pooling"),
    [
        ((5, 4), "NCHW", "none"),
        ((5, 9, 4), "NCHW", "mean"),
        ((5, 9, 4), "NHWC", "cls"),
        ((5, 4, 7, 3), "NCHW", "mean"),
        ((5, 7, 3, 4), "NHWC", "mean"),
        ((5, 4, 1, 1), "NHWC", "mean"),
        ((5, 1, 1, 4), "NCHW", "mean"),
        ((5, 2, 2), "NCHW", "none"),
    ],
)
def test_outputs_become_one_vector_a_picture(
    shape: tuple[int, ...], layout: str, pooling: str
) -> None:
    values = np.zeros(shape, np.float32)
    wanted = card(layout=layout, pooling=pooling)
    if 4 not in shape:
        with pytest.raises(ModelError, match="gives 2 values a picture, its card says 4"):
            pooled(values, wanted)
        return
    width_axis = shape.index(4)
    planted = np.arange(4, dtype=np.float32)
    np.moveaxis(values, width_axis, -1)[...] = planted
    if pooling == "cls":
        values[:, 1:] = -1
    assert np.array_equal(pooled(values, wanted), np.tile(planted, (5, 1)))


def test_vectors_have_length_1_and_the_unusable_are_zeros() -> None:
    vectors = np.array(
        [[3, 4], [0, 0], [np.nan, 1], [np.inf, 0], [1e-30, 0], [1e30, 1e30], [0.6, 0.8]], np.float32
    )
    result = normalised(vectors)
    half = np.sqrt(0.5)
    truth = [[0.6, 0.8], [0, 0], [0, 0], [0, 0], [1, 0], [half, half], [0.6, 0.8]]
    assert result.dtype == np.float32
    assert np.allclose(result, truth, atol=1e-6)


def test_vectors_that_have_length_1_already_keep_their_bytes() -> None:
    vectors = normalised(np.random.default_rng(0).normal(size=(50, 9)).astype(np.float32))
    assert normalised(vectors).tobytes() == vectors.tobytes()
