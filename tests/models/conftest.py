"""A server of models and an empty folder for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.model_server import ModelServer, running_model_server


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with running_model_server() as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models, and no proxies."""
    monkeypatch.setenv("IMGVET_MODEL_DIR", str(tmp_path / "models"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "models"
