"""Downloads: resumed, checked before use, recorded, and one line when they fail."""

from __future__ import annotations

import hashlib
import logging
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imgvet.errors import ModelError
from imgvet.models import download
from imgvet.models.download import fetch_model
from imgvet.models.file import ModelFile
from imgvet.progress import Progress, listening
from support.model_server import Fault, ModelServer, certified, running_model_server

CONTENT = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(300_000)
ATTEMPTS = 3


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_ATTEMPTS", ATTEMPTS)
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    monkeypatch.setattr(download, "_TIMEOUT", 5.0)


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def served(server: ModelServer, content: bytes = CONTENT, *, published: bool = True) -> ModelFile:
    """A file on the server, with the digest of CONTENT if one is published."""
    server.files["/small.onnx"] = content
    return ModelFile(
        name="small",
        url=f"{server.url}/small.onnx",
        sha256=digest_of(CONTENT) if published else None,
        size=len(CONTENT),
        licence="Apache-2.0",
        source="https://example.org/small",
        way_out="use the built-in model",
    )


def fetch(file: ModelFile) -> bytes:
    return fetch_model(file).read_bytes()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_file_is_downloaded_once(
    server: ModelServer, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, seen = served(server), list[Progress]()
    with caplog.at_level(logging.WARNING), listening(seen.append):
        path = fetch_model(file)
    assert path == folder / "small.onnx"
    assert path.read_bytes() == CONTENT
    assert left(folder) == ["small.onnx", "small.onnx.json"]
    assert seen[-1] == Progress("download_small_(MB)", 0, 0)
    (line,) = caplog.messages
    for part in ("small", "Apache-2.0", "300 kB", file.url, str(path)):
        assert part in line
    server.faults = [Fault("status", status=500)] * 9
    assert fetch(file) == CONTENT
    assert len(server.requests) == 1


@pytest.mark.parametrize("trouble", ["reset", "truncate"])
def test_what_broke_off_is_resumed(server: ModelServer, trouble: str) -> None:
    file = served(server)
    server.faults = [Fault(trouble, after=100_000), Fault(trouble, after=50_000)]  # type: ignore[arg-type]
    assert fetch(file) == CONTENT
    assert server.ranges() == [None, "bytes=100000-", "bytes=150000-"]


def test_many_breaks_are_no_reason_to_stop_while_bytes_arrive(server: ModelServer) -> None:
    file = served(server)
    server.faults = [Fault("truncate", after=40_000)] * 7
    assert fetch(file) == CONTENT


def test_a_connection_that_brings_nothing_is_given_up(server: ModelServer, folder: Path) -> None:
    file = served(server)
    server.faults = [Fault("truncate", after=1000)] + [Fault("truncate")] * 9
    with pytest.raises(ModelError, match="ended after 1,000 of 300,000 bytes"):
        fetch(file)
    assert len(server.requests) == 1 + ATTEMPTS
    server.faults.clear()
    assert fetch(file) == CONTENT  # the next run goes on
    assert server.ranges()[-1] == "bytes=1000-"


def test_a_server_that_stalls_is_asked_again(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = served(server)
    monkeypatch.setattr(download, "_TIMEOUT", 0.2)
    server.faults = [Fault("stall", seconds=0.6)]
    assert fetch(file) == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize("trouble", ["whole", "shifted"])
def test_a_server_that_ignores_ranges_starts_again(server: ModelServer, trouble: str) -> None:
    file = served(server, published=False)
    server.faults = [Fault("truncate", after=1000), Fault(trouble)]  # type: ignore[arg-type]
    assert fetch(file) == CONTENT


def test_without_a_strong_validator_it_starts_again(server: ModelServer) -> None:
    file = served(server)
    server.strong = False
    server.faults = [Fault("truncate", after=1000)]
    assert fetch(file) == CONTENT
    assert server.ranges() == [None, None]


def test_a_file_that_changed_on_the_server_is_not_mixed(server: ModelServer, folder: Path) -> None:
    file = served(server, OTHER, published=False)
    server.faults = [Fault("truncate", after=1000)] + [Fault("truncate")] * 3
    with pytest.raises(ModelError):
        fetch(file)
    server.files["/small.onnx"] = CONTENT
    assert fetch(file) == CONTENT


def test_a_part_of_another_file_is_thrown_away(server: ModelServer, folder: Path) -> None:
    file = served(server)
    server.faults = [Fault("truncate", after=1000)] + [Fault("truncate")] * 3
    with pytest.raises(ModelError):
        fetch(file)
    (folder / "small.onnx.part").write_bytes(OTHER[:5000])
    assert fetch(file) == CONTENT
    (folder / "small.onnx").unlink()
    (folder / "small.onnx.part").write_bytes(OTHER + OTHER)  # more than the file has
    (folder / "small.onnx.part.validator").write_text("")
    assert fetch(file) == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(server: ModelServer, folder: Path) -> None:
    file = served(server)
    server.faults = [Fault("truncate", after=1000)] + [Fault("truncate")] * 3
    with pytest.raises(ModelError):
        fetch(file)
    with (folder / "small.onnx.part").open("ab") as stream:
        stream.write(OTHER + OTHER)  # its validator still fits
    assert fetch(file) == CONTENT


def test_a_wrong_digest_leaves_nothing(server: ModelServer, folder: Path) -> None:
    file = served(server, OTHER)
    with pytest.raises(ModelError) as raised:
        fetch(file)
    assert digest_of(CONTENT) in str(raised.value)
    assert digest_of(OTHER) in str(raised.value)
    assert left(folder) == []


def test_without_a_published_digest_the_first_one_counts(server: ModelServer, folder: Path) -> None:
    file = served(server, published=False)
    assert fetch(file) == CONTENT
    assert digest_of(CONTENT) in file.record_path.read_text()
    file.path.unlink()
    server.files["/small.onnx"] = OTHER
    with pytest.raises(ModelError, match="the first download was"):
        fetch(file)
    assert not file.path.exists()
    file.record_path.unlink()
    assert fetch(file) == OTHER


def test_the_digest_in_the_headers_of_a_redirect_counts(server: ModelServer, folder: Path) -> None:
    file = served(server, OTHER, published=False)
    server.faults = [Fault("redirect", header=f'"{digest_of(CONTENT)}"')]
    with pytest.raises(ModelError, match="the server gives"):
        fetch(file)
    assert left(folder) == []
    server.files["/small.onnx"] = CONTENT
    server.faults = [Fault("redirect", header=f'"{digest_of(CONTENT)}"')]
    assert fetch(file) == CONTENT
    assert server.requests[-1][0] == "/moved/small.onnx"


def test_a_range_survives_a_redirect(server: ModelServer) -> None:
    file = served(server)
    server.faults = [Fault("truncate", after=1000), Fault("redirect")]
    assert fetch(file) == CONTENT
    assert server.ranges() == [None, "bytes=1000-", "bytes=1000-"]


def test_a_file_that_changed_here_is_refused(server: ModelServer) -> None:
    file = served(server, published=False)
    path = fetch_model(file)
    path.write_bytes(CONTENT)  # a new time, the same bytes
    assert not file.is_checked
    assert fetch(file) == CONTENT
    assert file.is_checked
    path.write_bytes(OTHER)
    with pytest.raises(ModelError, match="not as it should be"):
        fetch(file)


def test_a_file_put_there_by_hand_is_checked_and_used(server: ModelServer, folder: Path) -> None:
    file = served(server)
    folder.mkdir()
    file.path.write_bytes(OTHER)
    with pytest.raises(ModelError, match=str(file.path)):
        fetch(file)
    file.path.write_bytes(CONTENT)
    assert fetch(file) == CONTENT
    assert file.is_checked
    assert server.requests == []


def test_another_address_is_asked_when_the_first_has_it_not(server: ModelServer) -> None:
    file = served(server)
    lost = file.model_copy(update={"url": f"{server.url}/lost.onnx", "mirrors": (file.url,)})
    assert fetch(lost) == CONTENT


def test_an_address_with_other_bytes_counts_as_one_that_has_it_not(server: ModelServer) -> None:
    file = served(server)
    server.files["/stub.onnx"] = b"version https://git-lfs.github.com/spec/v1\n"
    stub = file.model_copy(update={"url": f"{server.url}/stub.onnx", "mirrors": (file.url,)})
    assert fetch(stub) == CONTENT


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(server: ModelServer) -> None:
    file = served(server)
    server.faults = [Fault("status", status=503), Fault("status", status=429)]
    assert fetch(file) == CONTENT
    server.requests.clear()
    file.path.unlink()
    server.faults = [Fault("status", status=403)]
    with pytest.raises(ModelError, match="HTTP 403 Forbidden"):
        fetch(file)
    assert len(server.requests) == 1


def test_offline_the_error_says_what_to_do(folder: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/small.onnx"
    file = ModelFile(
        name="small", url=url, licence="MIT", source=url, way_out="use the built-in model"
    )
    with pytest.raises(ModelError) as raised:
        fetch(file)
    text = str(raised.value)
    for part in (url, str(folder / "small.onnx"), "refused", "use the built-in model"):
        assert part in text
    assert "\n" not in text


def test_an_unknown_host_and_a_bad_address_are_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for url, said in (
        ("http://models.invalid/small.onnx", "no network"),
        ("small.onnx", "address"),
    ):
        with pytest.raises(ModelError, match="can't be downloaded") as raised:
            fetch(ModelFile(name="small", url=url, licence="MIT", source=url))
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)


def test_proxies_come_from_the_environment(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = served(server).model_copy(update={"url": "http://models.invalid/small.onnx"})
    monkeypatch.setenv("http_proxy", server.url)
    assert fetch(file) == CONTENT
    assert server.requests[0][0] == "http://models.invalid/small.onnx"


def test_those_who_come_at_once_download_once(server: ModelServer) -> None:
    file = served(server)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(fetch, [file] * 4)) == {CONTENT}
    assert len(server.requests) == 1


def test_a_folder_that_can_not_be_used_is_one_line(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IMGVET_MODEL_DIR", str(tmp_path / "file" / "models"))
    with pytest.raises(ModelError, match=r"can't be kept in .*Set IMGVET_MODEL_DIR"):
        fetch(served(server))


def test_a_file_that_never_ends_is_given_up(server: ModelServer, folder: Path) -> None:
    file = served(server, CONTENT * 50, published=False)
    with pytest.raises(ModelError, match="it is larger than"):
        fetch(file)
    assert left(folder) == []


def test_a_server_must_be_who_it_says_and_not_lead_away_from_tls(
    server: ModelServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = certified(tmp_path)
    with running_model_server(context) as secure:
        with pytest.raises(ModelError, match="certificate verify failed"):
            fetch(served(secure))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        served(server)
        secure.faults = [Fault("redirect", to=server.url)]
        with pytest.raises(ModelError, match="it leads away from https"):
            fetch(served(secure))
        assert left(folder) == []
        assert fetch(served(secure)) == CONTENT
