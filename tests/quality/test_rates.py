"""Rates of counts."""

from dataclasses import astuple
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imgvet.quality.counts import Rates, rates
from imgvet.summary import Counts

ZERO = Counts(**dict.fromkeys(Counts.model_fields, 0))


def counts(**given_counts: Any) -> Counts:
    return ZERO.model_copy(update=given_counts)


def test_each_rate_has_its_own_numerator_and_denominator() -> None:
    found = rates(
        counts(
            images=1000, valid=800, invalid=200, exact_duplicate_images=99,
            exact_duplicate_surplus=80, near_duplicate_images=40, near_duplicate_pairs=77,
            outliers=66, robust_outliers=8, dark=4, bright=2, blurry=1,
        )
    )  # fmt: skip
    assert found == Rates(
        valid=800, invalid_rate=0.2, duplicate_rate=0.1, near_duplicate_rate=0.05,
        dark_rate=0.005, bright_rate=0.0025, blurry_rate=0.00125, outlier_rate=0.01,
    )  # fmt: skip


def test_rates_over_no_images_are_zero() -> None:
    assert rates(ZERO) == Rates(0, *[0.0] * 7)


def test_all_invalid_is_a_rate_of_one() -> None:
    found = rates(counts(images=3, invalid=3))
    assert (found.valid, found.invalid_rate, found.dark_rate) == (0, 1.0, 0.0)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.data())
def test_rates_are_shares(valid: int, invalid: int, data: st.DataObject) -> None:
    parts = {
        name: data.draw(st.integers(0, valid), label=name)
        for name in ("exact_duplicate_surplus", "near_duplicate_images", "dark", "bright", "blurry")
    }
    found = rates(counts(images=valid + invalid, valid=valid, invalid=invalid, **parts))
    assert all(0.0 <= rate <= 1.0 for rate in astuple(found)[1:])
