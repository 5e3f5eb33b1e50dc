"""The standard size, and thumbnails."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgvet.images.picture import (
    STANDARD_LONG_SIDE,
    decode_thumbnail,
    encode_thumbnail,
    middle_square,
    preview_of,
    size_within,
    to_standard_size,
)


@given(width=st.integers(1, 100_000), height=st.integers(1, 100_000))
def test_size(width, height):
    new_width, new_height = size_within(width, height, 256, STANDARD_LONG_SIDE)
    assert 1 <= min(new_width, new_height) <= 256
    assert max(new_width, new_height) <= STANDARD_LONG_SIDE
    assert new_width <= width
    assert new_height <= height
    if min(width, height) > 256 and max(new_width, new_height) < STANDARD_LONG_SIDE:
        assert min(new_width, new_height) == 256
    # The shape stays, but for rounding to whole pixels.
    assert abs(new_width * height - new_height * width) <= (width + height) / 2 + 1 or (
        min(new_width, new_height) == 1
    )


@given(width=st.integers(1, 900), height=st.integers(1, 900))
def test_shape_and_constant_colour(width, height):
    found = to_standard_size(np.full((height, width, 3), (10, 200, 90), np.uint8))
    assert found.shape == (*size_within(width, height, 256, STANDARD_LONG_SIDE)[::-1], 3)
    assert np.all(found == (10, 200, 90))


@pytest.mark.parametrize("size", [(10, 10), (256, 256), (4096, 256), (255, 4000), (1, 1)])
def test_nothing_is_enlarged(drawing, size):
    pixels = drawing(*size)
    assert to_standard_size(pixels) is pixels


@pytest.mark.parametrize("size", [(20_000, 3), (2, 9000), (5000, 300)])
def test_very_long_pictures(drawing, size):
    assert max(to_standard_size(drawing(*size)).shape) == STANDARD_LONG_SIDE


@pytest.mark.parametrize("factor", [1.3, 2, 2.5, 3, 4.7, 8])
def test_it_is_close_to_the_exact_average(factor):
    random = np.random.default_rng(7)
    small = cv2.GaussianBlur(random.integers(0, 256, (256, 341, 3), np.uint8), (0, 0), 2)
    size = (round(341 * factor), round(256 * factor))
    large = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    exact = cv2.resize(large, (341, 256), interpolation=cv2.INTER_AREA)
    found = to_standard_size(large)
    assert found.shape[0] == 256
    found = cv2.resize(found, (341, 256)) if found.shape[1] != 341 else found
    assert np.abs(found.astype(int) - exact).mean() < 2


def test_fine_stripes_do_not_alias():
    stripes = np.zeros((2048, 2048, 3), np.uint8)
    stripes[:, ::2] = 255
    found = to_standard_size(stripes)
    assert found.std() < 1
    assert abs(float(found.mean()) - 127.5) < 1


@given(width=st.integers(1, 100), height=st.integers(1, 100))
def test_thumbnails_keep_their_size(drawing, width, height):
    pixels = drawing(width, height)
    assert decode_thumbnail(encode_thumbnail(pixels)).shape == pixels.shape


def test_thumbnails_look_like_the_picture(drawing):
    pixels = drawing(341, 256)
    found = decode_thumbnail(encode_thumbnail(pixels))
    assert np.abs(found.astype(int) - pixels).mean() < 3


def test_thumbnails_of_parts_of_arrays(drawing):
    assert decode_thumbnail(encode_thumbnail(drawing(90, 61)[:, ::-1])).shape == (61, 90, 3)


@pytest.mark.parametrize("size", [(341, 256), (256, 700), (300, 300), (5, 9), (1, 1), (4096, 3)])
def test_a_preview_is_the_middle_of_the_picture(drawing, size):
    pixels = drawing(*size)
    thumbnail = encode_thumbnail(pixels)
    preview = preview_of(thumbnail)
    assert len(preview) < len(thumbnail)
    found = decode_thumbnail(preview)
    assert found.shape == (64, 64, 3)
    expected = middle_square(pixels, 64)
    assert np.abs(found.astype(int) - expected).mean() < 6


def test_other_decoders_pass_over_the_preview(drawing):
    thumbnail = encode_thumbnail(drawing(90, 61))
    expected = decode_thumbnail(thumbnail).astype(int)
    with Image.open(io.BytesIO(thumbnail)) as image:
        assert np.abs(np.asarray(image) - expected).max() <= 3
    found = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(found[..., ::-1] - expected).max() <= 3


def test_a_thumbnail_without_a_preview_stands_for_itself(drawing):
    jpeg = cv2.imencode(".jpg", drawing(90, 61))[1].tobytes()
    assert preview_of(jpeg) == jpeg
    assert preview_of(b"") == b""


def test_a_broken_thumbnail_is_an_error(drawing):
    with pytest.raises(ValueError, match="JPEG"):
        decode_thumbnail(encode_thumbnail(drawing(90, 61))[:-40])
