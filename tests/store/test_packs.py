"""Packs and the file index."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pytest

from imgvet.errors import StaleReferenceError
from imgvet.store.files import FileIndex, FileKey
from imgvet.store.packs import Packs
from imgvet.store.thumbnails import ThumbnailPlace, read_thumbnail


def rows(*digests: str) -> pa.Table:
    return pa.table({"digest": list(digests), "value": [len(digest) for digest in digests]})


def test_packs_give_back_what_was_written(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    first, second = packs.write(rows("a", "bb")), packs.write(rows("ccc"))
    assert packs.digests() == {"a", "bb", "ccc"}
    found = packs.read(["digest", "value"])
    assert found is not None
    assert sorted(found.to_pylist(), key=lambda row: row["digest"]) == [
        {"digest": "a", "value": 1, "pack": first},
        {"digest": "bb", "value": 2, "pack": first},
        {"digest": "ccc", "value": 3, "pack": second},
    ]


def test_writing_the_same_pack_twice_changes_nothing(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    assert packs.write(rows("a")) == packs.write(rows("a"))
    assert len(list(tmp_path.iterdir())) == 1


def test_an_empty_store_holds_nothing(tmp_path: Path) -> None:
    packs = Packs(tmp_path / "none")
    assert packs.read() is None
    assert packs.digests() == set()


def test_a_damaged_pack_is_removed_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    packs = Packs(tmp_path)
    name = packs.write(rows("a"))
    packs.write(rows("b"))
    (tmp_path / f"{name}.parquet").write_bytes(b"PAR1 cut short")
    with caplog.at_level(logging.WARNING):
        assert packs.digests() == {"b"}
    assert "computed again" in caplog.text
    assert packs.names() != []


def test_a_pack_without_its_bytes_does_not_count(tmp_path: Path) -> None:
    packs = Packs(tmp_path, with_blobs=True)
    name = packs.write(rows("a"), [b"jpeg"])
    assert packs.digests() == {"a"}
    packs.blob_path(name).unlink()
    assert packs.digests() == set()


def test_a_thumbnail_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    packs = Packs(tmp_path, with_blobs=True)
    name = packs.write(rows("a", "b"), [b"first", b"second"])
    assert read_thumbnail(packs, ThumbnailPlace("b", name, 5, 6)) == b"second"
    packs.blob_path(name).write_bytes(b"firstsec")
    with pytest.raises(StaleReferenceError):
        read_thumbnail(packs, ThumbnailPlace("b", name, 5, 6))


def test_the_file_index_grows_by_parts_and_merges(tmp_path: Path) -> None:
    index = FileIndex(tmp_path)
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
    assert len(list(tmp_path.iterdir())) == 1
    assert index.load() == known
    index.compact()
    assert index.load() == known
