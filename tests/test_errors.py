"""The tree of errors."""

from __future__ import annotations

import pickle

import pytest

from imgvet import errors


@pytest.mark.parametrize("kind", errors.all_errors())
def test_an_error_crosses_a_process_boundary(kind: type[errors.ImgvetError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("This is wrong", "Do that")))
    assert type(copy) is kind
    assert str(copy) == "This is wrong. Do that."


@pytest.mark.parametrize("kind", errors.all_errors())
def test_the_tree_in_the_docstring_is_the_tree(kind: type[errors.ImgvetError]) -> None:
    assert f"+-- {kind.__name__} " in (errors.__doc__ or "")


def test_an_error_without_a_remedy_is_one_sentence() -> None:
    assert str(errors.ModelError("It broke")) == "It broke."
