"""The temporary server: each run has one of its own, on a port that is its own from the start."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from prefect import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from imgvet.engine import server as engine_server
from imgvet.engine.server import LOOPBACK, TemporaryServer, failures_of
from imgvet.errors import EngineError
from support.receiver import free_port


@pytest.fixture
def servers(
    new_database: Path, tmp_path: Path
) -> Iterator[tuple[TemporaryServer, TemporaryServer]]:
    """Two servers, started at the same time."""
    started = (TemporaryServer(), TemporaryServer())
    started[0].launch()
    for name, server in zip(("first", "second"), started, strict=True):
        server.start(tmp_path / name)
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
    assert not list(first.home.glob("prefect.db*"))
    assert is_healthy(second)


def test_a_work_dir_gets_a_new_database_with_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tables(database: Path) -> list[str]:
        with closing(sqlite3.connect(database)) as open_database:
            rows = open_database.execute("select name from sqlite_master").fetchall()
        return [name for (name,) in rows]

    for path, table in ((tmp_path / "made.db", "fresh"), (tmp_path / "prefect.db", "used")):
        with closing(sqlite3.connect(path)) as database:
            database.execute(f"create table {table} (x)")
    (tmp_path / "prefect.db-wal").write_bytes(b"of a server that was killed")
    monkeypatch.setattr(engine_server, "_template", lambda: tmp_path / "gone.db")
    engine_server._copy_template(tmp_path)
    assert (tmp_path / "prefect.db-wal").exists()  # without one, it is all there is
    monkeypatch.setattr(engine_server, "_template", lambda: tmp_path / "made.db")
    engine_server._copy_template(tmp_path)
    assert not (tmp_path / "prefect.db-wal").exists()
    assert tables(tmp_path / "prefect.db") == ["fresh"]


def test_a_server_that_is_not_wanted_ends_with_the_pipe() -> None:
    server = TemporaryServer()
    process = server.launch()
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=60) == 0


def test_a_server_that_is_gone_before_it_is_wanted(tmp_path: Path) -> None:
    server = TemporaryServer()
    process = server.launch()
    process.kill()
    process.wait()
    server.start(tmp_path / "home")
    with pytest.raises(EngineError, match="did not start"):
        server.wait()
    server.stop()


def test_a_server_that_can_not_be_imported_says_why_in_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "__init__.py").write_text("raise ImportError('no such luck')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = TemporaryServer()
    server.start(tmp_path / "home")
    with pytest.raises(EngineError, match="did not start"):
        server.wait()
    assert "no such luck" in (tmp_path / "home" / engine_server.LOG).read_text()
    server.stop()


def test_a_server_that_goes_away_is_an_error_of_the_server_and_a_bug_is_not() -> None:
    def start_a_flow() -> None:  # Prefect asks for the version first
        with get_client(httpx_settings={"timeout": 5}, sync_client=True) as client:
            client.raise_for_api_version_mismatch()

    address = f"http://127.0.0.1:{free_port()}/api"
    with (
        temporary_settings({PREFECT_API_URL: address}),
        pytest.raises(EngineError, match=r"failed: .*refused\. Start it\."),
        failures_of(address, "Start it"),
    ):
        start_a_flow()
    with pytest.raises(RuntimeError, match="a bug"), failures_of(address, "Start it"):
        raise RuntimeError("a bug")
