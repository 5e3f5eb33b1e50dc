"""What the store forgets, and how packs stay few."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest

from imgvet.measures.collect import item_tables, with_reads
from imgvet.measures.compute_stats import measure_files
from imgvet.options import MediaOptions, SourceOptions, VideoOptions
from imgvet.sources.inputs import list_items
from imgvet.sources.listing import with_digests
from imgvet.store import compact as module
from imgvet.store.compact import SMALL_PACKS, compact, mark_used
from imgvet.store.files import FileToRead
from imgvet.store.packs import Packs, Thumbnails
from imgvet.store.references import digest_bytes
from imgvet.store.store import Store
from imgvet.workdir import WorkDir
from support.pictures import age, jpeg, scene

START = dt.date(2026, 1, 1)
KEPT_PER_DAY = 2
UNUSED_DAYS = 10


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(module, "PACK_ITEMS", 20)
    return Store(WorkDir(tmp_path / "out"))


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def look(folder: Path, store: Store, today: dt.date) -> list[str]:
    """What a run does with the store; returns the digests of the images."""
    listing = list_items(SourceOptions(input_dir=(str(folder),)), store.work)
    listing = with_digests(listing, store.files.load())
    known = store.measures.digests()
    rows = [row for row in listing.to_pylist() if row["digest"] not in known]
    files = [
        FileToRead(row["id"], row["filename"], row["file_size"], row["mtime_ns"]) for row in rows
    ]
    reads = measure_files(files, store, VideoOptions(), 1)
    items = item_tables(with_reads(listing, [reads]), store, MediaOptions()).items
    mark_used(store.work, items["digest"], today)
    compact(store, today, UNUSED_DAYS)
    return items["digest"].tolist()


def test_a_dataset_watched_daily_keeps_few_packs_and_no_images_that_are_long_gone(
    store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "stays.jpg").write_bytes(jpeg(scene(0, 60, 70)))
    age(folder / "stays.jpg")
    first = ""
    for number in range(3 * UNUSED_DAYS):
        for older in folder.glob("new*"):
            older.unlink()
        for which in range(KEPT_PER_DAY):
            path = folder / f"new{which}.jpg"
            path.write_bytes(jpeg(scene(KEPT_PER_DAY * number + which + 1, 60, 70)))
            age(path)
        digests = look(folder, store, day(number))
        first = first or digests[0]
        thumbnails = Thumbnails(store.measures)
        assert all(thumbnails.read(digest) for digest in digests)
    held = store.measures.digests()
    recent = KEPT_PER_DAY * (UNUSED_DAYS + 1) + 1
    assert recent <= len(held) <= 2 * recent
    assert len(store.measures.names()) <= SMALL_PACKS + recent // 10
    assert first not in held
    assert len(store.files.load()) == recent
    files = {path.suffix for path in store.measures.folder.iterdir()}
    assert files == {".parquet", ".bin"}
    size = sum(path.stat().st_size for path in store.measures.folder.glob("*.bin"))
    assert size == sum(len(thumbnails.read(digest) or b"") for digest in held)
    assert look(folder, store, day(3 * UNUSED_DAYS)) == digests


def write(store: Store, *digests: str) -> Packs:
    packs = store.measures
    rows = module.pa.table(
        {
            "digest": list(digests),
            "thumbnail_offset": [2 * place for place in range(len(digests))],
            "thumbnail_size": [2] * len(digests),
        }
    )
    packs.write(rows, [digest.encode().rjust(2) for digest in digests])
    return packs


def test_small_packs_are_merged_when_there_are_many(store: Store) -> None:
    for number in range(SMALL_PACKS):
        packs = write(store, f"{number}")
    before = packs.names()
    compact(store, START)
    assert packs.names() == before
    write(store, "8", "3")
    compact(store, START)
    (merged,) = packs.names()
    assert sorted(packs.read(["digest"])["digest"].to_pylist()) == [
        f"{number}" for number in range(9)
    ]
    thumbnails = Thumbnails(packs)
    assert [thumbnails.read(f"{number}") for number in range(9)] == [
        f" {number}".encode() for number in range(9)
    ]
    compact(store, START)
    assert packs.names() == [merged]


def test_a_full_pack_stays_until_more_than_half_of_it_is_gone(store: Store) -> None:
    digests = [f"{number}" for number in range(10, 30)]
    packs = write(store, *digests)
    before = packs.names()
    mark_used(store.work, digests, START)
    mark_used(store.work, digests[:10], day(UNUSED_DAYS + 1))
    compact(store, day(UNUSED_DAYS + 1), UNUSED_DAYS)
    assert packs.names() == before
    mark_used(store.work, digests[:9], day(UNUSED_DAYS + 2))
    compact(store, day(2 * UNUSED_DAYS + 2), UNUSED_DAYS)
    assert packs.digests() == set(digests[:9])
    compact(store, day(9 * UNUSED_DAYS), UNUSED_DAYS)
    assert packs.digests() == set()
    assert list(packs.folder.iterdir()) == []


def test_what_an_interruption_left_is_harmless_and_goes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(SMALL_PACKS + 1):
        packs = write(store, f"{number}")
    with monkeypatch.context() as patched:
        patched.setattr(Packs, "keep_only", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            compact(store, START)
    assert len(packs.names()) == SMALL_PACKS + 2
    (packs.folder / ".left.tmp").write_bytes(b"")
    packs.thumbnails_path("without-a-table").write_bytes(b"")
    thumbnails = Thumbnails(packs)
    assert all(thumbnails.read(digest) for digest in packs.digests())
    compact(store, START)
    assert len(packs.names()) == 1
    assert len(list(packs.folder.iterdir())) == 2
    assert len(packs.digests()) == SMALL_PACKS + 1


def test_thumbnails_that_are_cut_are_made_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(SMALL_PACKS + 1):
        packs = write(store, f"{number}")
    packs.thumbnails_path(packs.names()[3]).write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        compact(store, START)
    assert "computed again" in caplog.text
    assert len(packs.digests()) == SMALL_PACKS


def test_packs_of_another_version_go_and_those_of_other_models_stay(store: Store) -> None:
    other = store.embeddings(digest_bytes(b"another model"))
    other.write(module.pa.table({"digest": ["a"]}))
    outdated = [store.work.store / name for name in ("measures-0", "embeddings-0-abc", "files")]
    for folder in outdated:
        folder.mkdir()
    compact(store, START)
    assert other.digests() == {"a"}
    assert not any(folder.exists() for folder in outdated)
