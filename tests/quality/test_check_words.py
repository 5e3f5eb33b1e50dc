"""Observed and allowed numbers in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.quality.checks import CHECK_BY_NAME, allowed_words, observed_words

RATE, IMAGES, VALUES = (
    CHECK_BY_NAME[name] for name in ("invalid_rate", "images_present", "measures_in_range")
)


@pytest.mark.parametrize(
    ("limit", "words"),
    [(0.01, "at most 1 %"), (0.07, "at most 7 %"), (0.125, "at most 12.5 %"), (0.0, "at most 0 %"),
     (1.0, "at most 100 %"), (0.00001, "at most 0.001 %")],
)  # fmt: skip
def test_allowed_rate(limit: float, words: str) -> None:
    assert allowed_words(RATE, limit) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0 %"), (0.0125, "1.25 %"), (1 / 3, "33.3 %"), (1.0, "100 %"), (0.01, "1 %"),
     (0.010004, "1.0004 %"), (0.0099999, "1 %"), (0.99999, "99.999 %"), (1e-7, "0.00001 %")],
)  # fmt: skip
def test_observed_rate(value: float, words: str) -> None:
    assert observed_words(RATE, value, 0.01) == words


def test_counts() -> None:
    assert allowed_words(IMAGES, 1) == "at least 1 image"
    assert allowed_words(IMAGES, 1000) == "at least 1,000 images"
    assert observed_words(IMAGES, 2560, 1) == "2,560 images"
    assert allowed_words(VALUES, 0) == "none"
    assert [observed_words(VALUES, count, 0) for count in (0, 1, 3)] == [
        "none", "1 value", "3 values",
    ]  # fmt: skip


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.sampled_from([0.0, 0.01, 0.02, 0.05, 1.0]))
def test_words_show_on_which_side_of_the_limit_a_rate_lies(
    part: int, of: int, limit: float
) -> None:
    rate = min(part, of) / of
    shown = float(observed_words(RATE, rate, limit).removesuffix(" %")) / 100
    assert (shown > limit) == (rate > limit)
    assert shown == pytest.approx(rate, rel=0.006, abs=0)
