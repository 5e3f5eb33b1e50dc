"""Sessions: shared by threads, fixed batches, small memories, and devices that are not there."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgvet.embedding.compute import embed_pictures
from imgvet.errors import ModelError
from imgvet.models import session as sessions
from imgvet.models.model import Model, builtin_model
from imgvet.models.resolve import resolve_model
from imgvet.models.session import CUDA_BATCH, Runner, open_runner
from imgvet.options import ModelOptions
from support.onnx_models import Signature, write_model


@dataclass
class FakeValue:
    name: str = "x"
    shape: tuple[Any, ...] = ("n", 2)


@dataclass
class FakeSession:
    """Doubles its input; its memory holds so many rows."""

    room: int
    shape: tuple[Any, ...] = ("n", 2)
    error: Exception = field(
        default_factory=lambda: RuntimeError("Failed to allocate memory for requested buffer")
    )
    sizes: list[int] = field(default_factory=list)

    def get_inputs(self) -> list[FakeValue]:
        return [FakeValue(shape=self.shape)]

    def get_outputs(self) -> list[FakeValue]:
        return [FakeValue("y")]

    def run(self, names: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        (values,) = feeds.values()
        self.sizes.append(len(values))
        if len(values) > self.room:
            raise self.error
        return [values * 2]


def rows(count: int) -> np.ndarray:
    return np.arange(2 * count, dtype=np.float32).reshape(count, 2)


def runner(session: FakeSession, device: Any = "cuda") -> Runner:
    return Runner(session, device)  # type: ignore[arg-type]


@pytest.mark.parametrize("room", [1, 5, 31, 64, 1000])
def test_batches_are_halved_until_they_fit(room: int) -> None:
    session = FakeSession(room)
    ready = runner(session)
    assert np.array_equal(ready.run(rows(100), "y"), 2 * rows(100))
    session.sizes.clear()
    assert np.array_equal(ready.run(rows(70), "y"), 2 * rows(70))
    assert max(session.sizes) <= room  # what did not fit once is not tried again
    assert ready.batch <= CUDA_BATCH
    assert 2 * ready.batch > min(room, CUDA_BATCH)  # and no more was given up than needed


def test_a_memory_without_room_for_one_is_one_line() -> None:
    with pytest.raises(ModelError, match="too small for the model and 1 of its inputs"):
        runner(FakeSession(0)).run(rows(3), "y")
    with pytest.raises(ModelError, match="too small"):
        runner(FakeSession(3, shape=(4, 2))).run(rows(4), "y")


def test_another_failure_is_not_mistaken_for_a_small_memory() -> None:
    session = FakeSession(0, error=RuntimeError("Got invalid dimensions\nfor input"))
    with pytest.raises(ModelError, match="invalid dimensions for input"):
        runner(session).run(rows(3), "y")
    assert session.sizes == [3]


def test_a_fixed_batch_is_filled_up() -> None:
    session = FakeSession(1000, shape=(4, 2))
    assert np.array_equal(runner(session, "cpu").run(rows(10), "y"), 2 * rows(10))
    assert session.sizes == [4, 4, 4]


def test_one_session_is_shared_by_all_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    real = sessions.open_session

    def slowly(*given: Any) -> Any:
        opened.append(given)
        time.sleep(0.05)
        return real(*given)

    monkeypatch.setattr(sessions, "open_session", slowly)
    path = write_model(tmp_path / "own.onnx", Signature(shape=("n", 3, 28, 28)))
    model = resolve_model(ModelOptions(model_path=str(path)))
    copy = model.model_copy(update={"path": Path(shutil.copy(path, tmp_path / "copy.onnx"))})
    pictures = [np.full((9, 9, 3), level, np.uint8) for level in range(40)]
    with ThreadPoolExecutor(8) as pool:
        vectors = np.concatenate(list(pool.map(lambda p: embed_pictures([p], copy), pictures)))
    assert [entry[0] for entry in opened] == [model.path, copy.path]
    assert np.allclose(vectors, embed_pictures(pictures, model), atol=1e-5)


def test_a_file_that_changed_is_opened_again(tmp_path: Path) -> None:
    path = write_model(tmp_path / "own.onnx", Signature(width=5))
    assert resolve_model(ModelOptions(model_path=str(path))).card.width == 5
    write_model(path, Signature(width=6))
    assert resolve_model(ModelOptions(model_path=str(path))).card.width == 6


def test_a_file_that_is_gone_is_one_line(tmp_path: Path) -> None:
    model = builtin_model().model_copy(update={"path": tmp_path / "gone.onnx"})
    with pytest.raises(ModelError, match=r"gone\.onnx can't be read \(No such file"):
        embed_pictures([np.zeros((9, 9, 3), np.uint8)], model)


def test_without_cuda_the_processor_is_taken_and_one_line_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with caplog.at_level(logging.WARNING):
        model = resolve_model(ModelOptions(), "cuda")
        embed_pictures([np.zeros((9, 9, 3), np.uint8)] * 20, model)
    assert model.device == "cpu"
    (line,) = caplog.messages
    assert "runs on the processor" in line
    assert "imgvet[gpu]" in line


def test_a_cuda_that_does_not_start_is_one_line_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime with CUDA on a machine without its libraries goes on with the processor."""
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(sessions, "_providers", lambda _: ["CPUExecutionProvider"])
    sessions._opened.cache_clear()
    with caplog.at_level(logging.WARNING):
        model = resolve_model(ModelOptions(), "cuda")
        for _ in range(3):
            embed_pictures([np.zeros((9, 9, 3), np.uint8)], model)
    assert model.device == "cuda"
    assert caplog.messages == ["The model runs on the processor: CUDA could not be started"]
    assert open_runner(model).batch == sessions.CPU_BATCH


def test_both_devices_have_the_same_digest() -> None:
    card = builtin_model().card
    assert builtin_model("cuda").card == card
    assert Model(card=card, path=Path("x")).device == "cpu"


@pytest.mark.parametrize(
    "use",
    [
        "from imgvet.models.model import builtin_model\n"
        "from imgvet.models.session import open_session\n"
        "open_session(builtin_model().path)",
        "from imgvet.models.session import runtime_errors\nruntime_errors()",
        "from imgvet.models.session import usable_device\nusable_device('cuda')",
        "import numpy as np\n"
        "from imgvet.crops.detectors.text import TextDetector, text_models\n"
        "TextDetector(text_models()).detect(np.zeros((64, 64, 3), np.uint8))",
    ],
    ids=["model", "errors", "device", "text"],
)
def test_onnx_runtime_starts_without_its_telemetry(use: str, tmp_path: Path) -> None:
    """Its traces lie in the cache folder; where CI is set it leaves none by itself."""
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", use], env=home, check=True)
    assert not list(tmp_path.rglob("*"))
