"""Stage compute_stats on planted files, and the tables made of it."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pyarrow as pa
import pytest

from imgvet.errors import StaleReferenceError
from imgvet.images.picture import decode_thumbnail
from imgvet.measures import compute_stats as module
from imgvet.measures.collect import ItemTables, item_tables, stats_table, with_reads
from imgvet.measures.compute_stats import ContentClaims, measure_files, measure_thumbnails
from imgvet.metrics import BASIC_METRICS
from imgvet.options import MediaOptions, SourceOptions, StatsOptions, VideoOptions
from imgvet.progress import Progress
from imgvet.sources.inputs import list_items
from imgvet.sources.listing import with_digests
from imgvet.store.files import FileToRead
from imgvet.store.packs import DIGEST, Thumbnails, places_in
from imgvet.store.references import digest_bytes
from imgvet.store.store import Store
from imgvet.workdir import WorkDir
from support.pictures import age, jpeg, png, scene


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(WorkDir(tmp_path / "out"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two copies of one picture, another, a tiny one, a cut one, an empty one and a text."""
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(jpeg(scene(1)))
    (photos / "b.jpg").write_bytes(jpeg(scene(1)))
    (photos / "c.png").write_bytes(png(scene(2, 600, 500)))
    (photos / "d.png").write_bytes(png(scene(3, 8, 40)))
    (photos / "e.jpg").write_bytes(jpeg(scene(4))[:5000])
    (photos / "f.jpg").write_bytes(b"")
    (photos / "g.jpg").write_bytes(b"not a picture at all")
    return photos


def measure(folder: Path, store: Store, threads: int = 2) -> tuple[pa.Table, pa.Table]:
    listing = list_items(SourceOptions(input_dir=(str(folder),)), store.work)
    listing = with_digests(listing, store.files.load())
    rows = [row for row in listing.to_pylist() if row["status"] == "ok" and row["digest"] is None]
    files = [
        FileToRead(row["id"], row["filename"], row["file_size"], row["mtime_ns"]) for row in rows
    ]
    return listing, measure_files(files, store, VideoOptions(), threads)


def collected(folder: Path, store: Store, options: MediaOptions | None = None) -> ItemTables:
    listing, reads = measure(folder, store)
    return item_tables(with_reads(listing, [reads]), store, options or MediaOptions())


def test_every_file_ends_in_a_row_with_a_reason(folder: Path, store: Store) -> None:
    found = collected(folder, store)
    status = found.items.set_index(found.items["filename"].map(lambda name: Path(name).name))[
        "status"
    ]
    assert status.to_dict() == {
        "a.jpg": "ok",
        "b.jpg": "ok",
        "c.png": "ok",
        "d.png": "too_small",
        "e.jpg": "truncated",
        "f.jpg": "empty_file",
        "g.jpg": "not_an_image",
    }
    assert found.invalid["id"].tolist() == [3, 4, 5, 6]
    assert found.invalid["detail"].iloc[0] == "8x40 pixels"
    assert found.invalid["detail"].map(len).min() > 0


def test_copies_share_one_content_and_one_embedding_row(folder: Path, store: Store) -> None:
    found = collected(folder, store)
    rows = found.items["embedding_row"]
    assert rows.iloc[:3].tolist() == [0, 0, 1]
    assert rows.iloc[3:].isna().all()
    assert found.contents[["id", "copies"]].to_numpy().tolist() == [[0, 2], [2, 1]]


def test_a_few_small_pictures_are_decoded_by_one_process(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read_each = module.read_each
    monkeypatch.setattr(
        module,
        "read_each",
        lambda files, reader, use, threads: (
            asked.append(threads) or read_each(files, reader, use, threads)
        ),
    )
    measure(folder, store, threads=4)
    size = sum(path.stat().st_size for path in folder.iterdir())
    monkeypatch.setattr(module, "_WORTH_A_DECODER", size // 2)
    measure(folder, Store(WorkDir(store.work.path.with_name("other"))), threads=4)
    monkeypatch.setattr(module, "_WORTH_A_DECODER", 1)
    measure(folder, Store(WorkDir(store.work.path.with_name("third"))), threads=4)
    assert asked == [1, 3, 4]


def test_the_size_limit_is_not_part_of_what_is_stored(folder: Path, store: Store) -> None:
    assert collected(folder, store).items["status"].iloc[3] == "too_small"
    options = MediaOptions(min_input_image_width=1, min_input_image_height=1)
    assert collected(folder, store, options).items["status"].iloc[3] == "ok"


def test_digests_are_those_of_the_bytes(folder: Path, store: Store) -> None:
    found = collected(folder, store)
    assert found.items["digest"].iloc[2] == digest_bytes((folder / "c.png").read_bytes())


def test_stats_have_a_full_row_for_each_valid_image(folder: Path, store: Store) -> None:
    stats = stats_table(collected(folder, store).items, store, StatsOptions())
    assert stats["id"].tolist() == [0, 1, 2]
    assert stats[["width", "height"]].iloc[2].tolist() == [600, 500]
    assert stats[[metric.name for metric in BASIC_METRICS]].notna().all(axis=None)
    assert stats["edge_density"].isna().all()


def test_measures_that_are_lost_make_no_image_unreadable(folder: Path, store: Store) -> None:
    listing, reads = measure(folder, store)
    rows = with_reads(listing, [reads])
    items = item_tables(rows, store, MediaOptions()).items
    for name in store.measures.names():
        store.measures.thumbnails_path(name).unlink()
    with pytest.raises(StaleReferenceError, match="6 images in measures"):
        item_tables(rows, store, MediaOptions())
    with pytest.raises(StaleReferenceError, match="3 images in measures"):
        stats_table(items, store, StatsOptions())


def test_no_stats_when_none_are_asked_for(folder: Path, store: Store) -> None:
    assert stats_table(collected(folder, store).items, store, StatsOptions(run_stats=False)).empty


def test_advanced_metrics_come_from_thumbnails_alone(folder: Path, store: Store) -> None:
    found = collected(folder, store)
    for path in folder.iterdir():
        path.unlink()
    places = places_in(found.contents)
    measure_thumbnails(places, store, 2, Progress("compute_advanced_stats", 0, len(places)))
    stats = stats_table(found.items, store, StatsOptions(run_advanced_stats=True))
    assert stats["edge_density"].notna().all()
    assert stats["mean_hue"].iloc[0] == stats["mean_hue"].iloc[1]


def test_the_thumbnail_is_the_picture_at_short_side_256(folder: Path, store: Store) -> None:
    found = collected(folder, store)
    data = Thumbnails(store.measures).read(found.items["digest"].iloc[2])
    assert data is not None
    thumbnail = decode_thumbnail(data)
    assert thumbnail.shape == (256, 307, 3)
    expected = cv2.resize(scene(2, 600, 500), (307, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(thumbnail.astype(int) - expected).mean() < 12


def test_an_unchanged_file_is_recognised_and_a_touched_one_read_again(
    folder: Path, store: Store
) -> None:
    age(*folder.iterdir())
    measure(folder, store)
    (folder / "a.jpg").touch()
    listing, reads = measure(folder, store)
    known = dict(zip(listing["filename"].to_pylist(), listing["digest"].to_pylist(), strict=True))
    assert known[str(folder / "c.png")] == digest_bytes((folder / "c.png").read_bytes())
    assert reads["id"].to_pylist() == [0]


def test_a_file_changed_a_moment_ago_is_not_recognised_by_its_time(
    folder: Path, store: Store
) -> None:
    measure(folder, store)
    assert store.files.load().empty


def test_a_known_content_is_not_decoded_again(folder: Path, store: Store) -> None:
    measure(folder, store)
    packs = store.measures.names()
    measure(folder, store)
    assert store.measures.names() == packs


def test_the_number_of_threads_changes_nothing(folder: Path, store: Store, tmp_path: Path) -> None:
    other = Store(WorkDir(tmp_path / "other"))
    measure(folder, store, threads=1)
    measure(folder, other, threads=8)
    assert store.measures.names() == other.measures.names()
    name = store.measures.names()[0]
    assert (
        store.measures.thumbnails_path(name).read_bytes()
        == other.measures.thumbnails_path(name).read_bytes()
    )


def test_a_content_is_claimed_once() -> None:
    claims = ContentClaims(["known"])
    assert not claims.claim("known")
    assert claims.claim("new")
    assert not claims.claim("new")


def test_format_and_a_name_that_promises_another_one_are_told(store: Store, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.PNG").write_bytes(jpeg(scene(1)))
    (photos / "b.jpeg").write_bytes(jpeg(scene(1)))
    (photos / "c.bmp").write_bytes(b"nothing")
    items = collected(photos, store).items
    assert items["format"].fillna("").tolist() == ["JPEG", "JPEG", ""]
    assert items["detail"].tolist()[:2] == ["named as PNG, but the content is JPEG", ""]
    assert items["detail"].tolist()[2] == "starts with 'nothing'"


def test_what_there_was_no_memory_for_is_not_remembered(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(*folder.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(module, "isolated", Mock(side_effect=MemoryError))
        _, reads = measure(folder, store)
    assert reads["status"].to_pylist()[:3] == ["too_large"] * 3
    assert store.measures.digests() == set()
    assert store.files.load().empty
    statuses = collected(folder, store).items["status"].tolist()
    assert statuses[:3] == ["ok", "ok", "ok"]


def test_a_file_of_the_future_is_read_each_time(folder: Path, store: Store) -> None:
    """A clock that went back: a file may change, and its time and size stay."""
    age(*folder.iterdir(), seconds=-3600)
    path, seen = folder / "a.jpg", []
    for seed in (1, 5):
        data, moment = jpeg(scene(seed)), path.stat().st_mtime_ns
        path.write_bytes(data.ljust(100_000, b"\0"))
        os.utime(path, ns=(moment, moment))
        _, reads = measure(folder, store)
        seen.append(reads[DIGEST][0].as_py())
    assert store.files.load().empty
    assert seen[0] != seen[1]
