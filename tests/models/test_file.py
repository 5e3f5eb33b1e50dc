"""Names, sizes and places of model files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from imgvet.models.file import ModelFile, model_folder


def test_the_folder_is_the_one_named_or_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert model_folder() == tmp_path / "models"
    monkeypatch.delenv("IMGVET_MODEL_DIR")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: f"{tmp_path}/cache/{name}")
    assert model_folder() == tmp_path / "cache" / "imgvet" / "models"


def test_a_file_is_named_after_the_model_with_the_ending_of_its_address() -> None:
    file = ModelFile(name="a", url="https://h.example/x/y.onnx?download=1", licence="", source="")
    assert file.file_name == "a.onnx"


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".a"])
def test_a_name_never_leaves_the_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        ModelFile(name=name, url="https://h.example/y.onnx", licence="", source="")
