"""The file index: what it knows, merges and forgets."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pytest

from imgvet.store.files import FILE_KEY, SCHEMA, FileIndex, FileKey
from imgvet.store.packs import DIGEST


@pytest.fixture
def index(tmp_path: Path) -> FileIndex:
    return FileIndex(tmp_path)


def part(digests: dict[FileKey, str]) -> pa.Table:
    rows = [{**key._asdict(), DIGEST: digest} for key, digest in digests.items()]
    return pa.Table.from_pylist(rows, SCHEMA)


def known(index: FileIndex) -> dict[FileKey, str]:
    rows = pa.Table.from_pandas(index.load(), SCHEMA, preserve_index=False)
    keys = map(FileKey, *(rows[name].to_pylist() for name in FILE_KEY))
    return dict(zip(keys, rows[DIGEST].to_pylist(), strict=True))


def test_the_file_index_grows_by_parts_and_merges(index: FileIndex) -> None:
    first = {FileKey("a", 1, 10): "x"}
    second = {FileKey("b", 2, 20): "y", FileKey("a", 1, 10, "v2"): "z"}
    for one in (first, second, {}):
        index.add(part(one))
    assert known(index) == first | second
    index.compact()
    assert len(list(index.folder.iterdir())) == 1
    assert known(index) == first | second
    index.compact(frozenset("y"))
    assert known(index) == first | {FileKey("a", 1, 10, "v2"): "z"}


@pytest.mark.parametrize("use", [FileIndex.load, FileIndex.digests, FileIndex.compact])
def test_a_damaged_part_is_forgotten_and_said(
    index: FileIndex, use: object, caplog: pytest.LogCaptureFixture
) -> None:
    index.add(part({FileKey("a", 1, 10): "x"}))
    (damaged,) = index.folder.iterdir()
    index.add(part({FileKey("b", 2, 20): "y"}))
    damaged.write_bytes(b"PAR1 cut short")
    with caplog.at_level(logging.WARNING):
        use(index)
    assert f"{damaged} is damaged" in caplog.text
    assert known(index) == {FileKey("b", 2, 20): "y"}
    assert not damaged.exists()


def test_the_version_of_a_remote_file_is_known(index: FileIndex) -> None:
    index.add(part({FileKey("s3://b/a.jpg", 1, 10, "e1"): "x", FileKey("/a.jpg", 1, 10): "y"}))
    assert index.version_of("s3://b/a.jpg") == "e1"
    assert index.version_of("s3://b/b.jpg") == ""
