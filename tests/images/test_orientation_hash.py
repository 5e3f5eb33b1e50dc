"""The perceptual hash of all eight orientations."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.images import orientation_hash as module
from imgvet.images.orientation_hash import (
    ORIENTATIONS,
    RELIABLE_QUALITY,
    hash_in_orientation,
    orientation_hash,
)
from imgvet.images.picture import oriented
from support.pictures import scene

ALL = range(ORIENTATIONS)


def gray_scene(seed: int) -> np.ndarray:
    return cv2.cvtColor(scene(seed, 256, 340), cv2.COLOR_RGB2GRAY)


def shown(gray: np.ndarray, orientation: int) -> np.ndarray:
    return np.ascontiguousarray(oriented(gray[..., None], orientation + 1)[..., 0])


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one ^ other).sum())


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([32, 63, 64, 100, 128, 256]),
    st.sampled_from([33, 64, 127, 192, 4096]),
    st.integers(0, 2**32 - 1),
    st.sampled_from(ALL),
)
def test_the_hash_of_one_orientation_tells_those_of_the_others(
    rows: int, columns: int, seed: int, orientation: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (rows, columns), dtype=np.uint8)
    expected = orientation_hash(shown(noise, orientation))
    mine = orientation_hash(noise)
    assert np.array_equal(hash_in_orientation(mine.bits[None], orientation)[0], expected.bits)
    assert mine.quality == expected.quality


@pytest.mark.parametrize("orientation", ALL)
def test_turned_and_recompressed_copies_are_near_and_others_far(orientation: int) -> None:
    hashes = [orientation_hash(gray_scene(seed)) for seed in range(6)]
    for seed, own in enumerate(hashes):
        picture = oriented(scene(seed, 256, 341), orientation + 1)
        small = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
        jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(small), quality=60)
        gray = simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")[..., 0]
        copy = orientation_hash(np.ascontiguousarray(gray)).bits
        assert distance(hash_in_orientation(own.bits[None], orientation)[0], copy) <= 24
        others = [other.bits for other in hashes if other is not own]
        turned = [hash_in_orientation(np.stack(others), way) for way in ALL]
        assert min(distance(copy, bits) for way in turned for bits in way) > 60


def test_the_hash_is_that_of_stored_measures() -> None:
    """Who changes the hash raises MEASURE_VERSION, or new hashes are compared with stored ones."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 96)).astype(np.uint8)
    hashed = orientation_hash(noise).bits.tobytes().hex()
    assert hashed[:16] == "418b6b415008a5b3"


def test_sums_are_exact_so_that_no_machine_gets_another_hash() -> None:
    gray = np.random.default_rng(1).integers(0, 256, (127, 115), dtype=np.uint8)
    down, across = (module._cosines(side).astype(np.int64) for side in gray.shape)
    exact = down @ gray.astype(np.int64) @ across.T
    scale = 2 / (module._UNITS**2 * gray.size)
    assert np.array_equal(module._coefficients(gray), exact * scale)


@pytest.mark.parametrize("levels", [(0, 0), (128, 128), (0, 255)])
def test_flat_pictures_and_gradients_say_nothing(levels: tuple[int, int]) -> None:
    across = np.linspace(*levels, 300).round().astype(np.uint8)
    gradient = np.ascontiguousarray(np.broadcast_to(across, (200, 300)))
    assert orientation_hash(gradient).quality < RELIABLE_QUALITY
    jpeg = simplejpeg.encode_jpeg(gradient[..., None], quality=50, colorspace="GRAY")
    decoded = simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")[..., 0]
    assert orientation_hash(np.ascontiguousarray(decoded)).quality < RELIABLE_QUALITY


def test_scenes_say_something_and_tiny_pictures_nothing() -> None:
    assert orientation_hash(gray_scene(0)).quality >= RELIABLE_QUALITY
    tiny = np.random.default_rng(0).integers(0, 256, (31, 500), dtype=np.uint8)
    assert orientation_hash(tiny).quality == 0
    assert orientation_hash(tiny).bits.shape == (module.HASH_BYTES,)
