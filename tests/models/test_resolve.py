"""Models from files: the signature is read, the rest is guessed or said in a JSON file."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

from imgvet.embedding.compute import embed_pictures
from imgvet.errors import InvalidParameterError, ModelError
from imgvet.models.model import Model
from imgvet.models.resolve import resolve_model
from imgvet.options import ModelOptions
from support.onnx_models import Signature, expected, write_model

COLOURS = (200, 90, 30)
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
RAW = ((0, 0, 0), (1, 1, 1))
PLAIN = Signature()


def resolved(path: Path, **options: Any) -> Model:
    return resolve_model(ModelOptions(model_path=str(path), **options))


def embedded(model: Model, count: int = 3) -> np.ndarray:
    pictures = [np.full((100 + 50 * row, 300, 3), COLOURS, np.uint8) for row in range(count)]
    return embed_pictures(pictures, model)


@pytest.mark.parametrize("shape", ["NCHW", "NHWC"])
@pytest.mark.parametrize("batch", ["batch", 1, 4])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.UINT8, TensorProto.FLOAT16])
def test_layout_batch_and_type_are_read(
    shape: str, batch: str | int, kind: int, tmp_path: Path
) -> None:
    axes = (3, 70, 70) if shape == "NCHW" else (70, 70, 3)
    model = resolved(
        write_model(tmp_path / "own.onnx", PLAIN.with_(shape=(batch, *axes), type=kind))
    )
    assert (model.card.layout, model.card.input_size, model.card.width) == (shape, 70, 16)
    mean, std = RAW if kind == TensorProto.UINT8 else IMAGENET
    vectors = embedded(model, 6)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, expected(COLOURS, 16, mean, std), atol=5e-3)


@pytest.mark.parametrize("kind", ["rows", "tokens", "planes"])
@pytest.mark.parametrize("sides", [(224, 224), ("height", "width")])
def test_outputs_are_pooled(kind: Any, sides: tuple[Any, Any], tmp_path: Path) -> None:
    signature = PLAIN.with_(kind=kind, shape=("batch", 3, *sides))
    model = resolved(write_model(tmp_path / "own.onnx", signature))
    assert model.card.pooling == ("none" if kind == "rows" else "mean")
    assert (model.card.width, model.card.input_size) == (16, 224)
    vectors = embedded(model)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    if kind != "tokens":
        assert np.allclose(vectors, expected(COLOURS, 16, *IMAGENET), atol=1e-4)


def test_what_is_guessed_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        resolved(write_model(tmp_path / "own.onnx", PLAIN.with_(kind="tokens")))
    (line,) = caplog.messages
    for part in ("NCHW float32 of 224", "'embeds'", "averaged", "16 values", "own.json"):
        assert part in line


def test_what_is_guessed_can_be_said(tmp_path: Path) -> None:
    path = write_model(tmp_path / "own.onnx", PLAIN.with_(kind="tokens", shape=("n", 3, "h", "w")))
    guessed = resolved(path)
    said = {
        "input_size": 280, "mean": 10, "std": [2, 4, 8], "colour_order": "BGR", "resize": "crop",
        "pooling": "cls", "similarity_scale": 0.5, "calibrated": True,
    }  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(said))
    card = resolved(path).card
    assert card.model_dump(include=set(said), mode="json") == {**said, "mean": [10, 10, 10]}
    assert card.wants_originals
    assert card.digest != guessed.card.digest
    assert (guessed.card.similarity_scale, guessed.card.calibrated) == (1.0, False)


def test_colours_are_given_in_the_order_the_model_wants(tmp_path: Path) -> None:
    path = write_model(tmp_path / "own.onnx", PLAIN)
    path.with_suffix(".json").write_text('{"colour_order": "BGR", "mean": [1, 2, 3], "std": 5}')
    truth = expected(COLOURS[::-1], 16, (3, 2, 1), (5, 5, 5))
    assert np.allclose(embedded(resolved(path)), truth, atol=1e-4)


def test_a_tensor_inside_the_graph_can_be_taken(tmp_path: Path) -> None:
    path = write_model(tmp_path / "own.onnx", PLAIN.with_(kind="classes"))
    assert resolved(path).card.width == 10
    path.with_suffix(".json").write_text('{"output": "averaged"}')
    model = resolved(path)
    assert model.card.width == 16
    assert np.allclose(embedded(model), expected(COLOURS, 16, *IMAGENET), atol=1e-4)


def test_a_file_in_the_format_of_onnx_runtime_is_read(tmp_path: Path) -> None:
    path = write_model(tmp_path / "own.onnx", PLAIN)
    settings = onnxruntime.SessionOptions()
    settings.optimized_model_filepath = str(tmp_path / "own.ort")
    settings.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    assert np.allclose(
        embedded(resolved(tmp_path / "own.ort")), embedded(resolved(path)), atol=1e-5
    )


def test_d_is_compared_with_the_model(tmp_path: Path) -> None:
    path = write_model(tmp_path / "own.onnx", PLAIN)
    assert resolved(path, d=16).card.width == 16
    with pytest.raises(InvalidParameterError, match="d = 17, but the model own gives 16 values"):
        resolved(path, d=17)


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        (PLAIN.with_(shape=("n", 3, 224, 160)), "n x 3 x 224 x 160"),
        (PLAIN.with_(type=TensorProto.INT32), "tensor(int32)"),
    ],
)
def test_what_does_not_take_pictures_is_refused(
    signature: Signature, said: str, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "own.onnx", signature)
    with pytest.raises(ModelError) as raised:
        resolved(path)
    assert said in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08\x12\x00"])
def test_what_is_no_model_is_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="can't be loaded") as raised:
        resolved(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "can't be read"),
        ("[1]", "holds no object"),
        ('{"mena": 1}', "holds mena. Its fields are calibrated, colour_order"),
        ('{"width": 3}', "holds width"),
        ('{"layout": "CHW"}', "layout: Input should be 'NHWC' or 'NCHW'"),
        ('{"resize_size": 100}', "resize_size is less than input_size"),
        ('{"output": "nothing"}', "can't be loaded with an output 'nothing'"),
        ('{"layout": "NHWC"}', "can't be run on an input of shape"),
    ],
)
def test_a_wrong_json_file_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / "own.onnx", PLAIN)
    path.with_suffix(".json").write_text(text)
    with pytest.raises(ModelError) as raised:
        resolved(path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
