"""Numbers and lists in words."""

from __future__ import annotations

import pytest

from imgvet.format import counted, examples, listed, percent, rough_percent


def test_a_number_and_its_noun() -> None:
    assert [counted(n, "image") for n in (0, 1, 2000)] == ["0 images", "1 image", "2,000 images"]
    assert counted(2, "box", "boxes") == "2 boxes"


def test_shares_in_percent() -> None:
    assert (percent(1, 3), percent(0, 0), percent(0.5)) == ("33.33 %", "0.00 %", "50.00 %")


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0 %"),
        (0.0042, "0.42 %"),
        (0.042, "4.2 %"),
        (0.42, "42 %"),
        (0.995, "99.5 %"),
        (1, "100 %"),
    ],
)
def test_shares_in_a_sentence(share: float, said: str) -> None:
    assert rough_percent(share) == said


def test_examples_are_few_and_keep_their_end() -> None:
    assert examples(["a", "b"]) == "'a', 'b'"
    assert examples("abcd") == "'a', 'b', 'c', ..."
    long = examples(["x" * 500 + "end.jpg"])
    assert long.endswith("end.jpg'")
    assert len(long) < 130


def test_words_in_a_sentence() -> None:
    assert [listed(words) for words in ((), "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
