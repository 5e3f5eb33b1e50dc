"""A bucket to measure on: moto's S3 server on loopback, as a process of its own.

The server is a Python program and shares the machine's cores, so what it can give out at most is
measured as well, by bare ``http.client`` threads.
"""

from __future__ import annotations

import http.client
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from benchmarks.machine import cores
from benchmarks.settings import REPOSITORY
from imgvet.options import VideoOptions
from imgvet.sources.listing import Content
from imgvet.sources.reading import Reader, read_each
from imgvet.sources.s3 import parse_location
from imgvet.sources.s3_objects import list_objects
from imgvet.store.files import FileToRead
from imgvet.workdir import WorkDir

_BUCKET = "pictures"
_WRITERS, _READERS = 8, 32


@dataclass(frozen=True)
class FilledBucket:
    """A bucket that a server gives out.

    Attributes:
        uri: its name as an input.
        environment: the variables that lead boto3 to the server.
        host: host and port of the server.
    """

    uri: str
    environment: Mapping[str, str]
    host: str


@contextmanager
def filled_bucket(objects: Iterable[tuple[str, bytes]]) -> Iterator[FilledBucket]:
    """A bucket with these keys and contents, until the end of the ``with`` block."""
    # The server is that of the tests; their helpers are no installed package.
    sys.path.append(str(REPOSITORY / "tests"))
    try:
        from support.s3_server import environment, running_server
    finally:
        sys.path.pop()
    with running_server() as server:
        bucket = server.make_bucket(_BUCKET)
        with ThreadPoolExecutor(_WRITERS) as pool:
            for _ in pool.map(lambda pair: bucket.put(dict([pair])), objects):
                pass
        yield FilledBucket(f"s3://{_BUCKET}", environment(server.url), server.host)


def bare_rate(bucket: FilledBucket, keys: Sequence[str]) -> float:
    """Objects a second that threads read with nothing but http.client.

    Raises:
        RuntimeError: the server did not give out every object.
    """
    started = time.perf_counter()
    with ThreadPoolExecutor(_READERS) as pool:
        found = sum(pool.map(lambda key: _is_read(bucket.host, key), keys))
    seconds = time.perf_counter() - started
    if found != len(keys):
        raise RuntimeError(f"{found} of {len(keys)} objects")
    return len(keys) / seconds


def reader_rate(bucket: FilledBucket) -> float:
    """Objects a second that a run reads, if it does nothing with them.

    Raises:
        RuntimeError: an object could not be read.
    """
    before = dict(os.environ)
    os.environ.update(bucket.environment)
    try:
        listed = enumerate(list_objects(parse_location(bucket.uri), bucket.uri))
        files = [
            FileToRead(number, one.path, one.file_size, one.mtime_ns, one.version)
            for number, one in listed
        ]
        with tempfile.TemporaryDirectory() as folder:
            reader = Reader(WorkDir(Path(folder)), VideoOptions())
            started = time.perf_counter()
            read = list(read_each(files, reader, lambda _, found: type(found), cores()))
            seconds = time.perf_counter() - started
    finally:
        os.environ.clear()
        os.environ.update(before)
    if set(read) != {Content}:
        raise RuntimeError("an object could not be read")
    return len(files) / seconds


def _is_read(host: str, key: str) -> bool:
    connection = http.client.HTTPConnection(host)
    # The server looks only whether a request is signed.
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20200101/us-east-1/s3/x"}
    connection.request("GET", f"/{_BUCKET}/{quote(key)}", headers=signed)
    answer = connection.getresponse()
    size = len(answer.read()) if answer.status == http.HTTPStatus.OK else 0
    connection.close()
    return size > 0
