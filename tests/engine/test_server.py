"""The temporary server: each run has one of its own, on a port that is its own from the start."""

from __future__ import annotations

import socket
import sqlite3
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpx
import prefect
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prefect import get_client
from prefect.settings import PREFECT_API_SSL_CERT_FILE, PREFECT_API_URL, temporary_settings

from imgvet.engine import server as engine_server
from imgvet.engine import server_process
from imgvet.engine.server import (
    LOOPBACK,
    TemporaryServer,
    configured_url,
    failures_of,
    past_proxies,
)
from imgvet.errors import EngineError
from support.receiver import free_port


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[TemporaryServer, TemporaryServer]]:
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
    # That of the user's own server is not for a run that has no server.
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", f"sqlite:///{tmp_path}/mine.db")
    home = tmp_path / "what? 100% #ü"
    home.mkdir()
    with closing(sqlite3.connect(home / engine_server.DATABASE)) as database:
        database.execute("create table flow (used)")
    (home / f"{engine_server.DATABASE}-wal").write_bytes(b"of a server that was killed")
    server = TemporaryServer()
    server.start(home)
    server.wait()
    made = httpx.post(f"{server.url}/flows/", json={"name": "new"})
    assert made.json()["name"] == "new", made.text
    server.stop()
    assert not [*home.glob(f"{engine_server.DATABASE}*"), *tmp_path.glob("mine.db*")]


def test_it_takes_nothing_of_what_is_set_for_another_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs.db"
    database = f"sqlite+aiosqlite:///{theirs}"
    (tmp_path / ".env").write_text("PREFECT_SERVER_CSRF_PROTECTION_ENABLED=true\n")
    (tmp_path / "prefect.toml").write_text('[server.api]\nbase_path = "/of/theirs"\n')
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", database)
    monkeypatch.setenv("prefect_server_api_auth_string", "user:secret")
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "no level")
    monkeypatch.chdir(tmp_path)
    server = TemporaryServer()
    server.start(Path("home"))
    server.wait()
    assert httpx.post(f"{server.url}/flows/", json={"name": "new"}).is_success
    server.stop()
    assert not theirs.exists()


def test_what_is_reached_without_a_proxy_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert past_proxies() == {"no_proxy": "127.0.0.1"}
    monkeypatch.setenv("NO_PROXY", "example.org")
    assert past_proxies() == {"no_proxy": "example.org,127.0.0.1"}
    monkeypatch.setenv("no_proxy", "*")
    assert past_proxies() == {"no_proxy": "*"}


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
    with pytest.raises(EngineError, match="killed by signal 9"):
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
    said = httpx.HTTPError("Server error '500'\nFor more information check: https://far.away")
    with pytest.raises(EngineError, match=r"'500'\. Start it\.$"), failures_of(address, "Start it"):
        raise said


class Answer(BaseHTTPRequestHandler):
    """Answers as a server of Prefect does that is asked for its version."""

    status, said = 200, f'"{prefect.__version__}"'

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.said.encode())


@contextmanager
def answering(tls: ssl.SSLContext | None = None, **answer: object) -> Iterator[str]:
    """The address of a server whose answer is always the same."""
    with ThreadingHTTPServer((LOOPBACK, 0), type("Says", (Answer,), answer)) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http{'s' if tls else ''}://{LOOPBACK}:{server.server_address[1]}/api"
        server.shutdown()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 401}, r"refuses who asks\. Set PREFECT_API_AUTH_STRING"),
        ({"said": '"2.20.1"'}, r"is of no use .*incompatible versions"),
        ({"said": "<html>"}, "there is no API of Prefect"),
        ({"status": 404}, "there is no API of Prefect"),
    ],
)
def test_a_server_that_is_of_no_use(
    answer: dict[str, object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(**answer) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        with pytest.raises(EngineError, match=said):
            configured_url()


def test_a_run_inside_a_flow_of_the_user_is_at_its_server() -> None:
    from prefect.context import SyncClientContext

    with (
        answering() as url,
        temporary_settings({PREFECT_API_URL: url}),
        SyncClientContext(),
        temporary_settings(restore_defaults={PREFECT_API_URL}),
    ):
        assert configured_url() == url


def test_a_server_with_a_certificate_of_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = write_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with answering(tls) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        with pytest.raises(EngineError, match=r"does not answer .*CERTIFICATE_VERIFY_FAILED"):
            configured_url()
        with temporary_settings({PREFECT_API_SSL_CERT_FILE: str(certificate)}):
            assert configured_url() == url


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A key of this machine and the certificate that it signed for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOOPBACK)]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    files = folder / "key.pem", folder / "certificate.pem"
    plain = serialization.NoEncryption()
    files[0].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain
        )
    )
    files[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return files


def test_what_a_run_asks_for_is_what_the_server_has() -> None:
    from prefect.server.api.server import API_ROUTERS

    assert {router.prefix for router in API_ROUTERS} >= set(server_process._ASKED)
