"""Names of objects: parsed, written, and refused."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.errors import InvalidParameterError
from imgvet.sources.s3 import ObjectLocation, is_remote, parse_location

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
keys = text | st.sampled_from(
    ["../x.jpg", "/x", "a//b", "a b#c?d=e&f%20g!h+i", "zeile\r\nzwei.jpg", "ünïcödé/日本.png", "a/"]
)
buckets = st.from_regex(r"[a-z0-9][a-z0-9.-]{1,20}", fullmatch=True)
hosts = st.sampled_from(["localhost:9000", "minio.example.org", "10.0.0.7:443", "[::1]:9000"])


@given(st.sampled_from(["minio", "minio+http"]), hosts, buckets, keys)
def test_a_minio_name_parses_back(scheme: str, host: str, bucket: str, key: str) -> None:
    location = ObjectLocation(scheme, host, bucket, key)
    assert parse_location(location.uri) == location
    assert location.uri.encode().decode() == location.uri


@given(buckets, keys)
def test_an_s3_name_parses_back(bucket: str, key: str) -> None:
    location = ObjectLocation("s3", "", bucket, key)
    assert location.uri == f"s3://{bucket}/{key}"
    assert parse_location(location.uri) == location


@given(keys, keys)
def test_names_sort_as_the_bytes_of_their_keys(one: str, other: str) -> None:
    first, second = (ObjectLocation("s3", "", "b", key).uri for key in (one, other))
    assert (first < second) == (one.encode() < other.encode())


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("s3://bucket/a", None),
        ("minio://Example.org:9000/bucket/a", "https://example.org:9000"),
        ("minio+http://127.0.0.1:9000/bucket/a", "http://127.0.0.1:9000"),
    ],
)
def test_http_only_where_it_was_asked_for(name: str, endpoint: str | None) -> None:
    location = parse_location(name)
    assert (location.bucket, location.key, location.endpoint) == ("bucket", "a", endpoint)


def test_a_bucket_needs_no_slash() -> None:
    assert parse_location("s3://bucket") == parse_location("s3://bucket/")
    assert parse_location("S3://bucket").uri == "s3://bucket/"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("s3://", "names no bucket"),
        ("s3:///key", "names no bucket"),
        ("s3://buck et/key", "names no bucket"),
        ("minio://host", "names no bucket"),
        ("minio:///bucket/key", "names no host"),
        ("minio://ho st/bucket", "names no host"),
        ("minio://me:secret@host/bucket", "no user or password"),
        ("s3://bucket/\udcff.jpg", "not valid UTF-8"),
        ("http://bucket/key", "not the name of a bucket"),
    ],
)
def test_what_is_no_name_is_refused(name: str, said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said) as caught:
        parse_location(name)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["photos", "/s3://x", "s3:/bucket", "s3", "gs://bucket"])
def test_other_inputs_are_not_remote(name: str) -> None:
    assert not is_remote(name)


def test_boto3_is_imported_when_it_is_needed_and_not_before() -> None:
    program = (
        "import sys, imgvet.sources.inputs, imgvet.sources.reading, imgvet.sources.s3_mirror\n"
        "print([name for name in ('boto3', 'botocore') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
