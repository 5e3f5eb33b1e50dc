"""Similarity to a reference sample, and the limit that makes an outlier."""

from __future__ import annotations

import numpy as np
import pytest

from imgvet.monitor.images import Scale
from imgvet.monitor.reference_sample import (
    LEAST_SCORES,
    SAMPLE_SIZE,
    ReferenceSample,
    nearest_similarity,
    normalised,
    outlier_limit,
    sampled,
)
from imgvet.similarity.outliers import ROBUST_LIMIT, robust_score

SCALE = Scale(scale=0.8, near=0.9)


def _keys(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([rng.bytes(16) for _ in range(count)], "S16")


def _sample(vectors: np.ndarray, keys: np.ndarray) -> ReferenceSample:
    order = np.argsort(keys)
    return ReferenceSample(keys[order], vectors[order].astype(np.float16))


def test_the_sample_is_of_distinct_contents_and_does_not_depend_on_order() -> None:
    keys = _keys(SAMPLE_SIZE + 500)
    twice = np.concatenate([keys, keys])
    rows = sampled(twice)
    assert len(rows) == SAMPLE_SIZE
    assert len(np.unique(twice[rows])) == SAMPLE_SIZE
    other = np.random.default_rng(1).permutation(keys)
    assert (other[sampled(other)] == twice[rows]).all()


def test_the_nearest_is_neither_itself_nor_a_near_duplicate() -> None:
    rng = np.random.default_rng(3)
    vectors = normalised(rng.normal(size=(300, 8)))
    vectors[100:120] = vectors[:20]  # siblings
    keys, sample = _keys(300), _sample(vectors[:200], _keys(300)[:200])
    found = nearest_similarity(vectors, keys, sample, SCALE)
    similarity = 1 - 0.8 * (1 - vectors @ normalised(sample.vectors).T)
    allowed = (similarity < 0.9) & (keys[:, None] != sample.keys[None])
    expected = np.where(allowed, similarity, -9).max(axis=1)
    assert found == pytest.approx(expected, abs=2e-6)
    assert found.max() < 0.9


def test_an_image_with_only_near_duplicates_is_no_outlier() -> None:
    vectors = np.ones((5, 4), np.float32)
    found = nearest_similarity(vectors, _keys(5), _sample(vectors, _keys(5)), SCALE)
    assert found == pytest.approx(0.9)


def test_below_the_limit_is_what_the_robust_score_calls_an_outlier() -> None:
    rng = np.random.default_rng(4)
    similarity = np.concatenate([rng.normal(0.8, 0.03, 500), rng.uniform(0.2, 0.8, 60)])
    limit = outlier_limit(similarity)
    assert limit is not None
    assert ((similarity < limit) == (robust_score(similarity) > ROBUST_LIMIT)).all()
    assert (similarity < limit).any()


@pytest.mark.parametrize("similarity", [np.full(LEAST_SCORES, 0.5), np.arange(LEAST_SCORES - 1.0)])
def test_equal_or_few_similarities_give_no_limit(similarity: np.ndarray) -> None:
    assert outlier_limit(similarity) is None
