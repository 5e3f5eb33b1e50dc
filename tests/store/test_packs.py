"""Packs, and the thumbnails in them."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from imgvet.errors import StaleReferenceError
from imgvet.store.packs import Packs, ThumbnailPlace, read_thumbnail


def rows(*digests: str) -> pa.Table:
    return pa.table({"digest": list(digests), "value": [len(digest) for digest in digests]})


def test_packs_give_back_what_was_written(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    first, second = packs.write(rows("a", "bb")), packs.write(rows("ccc"))
    assert packs.digests() == {"a", "bb", "ccc"}
    found = packs.read(["digest", "value"])
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
    assert packs.read(["digest"]).num_rows == 0
    assert packs.digests() == set()


def test_packs_hold_what_is_in_one_of_them_and_nothing_that_is_missing(tmp_path: Path) -> None:
    packs, asked = Packs(tmp_path), pd.Series(["a", None, "b", "c"], dtype="str")
    assert packs.hold(asked).tolist() == [False] * 4
    assert packs.hold(asked[:0]).dtype == bool
    for one in ("a", "b"):
        packs.write(rows(one))
    assert packs.hold(asked).tolist() == [True, False, True, False]


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


@pytest.mark.parametrize("damage", [b"PAR1 cut short", b"", b"rubbish inside"])
def test_every_kind_of_damage_removes_the_pack(tmp_path: Path, damage: bytes) -> None:
    packs = Packs(tmp_path)
    path = tmp_path / f"{packs.write(rows('a'))}.parquet"
    whole = path.read_bytes()
    # Its ends are those of a Parquet file, but not the list of its columns before the last 8 bytes.
    inside = whole[:-48] + bytes(255 - byte for byte in whole[-48:-8]) + whole[-8:]
    path.write_bytes(inside if damage == b"rubbish inside" else damage)
    assert packs.read(["digest"]).num_rows == 0
    assert not path.exists()


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """No file can be opened, as when a process has too many open files (EMFILE)."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    held = []
    try:
        with suppress(OSError):
            while True:
                held.append(os.dup(0))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in held:
            os.close(descriptor)


def test_a_pack_that_can_not_be_read_now_stays(tmp_path: Path) -> None:
    packs = Packs(tmp_path)
    packs.write(rows("a"))
    with no_descriptors_left(), pytest.raises(OSError, match="Too many open files"):
        packs.names()
    names = packs.names()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Packs, "names", lambda _: names)
        with no_descriptors_left(), pytest.raises(OSError, match="Too many open files"):
            packs.read(["digest"])
        with no_descriptors_left(), pytest.raises(OSError, match="Too many open files"):
            packs.digests()
    assert packs.digests() == {"a"}


def test_what_no_pack_holds_is_asked_for_in_vain(tmp_path: Path) -> None:
    packs = Packs(tmp_path / "embeddings-1")
    packs.require(["a", "b"], {"a", "b", "c"})
    with pytest.raises(StaleReferenceError, match=r"2 images in embeddings-1 are gone\. Run again"):
        packs.require(["a", "b", "c"], {"c"})


def test_a_pack_without_its_bytes_does_not_count(tmp_path: Path) -> None:
    packs = Packs(tmp_path, with_thumbnails=True)
    name = packs.write(rows("a"), [b"jpeg"])
    assert packs.digests() == {"a"}
    packs.thumbnails_path(name).unlink()
    assert packs.digests() == set()


def test_a_thumbnail_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    packs = Packs(tmp_path, with_thumbnails=True)
    name = packs.write(rows("a", "b"), [b"first", b"second"])
    assert read_thumbnail(packs, ThumbnailPlace("b", name, 5, 6)) == b"second"
    packs.thumbnails_path(name).write_bytes(b"firstsec")
    with pytest.raises(StaleReferenceError):
        read_thumbnail(packs, ThumbnailPlace("b", name, 5, 6))
