"""Counts of counts, and the tests that compare them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from imgvet.monitor.rates import LEAST_BATCHES, Proportion, p_of_rise, spread

proportions = st.integers(0, 400).flatmap(
    lambda of: st.builds(Proportion, st.integers(0, of), st.just(of))
)


def fishers(new: Proportion, reference: Proportion) -> float:
    """Fisher's exact probability of so many among the new images or more; 0 if not possible."""
    table = [[new.count, new.of - new.count], [reference.count, reference.of - reference.count]]
    if any(number < 0 for row in table for number in row):
        return 0.0
    return float(fisher_exact(table, alternative="greater").pvalue)


@settings(max_examples=50)
@given(proportions, proportions)
def test_the_probability_lies_midway_between_fishers(
    new: Proportion, reference: Proportion
) -> None:
    assume(new.of and reference.of)
    one_more = Proportion(new.count + 1, new.of), Proportion(reference.count - 1, reference.of)
    expected = (fishers(new, reference) + fishers(*one_more)) / 2
    assert p_of_rise(new, reference) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_few_new_outliers_of_few_images_are_told_of() -> None:
    # The level of the default: 0.01, four fifths of it for 14 questions about rates.
    assert p_of_rise(Proportion(19, 260), Proportion(1, 160)) < 0.8 * 0.01 / 14


def test_a_rate_of_nothing_proves_nothing() -> None:
    assert p_of_rise(Proportion(0, 0), Proportion(5, 100)) == 1
    assert p_of_rise(Proportion(5, 5), Proportion(0, 0)) == 1


def test_a_small_reference_convinces_less() -> None:
    new = Proportion(100, 1000)
    assert p_of_rise(new, Proportion(5, 100)) > 10 * p_of_rise(new, Proportion(500, 10_000))


def test_batches_drawn_at_random_have_no_spread() -> None:
    rng = np.random.default_rng(1)
    batches = [Proportion(int(count), 500) for count in rng.binomial(500, 0.05, 30)]
    assert spread(batches) == 1


def test_spread_is_the_multiple_of_the_variance() -> None:
    rng = np.random.default_rng(2)
    rates = rng.beta(5, 95, 400)  # variance of a batch of 500: about 1 + 499 / 101 times binomial
    batches = [Proportion(int(rng.binomial(500, rate)), 500) for rate in rates]
    assert spread(batches) == pytest.approx(1 + 499 / 101, rel=0.25)
    assert spread(batches[: LEAST_BATCHES - 1]) == 1


@given(proportions, st.floats(1, 50))
def test_shrinking_keeps_a_proportion_possible(whole: Proportion, factor: float) -> None:
    small = whole.shrunk(factor)
    assert 0 <= small.count <= small.of <= whole.of
