"""The temporary server: each run has one of its own, on a port that is its own from the start."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from imgvet.engine.server import LOOPBACK, TemporaryServer


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[TemporaryServer, TemporaryServer]]:
    """Two servers, started at the same time."""
    started = (TemporaryServer(tmp_path / "first"), TemporaryServer(tmp_path / "second"))
    for server in started:
        server.start()
    yield started
    for server in started:
        server.stop()


def is_healthy(server: TemporaryServer) -> bool:
    try:
        return httpx.get(f"{server.url}/health", timeout=30).is_success
    except httpx.HTTPError:
        return False


def test_two_servers_started_together_are_two(
    servers: tuple[TemporaryServer, TemporaryServer],
) -> None:
    first, second = servers
    assert first.port != second.port
    for server in servers:
        # Nobody else gets the port, not even before the process has come up.
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((LOOPBACK, server.port))
    for server in servers:
        server.wait()
    assert is_healthy(first)
    first.stop()
    assert not is_healthy(first)
    assert is_healthy(second)
