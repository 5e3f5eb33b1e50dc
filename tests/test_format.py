"""Numbers, lists and foreign text in words, as every message of one line says them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.format import (
    as_markdown,
    counted,
    examples,
    listed,
    redacted,
    rough_percent,
    share,
    size_text,
    slug,
    table_text,
    visible,
)


def test_counted_agrees_with_its_number() -> None:
    assert [counted(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    assert counted(2, "copy", "copies") == "2 copies"


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0 %"),
        (0, 0, "0 %"),
        (10, 10, "100 %"),
        (1, 1_000_000, "under 0.01 %"),
        (1, 210, "0.48 %"),
        (999_999, 1_000_000, "over 99.99 %"),
        (996, 1000, "99.6 %"),
        (1, 80, "1.25 %"),
        (5, 100, "5 %"),
        (456, 1000, "45.6 %"),
    ],
)
def test_a_share_never_rounds_to_nothing_or_all(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 %"), (0.00123, "0.12 %"), (0.0456, "4.6 %"), (0.5, "50 %"), (0.9987, "99.9 %")],
)
def test_rough_percent_has_two_digits_or_so(value: float, text: str) -> None:
    assert rough_percent(value) == text


def test_examples_are_few_and_quoted() -> None:
    assert examples(["a.jpg"]) == "'a.jpg'"
    assert examples([1, 2, 3, 4], most=2) == "1, 2, ..."
    assert examples(["x" * 500]).endswith("x'")
    assert len(examples(["x" * 500])) < 130


@pytest.mark.parametrize(
    ("words", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_listed_is_a_sentence(words: list[str], text: str) -> None:
    assert listed(words) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "size unknown"),
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (4_254, "4.25 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (4_254_736, "4.25 MB"),
        (88_500_000, "88.5 MB"),
        (99_960_000, "100 MB"),
        (102_576_419, "103 MB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1 GB"),
        (1_220_000_000, "1.22 GB"),
        (7 * 10**15, "7,000 TB"),
    ],
)
def test_sizes_are_readable(size: int | None, text: str) -> None:
    assert size_text(size) == text


def test_a_slug_that_loses_letters_is_no_other_ones() -> None:
    assert slug("My Cats & Dogs/2") == "my-cats-dogs-2"
    assert slug("日本") != slug("中国")
    assert slug("日本").startswith("dataset-")
    assert slug("日本 a") != slug("中国 a")
    assert slug("日本 a").startswith("a-")


def test_a_table_has_its_columns_below_each_other() -> None:
    rows = [("NAME", "SIZE", ""), ("a", "1", "x"), ("longer", "1,000", "")]
    assert table_text(rows, "<><") == "NAME     SIZE\na           1  x\nlonger  1,000"


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_visible_text_can_be_printed_and_encoded(value: str) -> None:
    shown = visible(value)
    assert all(letter.isprintable() or letter in "\u200c\u200d" for letter in shown)
    shown.encode("utf-8")


def test_visible_spells_out_what_could_deceive() -> None:
    assert visible("a\nb\u202ec\udcff") == "a\\nb\\u202ec\\udcff"
    assert visible("Zażółć 图片 می\u200cخواهم.jpg") == "Zażółć 图片 می\u200cخواهم.jpg"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://AK:secret@bucket/a@b", "s3://***@bucket/a@b"),
        ("json://user:p@ss@host/x?token=1 is", "json://***@host/x?token=*** is"),
        ("https://a/b?X-Amz-Signature=abc&x=1", "https://a/b?X-Amz-Signature=***&x=1"),
        ("a.jpg?AWSAccessKeyId=x'", "a.jpg?AWSAccessKeyId=***'"),
        ("/photos/me@home.jpg", "/photos/me@home.jpg"),
        ("minio://host:9000/bucket/a@b", "minio://host:9000/bucket/a@b"),
    ],
)
def test_what_is_secret_in_an_address_is_left_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_markdown_shows_a_name_as_it_is() -> None:
    name = "a](javascript:x) `b`\n# <img>"
    assert as_markdown(name) == (r"a\]\(javascript\:x\) \`b\`\\n\# \<img\>")
