"""Objects are read whole, once, as they are; or it is said why not."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any

import pytest

from imgvet.errors import InputNotFoundError, InputUnreadableError, TransportError
from imgvet.reasons import Failure, Reason
from imgvet.sources.s3 import (
    ObjectLocation,
    Problem,
    parse_location,
    seconds_to_wait,
)
from imgvet.sources.s3_objects import (
    Content,
    fetch_object,
    list_objects,
)
from support.fault_proxy import Fault, FaultProxy
from support.receiver import free_port
from support.s3_server import Bucket

pytest_plugins = ("support.s3_fixtures",)

DATA = random.Random(1).randbytes(300_000)


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def at(bucket: Bucket, key: str) -> ObjectLocation:
    return ObjectLocation("s3", "", bucket.name, key)


def read(bucket: Bucket, key: str = "a.jpg", version: str = "") -> Content | Failure:
    return fetch_object(at(bucket, key), version)


@pytest.fixture
def photo(bucket: Bucket) -> Bucket:
    """A bucket with one object."""
    bucket.put({"a.jpg": DATA})
    return bucket


def test_an_object_is_read_by_one_request(proxy: FaultProxy, photo: Bucket) -> None:
    assert read(photo) == Content(DATA, md5(DATA))
    assert fetch_object(at(photo, "a.jpg")) == Content(DATA, md5(DATA))
    assert len(proxy.requests) == 2


def test_what_was_listed_is_read_by_one_request_each(proxy: FaultProxy, bucket: Bucket) -> None:
    odd = [
        *("../x.jpg", "/x.jpg", "a b+c.jpg", "a#b?c=d&e.jpg", "a%20b.jpg", "a//b.jpg"),
        *("line\nbreak.jpg", "日本/ünï.PNG", "x" * 1000 + ".jpg", "a/../b.jpg", "./c.jpg"),
    ]
    bucket.put({key: f"content of {key}".encode() for key in odd})
    for entry in list(list_objects(parse_location(f"s3://{bucket.name}"), "")):
        location = parse_location(entry.path)
        content = fetch_object(location, entry.version)
        assert isinstance(content, Content)
        assert content.data == f"content of {location.key}".encode()
    assert len(proxy.gets()) == len(odd)
    assert len(proxy.requests) == len(odd) + 1


def test_minio_is_read_over_http(proxy: FaultProxy, photo: Bucket) -> None:
    location = parse_location(f"minio+http://{proxy.host}/{photo.name}/a.jpg")
    assert fetch_object(location) == Content(DATA, md5(DATA))


def test_an_object_that_is_gone_is_missing(proxy: FaultProxy, photo: Bucket) -> None:
    failure = read(photo, "b.jpg", "0" * 32)
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.MISSING
    assert len(proxy.requests) == 1


def test_an_empty_object_is_an_empty_file(proxy: FaultProxy, bucket: Bucket) -> None:
    bucket.put({"a.jpg": b""})
    assert read(bucket) == Failure(Reason.EMPTY_FILE, "0 bytes")


def test_a_denied_object_is_unreadable_and_names_the_permission(
    proxy: FaultProxy, photo: Bucket
) -> None:
    proxy.faults.append(Fault("a.jpg", "answer", status=403, code="AccessDenied"))
    failure = read(photo)
    assert failure == Failure(Reason.UNREADABLE, "AccessDenied: as planned; s3:GetObject is needed")
    assert len(proxy.requests) == 1


def test_an_archived_object_is_unreadable(proxy: FaultProxy, photo: Bucket) -> None:
    proxy.faults.append(Fault("a.jpg", "answer", status=403, code="InvalidObjectState"))
    failure = read(photo)
    assert isinstance(failure, Failure)
    assert failure.detail.startswith("InvalidObjectState")


def test_a_missing_bucket_is_an_error(proxy: FaultProxy) -> None:
    with pytest.raises(InputNotFoundError, match="The bucket no-such of"):
        fetch_object(ObjectLocation("s3", "", "no-such", "a.jpg"))


def test_expired_credentials_end_the_run(proxy: FaultProxy, photo: Bucket) -> None:
    proxy.faults.append(Fault("a.jpg", "answer", status=400, code="ExpiredToken"))
    with pytest.raises(InputUnreadableError, match="No valid credentials"):
        read(photo)


@pytest.mark.parametrize(
    ("action", "times", "status"),
    [
        ("answer", 10, 503),
        ("answer", 3, 429),
        ("answer", 3, 500),
        ("refuse", 3, 0),
        ("delay", 3, 0),
    ],
)
def test_faults_before_the_body_are_outlasted(
    proxy: FaultProxy, photo: Bucket, action: Any, times: int, status: int
) -> None:
    fault = Fault("a.jpg", action, times, status=status, code="SlowDown", seconds=0.05)
    proxy.faults.append(fault)
    assert read(photo) == Content(DATA, md5(DATA))
    assert len(proxy.gets()) == (1 if action == "delay" else times + 1)


@pytest.mark.parametrize("action", ["reset", "truncate"])
def test_a_body_that_breaks_off_goes_on_where_it_stopped(
    proxy: FaultProxy, photo: Bucket, action: Any
) -> None:
    proxy.faults.append(Fault("a.jpg", action, 2, after=100_000))
    assert read(photo) == Content(DATA, md5(DATA))
    ranges = [request.headers.get("Range") for request in proxy.gets()]
    assert len(ranges) == 3
    assert ranges[0] is None
    assert all(text is not None and text.startswith("bytes=") for text in ranges[1:])
    assert all(r.headers["If-Match"] == f'"{md5(DATA)}"' for r in proxy.gets()[1:])


def test_a_silent_server_is_asked_again(
    proxy: FaultProxy,
    photo: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    new_clients: Callable[[], None],
) -> None:
    monkeypatch.setattr("imgvet.sources.s3.READ_SECONDS", 0.3)
    new_clients()
    proxy.faults.append(Fault("a.jpg", "delay", 1, seconds=1.0))
    assert read(photo) == Content(DATA, md5(DATA))
    assert len(proxy.gets()) == 2


def test_damage_on_the_way_is_noticed_by_the_etag(proxy: FaultProxy, photo: Bucket) -> None:
    proxy.faults.append(Fault("a.jpg", "flip", 1))
    assert read(photo) == Content(DATA, md5(DATA))
    assert [request.headers.get("Range") for request in proxy.gets()] == [None, None]


def test_damage_on_the_way_is_noticed_by_the_checksum(proxy: FaultProxy, bucket: Bucket) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="a.jpg", Body=DATA, ChecksumAlgorithm="CRC32")
    proxy.faults.append(Fault("a.jpg", "flip", 2))
    assert read(bucket) == Content(DATA, md5(DATA))
    assert [request.headers.get("Range") for request in proxy.gets()] == [None] * 3


def test_an_etag_that_is_no_md5_is_accepted_after_a_second_look(
    proxy: FaultProxy, photo: Bucket
) -> None:
    # The same wrong content twice: as if the ETag were made of something else.
    proxy.faults.append(Fault("a.jpg", "flip", 2))
    content = read(photo)
    assert isinstance(content, Content)
    assert content.data[1:] == DATA[1:]
    assert len(proxy.gets()) == 2


def test_an_etag_is_an_md5_where_one_of_its_bucket_was(proxy: FaultProxy, photo: Bucket) -> None:
    photo.put({"other.jpg": DATA[::-1]})
    assert fetch_object(at(photo, "other.jpg")) == Content(DATA[::-1], md5(DATA[::-1]))
    proxy.faults.append(Fault("a.jpg", "flip", 2))
    assert read(photo) == Content(DATA, md5(DATA))


def test_what_is_damaged_alike_each_time_is_never_believed(
    proxy: FaultProxy, photo: Bucket
) -> None:
    assert read(photo) == Content(DATA, md5(DATA))
    proxy.faults.append(Fault("a.jpg", "flip", 9))
    failure = read(photo)
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.UNREADABLE
    assert failure.detail.endswith(f"not {md5(DATA)}, each time (gave up after 3 attempts)")
    assert len(proxy.gets()) == 1 + 3


def test_a_multipart_object_is_read_once(proxy: FaultProxy, bucket: Bucket) -> None:
    client, target = bucket.client, {"Bucket": bucket.name, "Key": "a.jpg"}
    upload = client.create_multipart_upload(**target)["UploadId"]
    parts = [DATA * 18, DATA]
    tags = [
        {
            "ETag": client.upload_part(**target, UploadId=upload, PartNumber=number, Body=part)[
                "ETag"
            ],
            "PartNumber": number,
        }
        for number, part in enumerate(parts, 1)
    ]
    client.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": tags})
    content = read(bucket)
    assert isinstance(content, Content)
    assert content.version.endswith("-2")
    assert content.data == b"".join(parts)
    assert len(proxy.gets()) == 1


def test_an_object_changed_after_listing_is_read_anew(proxy: FaultProxy, photo: Bucket) -> None:
    (entry,) = list_objects(parse_location(f"s3://{photo.name}"), "")
    photo.put({"a.jpg": b"newer"})
    content = read(photo, version=entry.version)
    assert content == Content(b"newer", md5(b"newer"))
    assert len(proxy.gets()) == 2


def test_an_object_changed_in_the_middle_is_never_a_mixture(
    proxy: FaultProxy, photo: Bucket
) -> None:
    newer = bytes(reversed(DATA))
    proxy.faults.append(Fault("a.jpg", "reset", 1, after=100_000))
    proxy.faults.append(Fault("a.jpg", "trust", 1, before=lambda: photo.put({"a.jpg": newer})))
    assert read(photo, version=md5(DATA)) == Content(newer, md5(newer))


def test_a_server_without_conditions_gives_no_mixture_either(
    proxy: FaultProxy, photo: Bucket
) -> None:
    newer = bytes(reversed(DATA))
    proxy.faults.append(Fault("a.jpg", "reset", 1, after=100_000))
    proxy.faults.append(Fault("a.jpg", "forget", 9, before=lambda: photo.put({"a.jpg": newer})))
    assert read(photo, version=md5(DATA)) == Content(newer, md5(newer))
    assert len(proxy.gets()) == 3


def test_an_object_deleted_in_the_middle_is_missing(proxy: FaultProxy, photo: Bucket) -> None:
    proxy.faults.append(Fault("a.jpg", "reset", 1, after=100_000))
    proxy.faults.append(Fault("a.jpg", "trust", 1, before=lambda: photo.delete("a.jpg")))
    failure = read(photo)
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.MISSING


@pytest.mark.parametrize("action", ["answer", "refuse", "reset"])
def test_faults_without_end_are_no_fault_of_the_image(
    proxy: FaultProxy, photo: Bucket, action: Any
) -> None:
    proxy.faults.append(Fault("a.jpg", action, 10**6, after=0))
    with pytest.raises(TransportError, match=r"a\.jpg .*\(gave up after 12 attempts\)"):
        read(photo)
    assert len(proxy.gets()) == 12


def test_a_server_that_is_not_there_is_an_error(proxy: FaultProxy) -> None:
    location = parse_location(f"minio+http://127.0.0.1:{free_port()}/bucket/a.jpg")
    with pytest.raises(TransportError, match="gave up after 8 attempts"):
        fetch_object(location)


def test_waits_grow_are_jittered_and_bounded() -> None:
    throttled = Problem("transient", "SlowDown")
    for failed, bound in [(1, 0.1), (2, 0.2), (8, 12.8), (9, 20.0), (11, 20.0)]:
        waits = [seconds_to_wait(throttled, failed) for _ in range(300)]
        assert max(waits) <= bound
        assert min(waits) < 0.2 * bound
        assert max(waits) > 0.8 * bound
    worst = sum(min(20.0, 0.1 * 2**number) for number in range(11))
    assert 85 < worst < 86
    asked = Problem("transient", "SlowDown", wait=3.0)
    assert 3.0 <= seconds_to_wait(asked, 1) <= 20.0
