"""Counts of counts, and the tests that compare them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from imgvet.monitor.portion import (
    LEAST_BATCHES,
    Portion,
    common_level,
    p_of_least_rise,
    p_of_rise,
    spread,
)

portions = st.integers(0, 400).flatmap(
    lambda of: st.builds(Portion, st.integers(0, of), st.just(of))
)


@settings(deadline=None, max_examples=50)
@given(portions, portions)
def test_the_probability_is_between_fishers_for_this_count_and_for_more(
    new: Portion, reference: Portion
) -> None:
    assume(new.of and reference.of)
    table = [[new.count, new.of - new.count], [reference.count, reference.of - reference.count]]
    so_high = fisher_exact(table, alternative="greater").pvalue
    higher = 1 - fisher_exact(table, alternative="less").pvalue
    assert p_of_rise(new, reference) == pytest.approx((so_high + higher) / 2, rel=1e-6, abs=1e-9)


def test_a_rate_of_nothing_proves_nothing() -> None:
    assert p_of_rise(Portion(0, 0), Portion(5, 100)) == 1
    assert p_of_rise(Portion(5, 5), Portion(0, 0)) == 1


def test_a_small_reference_convinces_less() -> None:
    new = Portion(100, 1000)
    assert p_of_rise(new, Portion(5, 100)) > 10 * p_of_rise(new, Portion(500, 10_000))


def test_batches_drawn_at_random_have_no_spread() -> None:
    rng = np.random.default_rng(1)
    batches = [Portion(int(count), 500) for count in rng.binomial(500, 0.05, 30)]
    assert spread(batches) == 1


def test_spread_is_the_multiple_of_the_variance() -> None:
    rng = np.random.default_rng(2)
    rates = rng.beta(5, 95, 400)  # variance of a batch of 500: about 1 + 499 / 101 times binomial
    batches = [Portion(int(rng.binomial(500, rate)), 500) for rate in rates]
    assert spread(batches) == pytest.approx(1 + 499 / 101, rel=0.25)
    assert spread(batches[: LEAST_BATCHES - 1]) == 1


@given(portions, st.floats(1, 50))
def test_shrinking_keeps_a_portion_possible(portion: Portion, factor: float) -> None:
    small = portion.shrunk(factor)
    assert 0 <= small.count <= small.of <= portion.of


@settings(deadline=None, max_examples=50)
@given(portions, portions, st.floats(0.001, 0.5))
def test_the_least_rise_is_the_least_that_is_enough(
    new: Portion, reference: Portion, difference: float
) -> None:
    both = new + reference
    if not new.of or not reference.of:
        return
    enough = [
        Portion(count, new.of)
        for count in range(max(0, both.count - reference.of), min(new.of, both.count) + 1)
        if count / new.of - (both.count - count) / reference.of >= difference + 1e-7
    ]
    bound = p_of_least_rise(new, reference, difference)
    if enough:
        rest = Portion(both.count - enough[0].count, reference.of)
        assert bound >= p_of_rise(enough[0], rest) * (1 - 1e-9)
    assert bound <= 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.0001, 0.1))
def test_the_common_level_spends_the_budget_and_no_more(bounds: list[float], budget: float) -> None:
    level = common_level(bounds, budget)
    assert level >= budget / len(bounds) * (1 - 1e-9)
    spent = sum(min(level, bound) for bound in bounds)
    assert spent <= budget * (1 + 1e-9)
    if max(bounds) > level:
        assert spent == pytest.approx(budget)
