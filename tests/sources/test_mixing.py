"""Compressed inputs and loose images do not mix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.errors import MixedInputError
from imgvet.sources.kinds import COMPRESSED, Kind
from imgvet.sources.mixing import Mixture, is_ignored, refuse_mixture


def mixture(kinds: list[Kind]) -> Mixture:
    found = Mixture()
    for number, kind in enumerate(kinds):
        found = found.with_file(f"{number}.{kind.name}", kind)
    return found


@given(st.lists(st.sampled_from(Kind), max_size=20))
def test_only_a_mixture_is_refused(kinds: list[Kind]) -> None:
    mixed = Kind.IMAGE in kinds and not COMPRESSED.isdisjoint(kinds)
    refuse_mixture(mixture(kinds), tar_only=True)
    if not mixed:
        refuse_mixture(mixture(kinds), tar_only=False)
        return
    with pytest.raises(MixedInputError, match=r"tar_only=True"):
        refuse_mixture(mixture(kinds), tar_only=False)


def test_the_message_counts_and_shows_both() -> None:
    found = mixture([Kind.VIDEO, Kind.ARCHIVE, Kind.IMAGE])
    with pytest.raises(MixedInputError) as refused:
        refuse_mixture(found, tar_only=False)
    assert "(2, such as 0.VIDEO)" in str(refused.value)
    assert "(1, such as 2.IMAGE)" in str(refused.value)


def test_only_loose_images_are_ignored() -> None:
    ignored = {kind for kind in Kind if is_ignored(kind, tar_only=True)}
    assert ignored == {Kind.IMAGE}
    assert not any(is_ignored(kind, tar_only=False) for kind in Kind)
