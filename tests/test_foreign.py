"""Text of others: visible, without secrets, and inert in Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.foreign import as_markdown, redacted, visible


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
