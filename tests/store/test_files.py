"""The file index: what it knows, merges and forgets."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from imgvet.store.files import FileIndex, FileKey


@pytest.fixture
def index(tmp_path: Path) -> FileIndex:
    return FileIndex(tmp_path)


def test_the_file_index_grows_by_parts_and_merges(index: FileIndex) -> None:
    index.add({FileKey("a", 1, 10): "x"})
    index.add({FileKey("b", 2, 20): "y", FileKey("a", 1, 10, "v2"): "z"})
    index.add({})
    known = {
        FileKey("a", 1, 10): "x",
        FileKey("b", 2, 20): "y",
        FileKey("a", 1, 10, "v2"): "z",
    }
    assert index.load() == known
    index.compact()
    assert len(list(index.folder.iterdir())) == 1
    assert index.load() == known
    index.compact()
    assert index.load() == known


@pytest.mark.parametrize("use", [FileIndex.load, FileIndex.digests, FileIndex.compact])
def test_a_damaged_part_is_forgotten_and_said(
    index: FileIndex, use: object, caplog: pytest.LogCaptureFixture
) -> None:
    index.add({FileKey("a", 1, 10): "x"})
    (damaged,) = index.folder.iterdir()
    index.add({FileKey("b", 2, 20): "y"})
    damaged.write_bytes(b"PAR1 cut short")
    with caplog.at_level(logging.WARNING):
        use(index)
    assert f"{damaged} is damaged" in caplog.text
    assert index.load() == {FileKey("b", 2, 20): "y"}
    assert not damaged.exists()


def test_the_version_of_a_remote_file_is_known(index: FileIndex) -> None:
    index.add({FileKey("s3://b/a.jpg", 1, 10, "e1"): "x", FileKey("/a.jpg", 1, 10): "y"})
    assert index.version_of("s3://b/a.jpg") == "e1"
    assert index.version_of("s3://b/b.jpg") == ""
