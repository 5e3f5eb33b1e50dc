"""Numbers and foreign text in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.format import visible
from imgvet.reports import text


def test_a_number_and_its_unit_stay_on_one_line() -> None:
    assert text.share(1, 1_000_000) == "under 0.01\u00a0%"
    assert text.counted(2, "image") == "2\u00a0images"


def test_only_identity_reads_as_one() -> None:
    assert text.similarity(1.0) == "1"
    assert text.similarity(0.99999) == "0.999"
    assert text.similarity(0.29) == "0.290"


def test_a_size_of_a_file_is_that_of_the_terminal_on_one_line() -> None:
    assert text.file_size(736_000) == "736\u00a0kB"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.123, "0.12 s"), (12.34, "12.3 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_duration(seconds: float, words: str) -> None:
    assert text.duration(seconds).replace("\u00a0", " ") == words


def test_moment_keeps_what_is_no_time() -> None:
    assert text.moment("2026-01-02T03:04:05+00:00") == "2026-01-02 03:04:05 UTC"
    assert text.moment("2026-01-02T03:04:05") == "2026-01-02 03:04:05"
    assert text.moment("yester\nday") == "yester\\nday"


@given(st.text(max_size=80), st.integers(4, 50))
def test_labels_keep_both_ends(value: str, length: int) -> None:
    value, short = visible(value), text.label(value, length)
    assert len(short) <= length
    if len(value) > length:
        head, _, tail = short.rpartition("\u2026")
        assert head
        assert value.startswith(head)
        assert value.endswith(tail)
    else:
        assert short == value
