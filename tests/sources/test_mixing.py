"""Compressed inputs and loose images do not mix."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgvet.errors import MixedInputError
from imgvet.options import SourceOptions
from imgvet.sources.listing import compressed_inputs, list_items
from imgvet.workdir import WorkDir


def options_of(folder: Path, *names: str, tar_only: bool = False) -> SourceOptions:
    for name in names:
        (folder / name).write_bytes(b"x")
    return SourceOptions(input_dir=(str(folder),), tar_only=tar_only)


def test_only_a_mixture_is_refused_and_the_message_counts_and_shows_both(tmp_path: Path) -> None:
    options = options_of(tmp_path, "a.mp4", "b.tar", "notes.txt")
    found = compressed_inputs(options)
    assert found == ((str(tmp_path / "b.tar"),), (str(tmp_path / "a.mp4"),))
    options_of(tmp_path, "c.jpg")
    for work in (compressed_inputs, lambda given: list_items(given, {}, WorkDir(tmp_path / "out"))):
        with pytest.raises(MixedInputError, match=r"tar_only=True") as refused:
            work(options)
        assert "(2, such as " in str(refused.value)
        assert f"(1, such as {tmp_path / 'c.jpg'})" in str(refused.value)


def test_loose_images_are_ignored_if_only_archives_are_wanted(tmp_path: Path) -> None:
    options = options_of(tmp_path, "a.mp4", "b.tar", "c.jpg", tar_only=True)
    assert compressed_inputs(options)[0] == (str(tmp_path / "b.tar"),)
    listed = list_items(options, {}, WorkDir(tmp_path / "out")).column("path").to_pylist()
    assert listed == [str(tmp_path / "a.mp4"), str(tmp_path / "b.tar")]


def test_loose_images_alone_are_no_mixture(tmp_path: Path) -> None:
    assert compressed_inputs(options_of(tmp_path, "a.jpg", "b.jpg")) == ((), ())
