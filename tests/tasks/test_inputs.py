"""Inputs are made ready; sync_s3_to_local runs again when the network fails, and only then."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest
from prefect import flow

from imgvet.errors import InputNotFoundError, TransportError
from imgvet.options import FetchOptions, SourceOptions, VideoOptions
from imgvet.progress import LOGGER_NAME
from imgvet.sources.local import walk_file
from imgvet.sources.s3_mirror import SyncReport
from imgvet.sources.video import Videos
from imgvet.tasks.context import RunContext
from imgvet.tasks.inputs import extract_archives, list_items, remove_mirrored, sync_s3_to_local
from imgvet.tasks.measuring import compute_stats
from imgvet.tasks.policy import TRANSPORT_RETRIES
from support.archives import archives_in, write_any, write_tar
from support.fault_proxy import Fault, FaultProxy
from support.pictures import jpeg, scene
from support.s3_server import Bucket
from support.videos import write_video

pytest_plugins = ("support.s3_fixtures",)


@pytest.fixture(autouse=True)
def server(prefect_server: None) -> None:
    """Every test here needs the server."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are made once only, so that failing is the stage's to handle."""
    monkeypatch.setattr("imgvet.sources.s3.ATTEMPTS", 1)
    monkeypatch.setattr("imgvet.sources.s3.CONNECT_ATTEMPTS", 1)


IMAGES_TOO = FetchOptions(sync_s3_to_local=True)


def inputs_of(bucket: str) -> tuple[str, SourceOptions]:
    name = f"s3://{bucket}/p"
    return name, SourceOptions(input_dir=name)


def run_sync(bucket: str, folder: Path) -> SyncReport:
    context = RunContext(work_dir=folder, threads=1)

    @flow(name="sync")
    def syncing() -> SyncReport:
        stage = sync_s3_to_local.with_options(retry_delay_seconds=0)
        return stage(context, *inputs_of(bucket), IMAGES_TOO, "run")

    return syncing()


@pytest.fixture
def photos(bucket: Bucket) -> Bucket:
    bucket.put({f"p/{number}.jpg": b"photo" for number in range(5)})
    return bucket


def test_what_failed_in_transport_is_fetched_by_a_second_attempt(
    proxy: FaultProxy, photos: Bucket, tmp_path: Path
) -> None:
    proxy.faults += [Fault("1.jpg", "answer", 1), Fault("2.jpg", "reset", 1, after=2)]
    assert run_sync(photos.name, tmp_path) == SyncReport(downloaded=2, skipped=3)
    assert len(proxy.gets()) == 5 + 2


def test_a_listing_that_failed_in_transport_is_made_again(
    proxy: FaultProxy, photos: Bucket, tmp_path: Path
) -> None:
    proxy.faults.append(Fault("", "answer", 3))
    assert run_sync(photos.name, tmp_path).downloaded == 5


def test_a_listing_that_keeps_failing_ends_the_run(
    proxy: FaultProxy, photos: Bucket, tmp_path: Path
) -> None:
    proxy.faults.append(Fault("", "answer", 10**6))
    with pytest.raises(TransportError):
        run_sync(photos.name, tmp_path)
    assert len(proxy.requests) == 1 + TRANSPORT_RETRIES


def test_an_object_that_keeps_failing_in_transport_ends_the_run_and_what_arrived_stays(
    proxy: FaultProxy, photos: Bucket, tmp_path: Path
) -> None:
    proxy.faults.append(Fault("1.jpg", "answer", 1 + TRANSPORT_RETRIES))
    with pytest.raises(
        TransportError, match=r"1 objects of .* did not arrive, such as s3:.*1\.jpg"
    ):
        run_sync(photos.name, tmp_path)
    report = run_sync(photos.name, tmp_path)
    assert (report.skipped, report.downloaded, report.failed) == (4, 1, 0)


def test_what_is_streamed_is_listed_and_read_again_when_the_network_fails(
    proxy: FaultProxy, bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put({f"p/{number}.jpg": jpeg(scene(number)) for number in range(5)})
    context = RunContext(work_dir=tmp_path, threads=1)
    context.work.store.mkdir()
    _, sources = inputs_of(bucket.name)

    @flow(name="stream")
    def streaming() -> pd.DataFrame:
        listed = list_items.with_options(retry_delay_seconds=0)(context, sources, None, None, None)
        (shard,) = listed.to_read.shards
        reads = compute_stats.with_options(retry_delay_seconds=0)(context, VideoOptions(), shard)
        return context.table(reads)

    proxy.faults += [Fault("", "answer", 2), Fault("3.jpg", "refuse", 2)]
    assert streaming()["status"].tolist() == ["ok"] * 5
    assert len(proxy.gets("3.jpg")) == 3
    bucket.put({"p/5.jpg": jpeg(scene(5))})
    proxy.faults.append(Fault("5.jpg", "answer", 10**6))
    with pytest.raises(TransportError, match=r"5\.jpg"):
        streaming()


def test_what_is_not_the_networks_fault_is_not_repeated(
    proxy: FaultProxy, photos: Bucket, tmp_path: Path
) -> None:
    with pytest.raises(InputNotFoundError):
        run_sync("no-such", tmp_path)
    assert len(proxy.requests) == 1
    proxy.faults.append(Fault("1.jpg", "answer", status=403, code="AccessDenied"))
    assert run_sync(photos.name, tmp_path).failed == 1
    assert len(proxy.gets("1.jpg")) == 1


def test_only_what_a_run_downloaded_is_removed(
    proxy: FaultProxy, photos: Bucket, tmp_path: Path
) -> None:
    context = RunContext(work_dir=tmp_path, threads=1)
    inputs = inputs_of(photos.name)
    sync_s3_to_local.fn(context, *inputs, IMAGES_TOO, "first")
    photos.put({"p/9.jpg": b"new"})
    sync_s3_to_local.fn(context, *inputs, IMAGES_TOO, "second")
    images = FetchOptions(delete_img=True)
    assert remove_mirrored.fn(context, images, VideoOptions(), "second") == 1
    assert sync_s3_to_local.fn(context, *inputs, IMAGES_TOO, "third").skipped == 5


def test_archives_are_copied_without_images_and_removed_with_what_they_became(
    proxy: FaultProxy, photos: Bucket, tmp_path: Path
) -> None:
    loose = write_tar(tmp_path / "a.tar", {"1.jpg": b"1"})
    packed = write_tar(tmp_path / "b.tgz", {"2.jpg": b"2"}, "w:gz")
    photos.put({"p/a.tar": loose.read_bytes(), "p/b.tgz": packed.read_bytes()})
    context = RunContext(work_dir=tmp_path, threads=1)
    report = sync_s3_to_local.fn(context, *inputs_of(photos.name), FetchOptions(), "first")
    archives = tuple(sorted(report.compressed))
    assert [Path(path).suffix for path in archives] == [".tar", ".tgz"]
    assert (report.downloaded, report.failed) == (2, 0)
    extract_archives.fn(context, archives, VideoOptions())
    assert len(list(context.work.extracted.iterdir())) == 2

    def remove(**what: bool) -> int:
        return remove_mirrored.fn(context, FetchOptions(**what), VideoOptions(), "first")

    assert remove(delete_img=True) == 0
    assert remove(delete_tar=True) == 2
    assert not list(context.work.extracted.iterdir())
    assert not list(context.work.mirror.rglob("*.t*"))


def test_archives_and_videos_are_made_readable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = {f"{number}.jpg": jpeg(scene(number)) for number in range(5)}
    archives = [write_any(tmp_path / f"a{ending}", images) for ending in (".tar", ".tgz", ".zip")]
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"")
    video = write_video(tmp_path / "film.avi", frames=25)
    wanted = (tuple(map(str, (*archives, video, damaged))), VideoOptions())
    context = RunContext(work_dir=tmp_path / "work", threads=2)
    with caplog.at_level(logging.INFO, LOGGER_NAME):
        done = extract_archives.fn(context, *wanted)
    assert done == [5, 5, 5, 3, 0]
    assert caplog.records[-1].progress.done == 5  # type: ignore[attr-defined]

    elsewhere = RunContext(work_dir=tmp_path / "other", threads=1)
    assert extract_archives.fn(elsewhere, *wanted, 6) == [5, 5]
    assert extract_archives.fn(elsewhere, *wanted, 16) == [5, 5, 5, 3]

    store = tmp_path / "work" / "store"
    reader = archives_in(store / "extracted")
    for path in archives:
        for entry in reader.entries(walk_file(path, "in")):
            member = entry.member or ""
            assert reader.read(str(path), member) == images[member]
    frames = Videos(store / "frames", VideoOptions())
    for entry in frames.entries(walk_file(video, "in")):
        assert entry.time_ms is not None
        assert isinstance(frames.read(str(video), str(entry.time_ms)), bytes)
    written = {index: index.stat().st_ino for index in store.rglob("index.parquet")}
    assert len(written) == 5
    assert extract_archives.fn(context, *wanted) == done
    assert {index: index.stat().st_ino for index in store.rglob("index.parquet")} == written
