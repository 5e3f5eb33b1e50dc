"""Buckets are mirrored: once, whole, nowhere else, and only what is new."""

from __future__ import annotations

import random
import threading
import tracemalloc
from pathlib import Path

import pytest

from imgvet.errors import InputNotFoundError, InputUnreadableError, WorkDirUnusableError
from imgvet.reasons import Failure
from imgvet.sources.listing import Content, Entry
from imgvet.sources.s3 import ObjectLocation, parse_location
from imgvet.sources.s3_mirror import (
    Copy,
    SyncReport,
    find_copy,
    remove_downloaded,
    sync_to_local,
)
from imgvet.sources.s3_objects import fetch_object, list_objects
from imgvet.threads import read_ahead
from support.fault_proxy import Fault, FaultProxy
from support.s3_server import Bucket

pytest_plugins = ("support.s3_fixtures",)

HOSTILE = [
    *("../up.jpg", "../../up.jpg", "/abs.jpg", "a//b.jpg", "a/b.jpg", "A/b.jpg", "a/B.jpg"),
    *("line\nbreak.jpg", "con.jpg", "nul/x.jpg", "x" * 1000 + ".jpg", "y/" * 500 + "z.jpg"),
    *("日本/ünï.PNG", "é.jpg", "e\u0301.jpg", "a.jpg", "a.jpg/b.jpg", "./c.jpg", "c.jpg"),
    *("/" * 500 + "d.jpg", "-rf.jpg", "a\\..\\b.jpg", "~/e.jpg", "$HOME.jpg", "c:d.jpg"),
]


def sync(
    bucket: Bucket,
    folder: Path,
    prefix: str = "",
    limit: int | None = None,
    run: str = "first",
    min_file_size: int = 0,
) -> SyncReport:
    name = f"s3://{bucket.name}/{prefix}"
    listed = list_objects(parse_location(name), name, limit)
    return sync_to_local(listed, folder, run, min_file_size)


def remove(folder: Path, run: str) -> int:
    return remove_downloaded(folder, run, lambda _: True, lambda _: None)


def copies(bucket: Bucket, folder: Path) -> dict[str, bytes]:
    """Content of the mirror by key, as a reader finds it."""
    found = {}
    for entry in list_objects(ObjectLocation("s3", "", bucket.name, ""), ""):
        location = parse_location(entry.path)
        path = find_copy(location, entry.version, folder)
        if path is not None:
            found[location.key] = path.read_bytes()
    return found


def copy_of(bucket: Bucket, key: str, mirrors: Path, version: str = "") -> Copy:
    return Copy.of(ObjectLocation("s3", "", bucket.name, key), version, mirrors)


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def photos(bucket: Bucket) -> dict[str, bytes]:
    """Twelve objects, and what they hold."""
    content = {f"p/{number:02}.jpg": f"photo {number}".encode() for number in range(12)}
    bucket.put(content)
    return content


def test_all_images_are_fetched_once_and_skipped_the_second_time(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    bucket.put({"p/notes.txt": b"no image", "p/empty.jpg": b"", "q/other.jpg": b"elsewhere"})
    assert sync(bucket, tmp_path, "p") == SyncReport(downloaded=12)
    assert copies(bucket, tmp_path) == photos
    assert len(proxy.gets()) == 12
    assert sync(bucket, tmp_path, "p") == SyncReport(skipped=12)
    assert len(proxy.gets()) == 12


@pytest.mark.usefixtures("proxy")
def test_what_changed_vanished_or_was_cut_is_fetched_again(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    sync(bucket, tmp_path)
    bucket.put({"p/00.jpg": b"photo X"})  # as long as before
    versions = [
        entry.version for entry in list_objects(ObjectLocation("s3", "", bucket.name, ""), "")
    ]
    copy_of(bucket, "p/01.jpg", tmp_path, versions[1]).path.unlink()
    copy_of(bucket, "p/02.jpg", tmp_path, versions[2]).path.write_bytes(b"cut")
    proxy.requests.clear()
    report = sync(bucket, tmp_path)
    assert (report.downloaded, report.skipped) == (3, 9)
    assert copies(bucket, tmp_path) == photos | {"p/00.jpg": b"photo X"}
    assert len(proxy.gets()) == 3


def test_no_key_leads_outside_and_no_two_share_a_file(
    proxy: FaultProxy, bucket: Bucket, tmp_path: Path
) -> None:
    content = {key: f"content of {key}".encode() for key in HOSTILE}
    bucket.put(content)
    inside = tmp_path / "deep" / "mirror"
    report = sync(bucket, inside)
    assert report == SyncReport(downloaded=len(HOSTILE))
    assert copies(bucket, inside) == content
    mirror = copy_of(bucket, "", inside).folder
    stored = [path for path in files_below(tmp_path) if path.parent != inside]
    assert len(stored) == len(HOSTILE)
    assert all(path.is_relative_to(mirror / "objects") for path in stored)


def test_a_limit_fetches_just_that(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    report = sync(bucket, tmp_path, "p", limit=4)
    assert report == SyncReport(downloaded=4)
    assert sorted(copies(bucket, tmp_path)) == [f"p/{number:02}.jpg" for number in range(4)]


def test_small_objects_are_left_out(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    report = sync(bucket, tmp_path, min_file_size=8)
    assert report == SyncReport(downloaded=2)


def test_servers_and_buckets_have_mirrors_of_their_own(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    places = [
        ObjectLocation("s3", "", "one", ""),
        ObjectLocation("s3", "", "One", ""),
        ObjectLocation("s3", "", "other", ""),
        ObjectLocation("minio", "one", "one", ""),
        ObjectLocation("minio", "one:9000", "one", ""),
    ]
    folders = {str(Copy.of(place, "", tmp_path).folder).casefold() for place in places}
    assert len(folders) == len(places)
    name = f"minio+http://{proxy.host}/{bucket.name}/p/"
    listed = list_objects(parse_location(name), name)
    assert sync_to_local(listed, tmp_path, "run").downloaded == 12
    # s3:// leads to the same server here, and so to the same mirror.
    assert sync(bucket, tmp_path).skipped == 12


def test_many_objects_are_fetched_at_a_time(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    together = threading.Barrier(6, timeout=10)
    proxy.faults.append(Fault(".jpg", "trust", 12, before=together.wait))
    assert sync(bucket, tmp_path).downloaded == 12


def test_faults_are_outlasted_and_a_large_object_is_resumed(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    large = random.Random(2).randbytes(1_000_000)
    bucket.put({"large.jpg": large})
    proxy.faults += [
        Fault("large.jpg", "truncate", 3, after=300_000),
        Fault("05.jpg", "answer", 10),
        Fault("06.jpg", "reset", 2, after=3),
        Fault("07.jpg", "refuse", 2),
        Fault("08.jpg", "flip", 1),
    ]
    assert sync(bucket, tmp_path).downloaded == 13
    assert copies(bucket, tmp_path) == photos | {"large.jpg": large}
    starts = [request.headers.get("Range", "bytes=0-") for request in proxy.gets("large.jpg")]
    assert starts == ["bytes=0-", "bytes=300000-", "bytes=600000-", "bytes=900000-"]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(
    proxy: FaultProxy,
    bucket: Bucket,
    photos: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = random.Random(3).randbytes(500_000)
    bucket.put({"large.jpg": large})
    proxy.faults.append(Fault("large.jpg", "truncate", 1, after=300_000))
    monkeypatch.setattr("imgvet.sources.s3.ATTEMPTS", 1)
    report = sync(bucket, tmp_path)
    assert (report.downloaded, report.failed) == (12, 1)
    assert report.transient.startswith(f"s3://{bucket.name}/large.jpg (")
    assert len(copies(bucket, tmp_path)) == 12
    proxy.requests.clear()
    assert sync(bucket, tmp_path).downloaded == 1
    assert [request.headers["Range"] for request in proxy.gets()] == ["bytes=300000-"]
    assert copies(bucket, tmp_path)["large.jpg"] == large


def test_what_is_left_of_an_older_version_is_not_continued(
    proxy: FaultProxy, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = (random.Random(seed).randbytes(500_000) for seed in (4, 5))
    bucket.put({"large.jpg": older})
    proxy.faults.append(Fault("large.jpg", "truncate", 1, after=300_000))
    monkeypatch.setattr("imgvet.sources.s3.ATTEMPTS", 1)
    sync(bucket, tmp_path)
    bucket.put({"large.jpg": newer})
    sync(bucket, tmp_path)
    assert copies(bucket, tmp_path) == {"large.jpg": newer}
    assert [request.headers.get("Range") for request in proxy.gets()] == [None, None]
    assert len(files_below(tmp_path)) == 2  # the object and the list of what was fetched


def test_an_object_complete_but_not_yet_in_place_is_put_there(
    proxy: FaultProxy, bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put({"a.jpg": b"content"})
    (entry,) = list_objects(ObjectLocation("s3", "", bucket.name, ""), "")
    partial = copy_of(bucket, "a.jpg", tmp_path, entry.version).partial
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"content")
    assert sync(bucket, tmp_path).downloaded == 1
    assert copies(bucket, tmp_path) == {"a.jpg": b"content"}


def test_an_object_changed_after_listing_is_kept_as_it_is_now(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    change = Fault("00.jpg", "trust", 1, before=lambda: bucket.put({"p/00.jpg": b"newer"}))
    proxy.faults.append(change)
    assert sync(bucket, tmp_path).downloaded == 12
    assert copies(bucket, tmp_path)["p/00.jpg"] == b"newer"
    assert sync(bucket, tmp_path).skipped == 12


def test_what_can_not_be_had_is_reported_and_the_rest_goes_on(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    proxy.faults.append(Fault("03.jpg", "answer", status=403, code="AccessDenied"))
    proxy.faults.append(Fault("04.jpg", "trust", before=lambda: bucket.delete("p/04.jpg")))
    report = sync(bucket, tmp_path)
    assert report == SyncReport(downloaded=10, failed=2)
    assert copies(bucket, tmp_path).keys() == photos.keys() - {"p/03.jpg", "p/04.jpg"}
    assert len(proxy.gets()) == 12


def test_missing_and_denied_buckets_fail_at_once(
    proxy: FaultProxy, bucket: Bucket, tmp_path: Path
) -> None:
    with pytest.raises(InputNotFoundError, match="no-such"):
        sync(Bucket("no-such", None), tmp_path)
    proxy.faults.append(Fault("", "answer", status=403, code="AccessDenied"))
    with pytest.raises(InputUnreadableError, match="s3:ListBucket"):
        sync(bucket, tmp_path)
    assert len(proxy.requests) == 2


def test_a_mirror_that_can_not_be_written_is_an_error(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorkDirUnusableError, match="can't be written to"):
        sync(bucket, tmp_path / "file")


def test_only_what_this_run_downloaded_is_removed(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    mine = tmp_path / "mirror" / "mine.jpg"
    mine.parent.mkdir()
    mine.write_bytes(b"a file of the user's own")
    sync(bucket, tmp_path / "mirror", run="first", limit=5)
    sync(bucket, tmp_path / "mirror", run="second")
    assert remove(tmp_path / "mirror", "third") == 0
    assert remove(tmp_path / "mirror", "second") == 7
    assert len(copies(bucket, tmp_path / "mirror")) == 5
    assert remove(tmp_path / "mirror", "first") == 0  # it ended, so nobody asks for its list
    assert len(list((tmp_path / "mirror").glob("downloaded-*"))) == 1
    assert mine.exists()
    assert remove(tmp_path / "no mirror", "first") == 0


def test_a_reader_finds_no_copy_of_another_version_or_without_a_mirror(
    proxy: FaultProxy, bucket: Bucket, photos: dict[str, bytes], tmp_path: Path
) -> None:
    location = ObjectLocation("s3", "", bucket.name, "p/00.jpg")
    assert find_copy(location, "0" * 32, tmp_path) is None
    sync(bucket, tmp_path)
    assert find_copy(location, "0" * 32, tmp_path) is None
    assert find_copy(location, "", tmp_path) is None


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_objects_stream_and_sync_in_flat_memory(
    proxy: FaultProxy, bucket: Bucket, tmp_path: Path
) -> None:
    data = random.Random(6).randbytes(100_000)
    bucket.put({f"{number:04}.jpg": data for number in range(1000)})
    listed = list_objects(ObjectLocation("s3", "", bucket.name, ""), "")

    def read(entry: Entry) -> Content | Failure:
        return fetch_object(parse_location(entry.path), entry.version)

    tracemalloc.start()
    try:
        contents = read_ahead(listed, read, max_bytes=2_000_000, size_of=lambda e: e.file_size)
        assert sum(content.data == data for content in contents) == 1000
        assert sync(bucket, tmp_path).downloaded == 1000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000  # of 100 MB that went through
    assert len(proxy.gets()) == 2000
