"""The built-in model with a larger input."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from imgvet.models.model import HIGH_ACCURACY_SIDE, Model, builtin_model, high_accuracy_model
from imgvet.models.session import with_input_side


@pytest.fixture(scope="module")
def model() -> Model:
    return builtin_model()


@pytest.fixture(scope="module")
def content(model: Model) -> bytes:
    return model.path.read_bytes()


def test_high_accuracy_is_the_same_file_with_embeddings_of_their_own(model: Model) -> None:
    larger = high_accuracy_model(model)
    assert larger.path == model.path
    assert larger.card.input_size == HIGH_ACCURACY_SIDE > model.card.input_size
    assert larger.card.width == model.card.width
    assert larger.card.similarity_scale == model.card.similarity_scale
    assert larger.card.digest != model.card.digest


def test_the_enlarged_model_sees_what_the_usual_one_can_not(model: Model, content: bytes) -> None:
    side = HIGH_ACCURACY_SIDE
    session = onnxruntime.InferenceSession(
        with_input_side(content, model.card.input_size, side), providers=["CPUExecutionProvider"]
    )
    assert session.get_inputs()[0].shape[1:] == [side, side, 3]
    pictures = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    pictures[1] = pictures[0]
    pictures[1, -8:, -8:] = 255 - pictures[1, -8:, -8:]  # only the last corner
    (vectors,) = session.run(None, {"images": pictures})
    assert vectors.shape == (3, model.card.width)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert 0.9 < float(vectors[0] @ vectors[1]) < 0.99999


@pytest.mark.parametrize("side", [128, 208, 240, 256, 4096])
def test_sizes_can_be_changed_back(content: bytes, model: Model, side: int) -> None:
    usual = model.card.input_size
    changed = with_input_side(content, usual, side)
    assert len(changed) == len(content)
    assert changed != content
    assert with_input_side(changed, side, usual) == content
