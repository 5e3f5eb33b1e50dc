"""``imgvet models list | pull | path``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgvet.cli.main import main
from imgvet.models.registry import KNOWN, NAMES
from support.model_server import ModelServer, running_model_server
from support.onnx_models import REAL, model_bytes


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMGVET_MODEL_DIR", str(tmp_path / "models"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "models"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A server from which clip and clip14 come, the second of which publishes no digest."""
    with running_model_server() as running:
        known = dict(KNOWN)
        for name in ("clip", "clip14"):
            content = model_bytes(REAL[name])
            running.files[f"/{name}.onnx"] = content
            digest = hashlib.sha256(content).hexdigest() if name == "clip" else None
            changes = {"url": f"{running.url}/{name}.onnx", "sha256": digest}
            known[name] = known[name].model_copy(update=changes)
        monkeypatch.setattr("imgvet.models.registry.KNOWN", known)
        yield running


def test_the_table_names_every_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    table, _, notes = capsys.readouterr().out.partition("\n\n")
    head, *lines = table.splitlines()
    assert [line.split()[0] for line in lines] == list(NAMES)
    assert head.split()[:6] == ["NAME", "WIDTH", "INPUT", "SIZE", "LICENCE", "HERE"]
    assert "built-in        384    176  4.25 MB  Apache-2.0  yes   near dup" in lines[0]
    assert "clip336         768    336  1.22 GB  MIT         no    the same" in table
    assert str(folder) in notes
    assert max(map(len, lines)) <= 100


def test_pulled_models_are_here_and_their_path_is_told(
    server: ModelServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "pull", "clip", "clip14", "built-in"]) == 0
    lines = capsys.readouterr().out.splitlines()
    digest = hashlib.sha256(server.files["/clip.onnx"]).hexdigest()
    assert lines[0] == f"clip: {folder / 'clip.onnx'}, sha256 {digest} (as published)"
    assert lines[1].endswith("(recorded at the first download)")
    assert "inside the package" in lines[2]
    assert main(["models", "path", "clip"]) == 0
    assert capsys.readouterr().out == f"{folder / 'clip.onnx'}\n"
    main(["models", "list"])
    here = {line.split()[0]: "yes" in line for line in capsys.readouterr().out.splitlines()[1:9]}
    assert {name for name, is_here in here.items() if is_here} == {"built-in", "clip", "clip14"}
    (folder / "clip.onnx").write_bytes(b"changed")
    main(["models", "list"])
    assert "unchecked" in capsys.readouterr().out


def test_paths_without_a_download(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "path"]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert main(["models", "path", "built-in"]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()


def test_a_download_that_fails_is_one_line(
    server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files.clear()
    assert main(["models", "pull", "clip"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "(HTTP 404 Not Found). Put the file by hand at" in line
    assert "built-in model needs no download" in line
