"""Fixtures ``s3_server``, ``bucket``, ``proxy`` and ``new_clients``.

A test module that needs them says ``pytest_plugins = ("support.s3_fixtures",)``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from imgvet.sources import s3
from support.fault_proxy import FaultProxy, running_proxy
from support.s3_server import Bucket, S3Server, environment, running_server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One server for all tests."""
    with running_server() as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    """An empty bucket of the test's own."""
    return s3_server.make_bucket()


@pytest.fixture(scope="session")
def running_fault_proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """One proxy for all tests, so that clients are made once."""
    with running_proxy(s3_server.host) as running:
        yield running


@pytest.fixture
def proxy(running_fault_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> FaultProxy:
    """A well-behaved proxy before the server, to which s3:// leads while the test runs.

    Requests that fail are repeated at once.
    """
    monkeypatch.setattr("imgvet.sources.s3.FIRST_WAIT", 0.001)
    monkeypatch.setattr("imgvet.sources.s3.LONGEST_WAIT", 0.01)
    monkeypatch.setattr("imgvet.bucket.GRANTED", 0.0)
    running_fault_proxy.faults.clear()
    running_fault_proxy.requests.clear()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment(running_fault_proxy.url).items():
        monkeypatch.setenv(name, value)
    return running_fault_proxy


@pytest.fixture
def new_clients() -> Iterator[Callable[[], None]]:
    """Call it after changing the environment of boto3; it is undone after the test."""
    yield s3._client.cache_clear
    s3._client.cache_clear()
