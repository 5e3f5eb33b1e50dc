"""The stage sync_s3_to_local runs again when the network fails, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import flow

from imgvet.errors import InputNotFoundError, TransportError
from imgvet.options import SourceOptions
from imgvet.sources import s3_sync
from imgvet.sources.s3_errors import RetryPolicy
from imgvet.sources.s3_sync import SyncReport
from imgvet.tasks.context import RunContext
from imgvet.tasks.extracting import ToExtract, extract_archives
from imgvet.tasks.syncing import SyncInput, ToRemove, remove_mirrored, sync_s3_to_local
from support.archives import write_tar
from support.fault_proxy import Fault, FaultProxy
from support.s3_server import Bucket

pytest_plugins = ("support.s3_fixtures",)


@pytest.fixture(autouse=True)
def server(prefect_server: None) -> None:
    """Every test here needs the server."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are made once only, so that failing is the stage's to handle."""
    once = RetryPolicy(attempts=1, connect_attempts=1)
    monkeypatch.setattr(
        "imgvet.tasks.syncing.SyncOptions",
        lambda *given, **named: s3_sync.SyncOptions(*given, **named, retry=once),
    )


def wanted_of(bucket: str) -> SyncInput:
    name = f"s3://{bucket}/p"
    return SyncInput(name=name, sources=SourceOptions(input_dir=name))


def run_sync(bucket: str, folder: Path, run: str = "run") -> SyncReport:
    context = RunContext(work_dir=folder, threads=1)
    wanted = wanted_of(bucket)

    @flow(name="sync")
    def syncing() -> SyncReport:
        return sync_s3_to_local.with_options(retry_delay_seconds=0)(context, wanted, run)

    return syncing()


@pytest.fixture
def photos(bucket: Bucket) -> Bucket:
    bucket.put({f"p/{number}.jpg": b"photo" for number in range(5)})
    return bucket


def test_what_failed_in_transport_is_fetched_by_a_second_attempt(
    proxy: FaultProxy, photos: Bucket, tmp_path: Path
) -> None:
    proxy.faults += [Fault("1.jpg", "answer", 1), Fault("2.jpg", "reset", 1, after=2)]
    assert run_sync(photos.name, tmp_path) == SyncReport(
        listed=5, downloaded=2, skipped=3, bytes=8 + 2
    )
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
    assert len(proxy.requests) == 1 + 3


def test_an_object_that_keeps_failing_is_reported(
    proxy: FaultProxy, photos: Bucket, tmp_path: Path
) -> None:
    proxy.faults.append(Fault("1.jpg", "answer", 10**6))
    report = run_sync(photos.name, tmp_path)
    assert (report.skipped, report.failed) == (4, 1)
    assert len(proxy.gets("1.jpg")) == 1 + 3


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
    wanted = wanted_of(photos.name)
    sync_s3_to_local.fn(context, wanted, "first")
    photos.put({"p/9.jpg": b"new"})
    sync_s3_to_local.fn(context, wanted, "second")
    assert remove_mirrored.fn(context, ToRemove(images=True, compressed=False), "second") == 1
    assert sync_s3_to_local.fn(context, wanted, "third").skipped == 5


def test_archives_are_copied_without_images_and_removed_with_what_they_became(
    proxy: FaultProxy, photos: Bucket, tmp_path: Path
) -> None:
    loose = write_tar(tmp_path / "a.tar", {"1.jpg": b"1"})
    packed = write_tar(tmp_path / "b.tgz", {"2.jpg": b"2"}, "w:gz")
    photos.put({"p/a.tar": loose.read_bytes(), "p/b.tgz": packed.read_bytes()})
    context = RunContext(work_dir=tmp_path, threads=1)
    wanted = wanted_of(photos.name).model_copy(update={"images": False})
    report = sync_s3_to_local.fn(context, wanted, "first")
    assert [Path(path).name for path in report.opened] == ["a.tar", "b.tgz"]
    assert (report.listed, report.downloaded) == (2, 2)
    extract_archives.fn(context, ToExtract(archives=report.opened))
    assert len(list(context.work.extracted.iterdir())) == 2
    assert remove_mirrored.fn(context, ToRemove(images=True, compressed=False), "first") == 0
    assert remove_mirrored.fn(context, ToRemove(images=False, compressed=True), "first") == 2
    assert not list(context.work.extracted.iterdir())
    assert not list(context.work.mirror.rglob("*.t*"))
