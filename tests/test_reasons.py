"""The catalogue of reasons."""

from __future__ import annotations

import re

from imgvet.reasons import Reason


def test_every_reason_has_a_meaning_of_its_own() -> None:
    assert len({reason.meaning for reason in Reason}) == len(Reason)


def test_codes_are_words_that_need_no_quotes() -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", reason.value) for reason in Reason)
