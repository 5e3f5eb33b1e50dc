"""The scale of similarity that is read off the embeddings of a run."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imgvet.models.calibrate import LEAST_CONTENTS, TAIL_SIMILARITY, scale_of

Vectors = NDArray[np.float32]


def drawn(count: int, cone: float = 0.0, width: int = 24) -> Vectors:
    """Directions around one; the larger ``cone``, the more alike."""
    values = np.random.default_rng(count).normal(size=(count, width))
    values[:, 0] += cone
    return values.astype(np.float32)


def with_copies(vectors: Vectors, of_each: int) -> Vectors:
    random = np.random.default_rng(1)
    copies = np.repeat(vectors, of_each, axis=0)
    return np.asarray(copies + random.normal(0, 0.02, copies.shape), np.float32)


def similar(scale: float, one: Vectors, other: Vectors) -> NDArray[np.float64]:
    units = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (one, other)]
    return np.asarray(1 - scale * (1 - (units[0] * units[1]).sum(axis=1)), np.float64)


@pytest.mark.parametrize("cone", [0.0, 5.0, 20.0])
def test_the_same_threshold_parts_copies_from_others_whatever_the_model(cone: float) -> None:
    vectors = drawn(400, cone)
    scale = scale_of(vectors)
    assert scale is not None
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = 1 - scale * (1 - units @ units.T)
    np.fill_diagonal(alike, 0)
    assert np.quantile(alike.max(axis=1), 0.5) < 0.9
    assert (alike.max(axis=1) > 0.95).mean() < 0.02
    assert similar(scale, vectors, with_copies(vectors, 1)).min() > 0.97


@pytest.mark.parametrize("of_each", [2, 5, 18])
def test_copies_hardly_count(of_each: int) -> None:
    vectors = drawn(300)
    alone, many = scale_of(vectors), scale_of(with_copies(vectors, of_each))
    assert alone is not None
    assert many == pytest.approx(alone, rel=0.15)


def test_order_and_length_of_embeddings_hardly_count() -> None:
    vectors = drawn(200)
    longer = np.asarray(vectors[::-1] * 7, np.float32)
    assert scale_of(longer) == pytest.approx(scale_of(vectors), rel=0.1)
    blank = np.vstack([vectors, np.zeros((50, 24), np.float32)])
    assert scale_of(blank) == pytest.approx(scale_of(vectors), rel=0.1)


def test_what_says_too_little_has_no_scale() -> None:
    assert scale_of(drawn(LEAST_CONTENTS - 1)) is None
    assert scale_of(drawn(LEAST_CONTENTS)) is not None
    assert scale_of(np.ones((100, 8), np.float32)) is None
    assert scale_of(np.zeros((100, 8), np.float32)) is None
    assert 0 < TAIL_SIMILARITY < 0.9
