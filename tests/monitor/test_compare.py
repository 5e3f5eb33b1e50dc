"""Drift of metrics and of embeddings, as runs are compared."""

from __future__ import annotations

import numpy as np
import pytest

from imgvet.monitor.compare import LEAST_IMAGES, embedding_drift, value_drift


def test_drift_of_a_metric_is_the_share_of_images_that_lie_elsewhere() -> None:
    before = np.arange(100.0)
    after = np.append(np.where(before < 40, before + 500, before), np.nan)
    drift = value_drift(before, after)
    assert drift is not None
    assert drift.score == pytest.approx(0.4)
    assert drift.p_value < 1e-5


def test_probabilities_hold_for_the_sizes_of_samples() -> None:
    rng = np.random.default_rng(0)
    for count in (LEAST_IMAGES, 1234, 1999, 2000):
        for shift in (0.0, 3.0):
            drift = value_drift(rng.normal(size=2000), rng.normal(shift, 1, count))
            assert drift is not None
            assert (drift.p_value < 1e-6) == (shift > 0)


def test_whole_numbers_with_many_ties_do_not_drift_by_themselves() -> None:
    rng = np.random.default_rng(1)
    p_values = [
        drift.p_value
        for _ in range(100)
        if (drift := value_drift(rng.binomial(3, 0.5, 200) * 1.0, rng.binomial(3, 0.5, 200) * 1.0))
    ]
    assert len(p_values) == 100
    assert np.mean(np.array(p_values) < 0.05) <= 0.05


def test_embeddings_of_the_same_kind_do_not_drift() -> None:
    rng = np.random.default_rng(2)
    p_values = [
        drift.p_value
        for _ in range(200)
        if (drift := embedding_drift(rng.normal(size=(200, 8)), rng.normal(size=(60, 8))))
    ]
    assert np.mean(np.array(p_values) < 0.05) <= 0.09  # 0.05 and three standard errors


def test_another_subject_is_told_apart_and_so_is_a_part_of_the_old_ones() -> None:
    rng = np.random.default_rng(3)
    subjects = np.eye(8)[rng.integers(4, size=800)] + rng.normal(scale=0.2, size=(800, 8))
    other = np.eye(8)[6] + rng.normal(scale=0.2, size=(100, 8))
    only_one = np.eye(8)[0] + rng.normal(scale=0.2, size=(100, 8))
    for new in (other, only_one):
        drift = embedding_drift(subjects, new)
        assert drift is not None
        assert drift.score > 0.6
        assert drift.p_value < 1e-6


def test_equal_embeddings_do_not_drift() -> None:
    drift = embedding_drift(np.ones((50, 4)), np.ones((50, 4)))
    assert drift is not None
    assert (drift.score, drift.p_value) == (0, 1)


def test_of_few_images_nothing_is_said() -> None:
    few, many = np.arange(LEAST_IMAGES - 1.0), np.arange(100.0)
    assert value_drift(many, few) is None
    assert embedding_drift(many[:, None], few[:, None]) is None
