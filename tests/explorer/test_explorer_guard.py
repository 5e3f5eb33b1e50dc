"""Who is let in, and what can't be reached."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from imgvet.errors import InvalidParameterError, RunNotFoundError
from imgvet.explorer.server import Explorer
from imgvet.workdir import WorkDir


def raw(port: int, request: bytes) -> bytes:
    """What the server answers to exactly these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::1]",
             "127.0.0.1:80@evil.example", "10.0.0.1", "0.0.0.0", "127.0.0.1:x"],
)  # fmt: skip
def test_other_hosts_are_refused(client: httpx.Client, host: str):
    assert client.get("/explore", headers={"host": host}).status_code == 421


def test_two_hosts_are_refused(explorer: Explorer):
    answer = raw(
        explorer.port,
        b"GET /explore HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"
        b"Connection: close\r\n\r\n",
    )
    assert answer.split()[1] in (b"400", b"421")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9000", "127.0.0.1:1"])
def test_this_machine_is_answered_through_any_port(client: httpx.Client, host: str):
    assert client.get("/explore", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/explore", "/api/run", "/thumbnail/1", "/original/1", "/report/index.html",
             "/static/main.js", "/nothing", "/explore?key=", "/explore?key=wrong"],
)  # fmt: skip
def test_without_the_key_nothing_is_told(base: str, path: str):
    answer = httpx.get(base + path, trust_env=False)
    assert answer.status_code == 401
    assert "photo" not in answer.text


def test_the_key_becomes_a_cookie_that_scripts_cannot_read(explorer: Explorer, base: str):
    answer = httpx.get(explorer.url + "&similar=1", trust_env=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/explore?similar=1"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    elsewhere = base + "//evil.example/?" + explorer.url.split("?")[1]
    assert httpx.get(elsewhere, trust_env=False).headers["location"] == "/evil.example/"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
        },
        {"x-imgvet-token": "wrong"},
        {"x-imgvet-token": ""},
    ],
)
@pytest.mark.parametrize("path", ["/api/lists", "/api/search", "/api/search-path"])
def test_posts_of_other_sites_are_refused(
    client: httpx.Client, work: WorkDir, path: str, headers: dict[str, str]
):
    answer = client.post(path, json={"name": "evil", "ids": [1]}, headers=headers)
    assert answer.status_code == 403
    assert not (work.path / "lists" / "evil.txt").exists()


def test_other_sites_may_link_but_not_load(client: httpx.Client):
    navigation = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    foreign = {"sec-fetch-site": "cross-site"}
    assert client.get("/explore", headers=foreign | navigation).status_code == 200
    frame = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    assert client.get("/explore", headers=foreign | frame).status_code == 403
    assert client.get("/original/1", headers=foreign).status_code == 403
    own = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
    assert client.get("/api/run", headers=own).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/explore",
        "/nothing",
        "/api/items/999",
        "/original/1",
        "/report/index.html",
        "/static/main.js",
    ],
)
def test_every_answer_forbids_framing_sniffing_and_other_sites(client: httpx.Client, path: str):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    if path == "/explore":
        assert "script-src 'self';" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/report/../run.json", "/report/%2e%2e/run.json", "/report/..%2frun.json",
        "/report/%2e%2e%2frun.json", "/report/..%5crun.json", "/report//etc/passwd",
        "/report/%2fetc%2fpasswd", "/report/data/../../run.json", "/report/link.txt",
        "/report/%00", "/report/index.html%00.js", "/report/" + "a" * 5000, "/report/data",
        "/static/../guard.py", "/static/%2e%2e/guard.py", "/static/..%2fserver.py",
        "/lists/../run.json", "/lists/%2e%2e%2fsecret.txt", "/lists/..%2f..%2fsecret.txt",
        "/lists/%00.txt", "/lists/none.txt", "/original/../../etc/passwd",
        "/original/%2fetc%2fpasswd",
        "/original/-1", "/original/99999", "/original/1e1", "/original/" + "9" * 40,
        "/thumbnail/99999", "/thumbnail/" + "9" * 40, "/api/items/" + "9" * 40,
        "/api/similar/99999", "/api/columns/../run", "/run.json", "/tables/items.parquet",
        "/store/",
        "//etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
    ],
)  # fmt: skip
def test_nothing_outside_is_served(explorer: Explorer, client: httpx.Client, path: str):
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    # Written by hand, as clients tidy such paths up.
    answer = raw(
        explorer.port,
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n"
        "Connection: close\r\n\r\n".encode(),
    )
    assert answer.split()[1] in (b"400", b"404"), answer[:300]
    assert b"secret" not in answer
    assert b"parameters" not in answer
    assert b"root:" not in answer


def test_a_port_that_is_taken_is_refused(explorer: Explorer, work: WorkDir):
    with pytest.raises(InvalidParameterError, match="can't be used"):
        Explorer(work.path, explorer.port)
    with pytest.raises(InvalidParameterError, match="can't be used"):
        Explorer(work.path, 70_000)


def test_a_work_dir_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(RunNotFoundError):
        Explorer(tmp_path)


def test_it_stops(work: WorkDir):
    explorer = Explorer(work.path)
    assert explorer.url in repr(explorer)
    explorer.stop()
    explorer.stop()
    assert not explorer.running
    assert repr(explorer) == "Explorer(stopped)"
    with pytest.raises(httpx.ConnectError):
        httpx.get(explorer.url, trust_env=False)
