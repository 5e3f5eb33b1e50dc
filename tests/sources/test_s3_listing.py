"""Buckets are listed: what counts, in which order, how far, and what is said when it fails."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from imgvet.errors import InputNotFoundError, InputUnreadableError, TransportError
from imgvet.options import SourceOptions, VideoOptions
from imgvet.reasons import Failure, Reason
from imgvet.sources.inputs import list_items, mirror, opened
from imgvet.sources.kinds import Kind
from imgvet.sources.listing import Content, Entry
from imgvet.sources.reading import Reader, containers_in
from imgvet.sources.s3 import ATTEMPTS, parse_location
from imgvet.sources.s3_objects import list_objects, look_up_objects
from imgvet.store.files import files_in
from imgvet.tables import to_frame
from imgvet.workdir import WorkDir
from support.archives import write_zip
from support.fault_proxy import Fault, FaultProxy
from support.receiver import free_port
from support.s3_server import Bucket

pytest_plugins = ("support.s3_fixtures",)

ODD_KEYS = [
    *("../x.jpg", "/x.jpg", "a b.jpg", "a+b.jpg", "a#b?c=d&e.jpg", "a%20b.jpg", "a//b.jpg"),
    *("line\nbreak.jpg", "日本/ünï.PNG", "é.jpg", "e\u0301.jpg", "!.jpeg", "x" * 1000 + ".jpg"),
    *("con.jpg", "a\\b.webp", "<&>.gif", "tab\t.bmp", "😀.jpg"),
]


def listed(name: str, limit: int | None = None) -> list[Entry]:
    return list(list_objects(parse_location(name), name, limit))


def keys(found: list[Entry]) -> list[str]:
    return [parse_location(entry.path).key for entry in found]


def test_images_of_a_folder_are_listed_with_size_time_and_etag(
    proxy: FaultProxy, bucket: Bucket
) -> None:
    bucket.put({"p/b.JPG": b"12345", "p/a/c.png": b"1", "p/notes.txt": b"x", "p/deep/": b""})
    bucket.put({"p2/z.jpg": b"1", "z.jpg": b"1"})
    found = listed(f"s3://{bucket.name}/p")
    assert keys(found) == ["p/a/c.png", "p/b.JPG"]
    head = bucket.client.head_object(Bucket=bucket.name, Key="p/b.JPG")
    assert found[1] == Entry(
        f"s3://{bucket.name}/p/b.JPG",
        f"s3://{bucket.name}/p",
        5,
        int(head["LastModified"].timestamp()) * 10**9,
        version=head["ETag"].strip('"'),
    )
    assert keys(listed(f"s3://{bucket.name}/p/")) == keys(found)
    assert len(listed(f"s3://{bucket.name}")) == 4


def test_odd_keys_are_listed_as_they_are_in_order(proxy: FaultProxy, bucket: Bucket) -> None:
    bucket.put(dict.fromkeys(ODD_KEYS, b"x"))
    found = listed(f"s3://{bucket.name}/")
    assert sorted(keys(found)) == sorted(ODD_KEYS)
    found = [entry for entry in found if "\n" not in entry.filename]  # moves: see the proxy
    assert [entry.filename for entry in found] == sorted(entry.filename for entry in found)


def test_one_object_is_listed_by_its_name_whatever_its_ending(
    proxy: FaultProxy, bucket: Bucket
) -> None:
    bucket.put({"a.jpg": b"1", "a.jpg.bak": b"1", "a.dat": b"12", "a.jpg/b.jpg": b"1"})
    assert keys(listed(f"s3://{bucket.name}/a.jpg")) == ["a.jpg"]
    assert keys(listed(f"s3://{bucket.name}/a.dat")) == ["a.dat"]
    assert keys(listed(f"s3://{bucket.name}/a.jpg/")) == ["a.jpg/b.jpg"]


def test_minio_is_listed_under_its_own_name(proxy: FaultProxy, bucket: Bucket) -> None:
    bucket.put({"p/a.jpg": b"1"})
    name = f"minio+http://{proxy.host}/{bucket.name}/p"
    assert [entry.filename for entry in listed(name)] == [f"{name}/a.jpg"]


def test_many_pages_are_listed_and_a_limit_stops_after_enough(
    proxy: FaultProxy, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgvet.sources.s3_objects.PAGE", 10)
    bucket.put({f"{number:03}.jpg": b"x" for number in range(45)})
    assert len(listed(f"s3://{bucket.name}")) == 45
    assert len(proxy.listings()) == 5
    proxy.requests.clear()
    assert keys(listed(f"s3://{bucket.name}", 20)) == [f"{number:03}.jpg" for number in range(20)]
    assert len(proxy.listings()) == 2
    proxy.requests.clear()
    assert len(listed(f"s3://{bucket.name}", 1)) == 1
    assert len(proxy.listings()) == 1


def test_a_server_that_lists_out_of_order_is_listed_to_the_end(
    proxy: FaultProxy, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disorderly:
        def list_objects_v2(self, **request: object) -> dict[str, object]:
            return {"Contents": [{"Key": f"{name}.jpg", "Size": 1} for name in "cabd"]}

    monkeypatch.setattr("imgvet.sources.s3_objects.client_for", lambda _: Disorderly())
    assert keys(listed("s3://anything", 2)) == ["c.jpg", "a.jpg", "b.jpg", "d.jpg"]


def test_a_listing_that_can_not_be_continued_is_an_error(
    proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful:
        def list_objects_v2(self, **request: object) -> dict[str, object]:
            return {"Contents": [{"Key": "a.jpg", "Size": 1}], "IsTruncated": True}

    monkeypatch.setattr("imgvet.sources.s3_objects.client_for", lambda _: Forgetful())
    with pytest.raises(InputUnreadableError, match="cut the listing short"):
        listed("s3://anything")


def test_a_missing_bucket_fails_at_once_by_name(proxy: FaultProxy) -> None:
    with pytest.raises(InputNotFoundError, match=r"The bucket no-such of s3://no-such/p does not"):
        listed("s3://no-such/p")
    assert len(proxy.requests) == 1


def test_a_missing_folder_is_an_error_and_an_empty_bucket_is_not(
    proxy: FaultProxy, bucket: Bucket
) -> None:
    assert listed(f"s3://{bucket.name}") == []
    bucket.put({"photos2/a.jpg": b"1", "notes/a.txt": b"1"})
    with pytest.raises(InputNotFoundError, match=f"Nothing in the bucket {bucket.name} is named"):
        listed(f"s3://{bucket.name}/photos")
    assert listed(f"s3://{bucket.name}/notes") == []


def test_denied_listing_names_bucket_and_permission(proxy: FaultProxy, bucket: Bucket) -> None:
    proxy.faults.append(Fault("", "answer", status=403, code="AccessDenied"))
    with pytest.raises(
        InputUnreadableError, match=rf"{bucket.name} .*s3:ListBucket on {bucket.name}"
    ):
        listed(f"s3://{bucket.name}")
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(400, "ExpiredToken"), (403, "SignatureDoesNotMatch")]
)
def test_wrong_credentials_say_so(
    proxy: FaultProxy, bucket: Bucket, status: int, code: str
) -> None:
    proxy.faults.append(Fault("", "answer", status=status, code=code))
    with pytest.raises(InputUnreadableError, match="No valid credentials"):
        listed(f"s3://{bucket.name}")


def test_no_credentials_name_the_way_without(
    proxy: FaultProxy,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket.put({"a.jpg": b"1"})
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InputUnreadableError, match="IMGVET_S3_ANONYMOUS=1"):
        listed(f"s3://{bucket.name}")
    monkeypatch.setenv("IMGVET_S3_ANONYMOUS", "1")
    assert keys(listed(f"s3://{bucket.name}")) == ["a.jpg"]
    assert "Authorization" not in proxy.requests[-1].headers


SSO = """
[default]
sso_start_url = https://x.awsapps.com/start
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = reader
"""


def test_a_login_that_has_ended_says_so_at_once(
    bucket: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "config").write_text(SSO)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputUnreadableError, match=r"No valid credentials .*SSO Token"):
        listed("s3://bucket")
    assert caplog.text == ""


@pytest.mark.parametrize(
    "fault",
    [
        Fault("", "answer", 10, status=503, code="SlowDown"),
        Fault("", "answer", 5, status=429, code="TooManyRequests"),
        Fault("", "answer", 5, status=500, code="InternalError"),
        Fault("", "answer", 5, status=502, code=""),
        Fault("", "refuse", 5),
        Fault("", "reset", 5, after=100),
        Fault("", "truncate", 5, after=100),
    ],
    ids=lambda fault: f"{fault.action}-{fault.status}",
)
def test_a_listing_outlasts_faults(proxy: FaultProxy, bucket: Bucket, fault: Fault) -> None:
    bucket.put({"a.jpg": b"1"})
    times = fault.times
    proxy.faults.append(Fault(**vars(fault)))
    assert keys(listed(f"s3://{bucket.name}")) == ["a.jpg"]
    assert len(proxy.listings()) == times + 1


def test_a_server_that_keeps_failing_is_given_up(proxy: FaultProxy, bucket: Bucket) -> None:
    proxy.faults.append(Fault("", "answer", 10**6))
    with pytest.raises(TransportError, match=r"SlowDown.*gave up after 12 attempts"):
        listed(f"s3://{bucket.name}")
    assert len(proxy.requests) == ATTEMPTS == 12


def test_a_server_that_is_not_there_is_given_up_sooner(
    proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TransportError, match=r"does not answer.*gave up after 8 attempts"):
        listed("s3://bucket")


def test_https_to_a_server_without_it_names_the_way(proxy: FaultProxy) -> None:
    with pytest.raises(InputUnreadableError, match=r"minio\+http://"):
        listed(f"minio://{proxy.host}/bucket")


def test_an_endpoint_that_is_no_address_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://host/path?query=1")
    monkeypatch.setattr("imgvet.sources.s3.time.sleep", lambda _: pytest.fail("it was asked again"))
    with pytest.raises(InputUnreadableError, match=r"not a valid URI.*Check name, endpoint"):
        list(list_objects(parse_location("s3://bucket/a"), "s3://bucket/a"))


def test_settings_that_can_not_be_used_are_an_error(
    proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "no address")
    with pytest.raises(InputUnreadableError, match="No connection can be set up"):
        listed("s3://bucket")


def test_objects_named_one_by_one_cost_a_request_each(proxy: FaultProxy, bucket: Bucket) -> None:
    bucket.put({"a.jpg": b"1", "b b.jpg": b"22"})
    proxy.faults.append(Fault("denied.jpg", "answer", method="HEAD", status=403))
    proxy.faults.append(Fault("b b.jpg", "answer", 3, method="HEAD", status=503))
    named = [
        (parse_location(f"s3://{bucket.name}/{key}"), "list.txt")
        for key in ("b b.jpg", "gone.jpg", "a.jpg", "denied.jpg")
    ]
    found = list(look_up_objects(named))
    assert keys(found) == ["b b.jpg", "gone.jpg", "a.jpg", "denied.jpg"]
    assert [entry.file_size for entry in found] == [2, None, 1, None]
    assert [entry.status for entry in found] == [
        *(Reason.OK, Reason.MISSING, Reason.OK, Reason.UNREADABLE)
    ]
    assert "s3:GetObject" in found[3].detail
    assert len(found[0].version) == 32
    assert len(proxy.requests) == 4 + 3


def test_a_checked_entry_keeps_its_version() -> None:
    checked = Entry("s3://b/a.jpg", "s3://b", 0, version="v").checked(1)
    assert (checked.status, checked.version) == (Reason.EMPTY_FILE, "v")


def test_times_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2024, 5, 17, 3, 2, 3, 456789, tzinfo=timezone(timedelta(hours=2)))

    class Clock:
        def list_objects_v2(self, **request: object) -> dict[str, object]:
            return {"Contents": [{"Key": "a.jpg", "Size": 1, "LastModified": moment}]}

    monkeypatch.setattr("imgvet.sources.s3_objects.client_for", lambda _: Clock())
    assert [entry.mtime_ns for entry in listed("s3://any")] == [1_715_907_723_456_789_000]


def test_what_lies_in_archives_of_buckets_is_listed_and_read(
    proxy: FaultProxy, bucket: Bucket, tmp_path: Path
) -> None:
    archive = write_zip(tmp_path / "a.zip", {"x.jpg": b"x", "y.jpg": b"y"}).read_bytes()
    bucket.put({"p/a.zip": archive, "p/z.jpg": b"z"})
    uri = f"s3://{bucket.name}/p"
    names = [f"{uri}/a.zip!gone.jpg", f"{uri}/a.zip!y.jpg", f"{uri}/z.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(names))
    with opened([uri]) as (items, read):
        assert [read(row) for row in range(len(items))] == [b"x", b"y", b"z"]
    with opened([str(tmp_path / "list.txt")]) as (items, read):
        assert items["filename"].tolist() == names
        gone, *others = (read(row) for row in range(3))
        assert isinstance(gone, Failure)
        assert gone.reason is Reason.MISSING
        assert others == [b"y", b"z"]
    with opened(names[1:2]) as (items, read):
        assert (items["filename"].tolist(), read(0)) == (names[1:2], b"y")


def test_copies_of_archives_are_found_from_wherever_the_work_dir_is_named(
    proxy: FaultProxy, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_zip(tmp_path / "a.zip", {"x.jpg": b"x"}).read_bytes()
    bucket.put({"a.zip": archive})
    options, work = SourceOptions(input_dir=(f"s3://{bucket.name}",)), WorkDir(tmp_path / "out")
    for name in options.inputs:
        for path in mirror(name, options, work, "run", images=False).compressed:
            containers_in(work, VideoOptions())[Kind.ARCHIVE].prepare(Path(path))
    (file,) = files_in(to_frame(list_items(options, work)))
    monkeypatch.chdir(tmp_path)
    content = Reader(WorkDir(Path("out")), VideoOptions()).read(file)
    assert isinstance(content, Content)
    assert content.data == b"x"
