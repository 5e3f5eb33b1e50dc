"""Models known by name: downloaded from loopback, used as their publishers use them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from imgvet.embedding.compute import embed_pictures
from imgvet.errors import ImgvetError, InvalidParameterError, ModelError
from imgvet.models.model import BUILTIN_NAME, Model
from imgvet.models.registry import KNOWN, NAMES, KnownModel
from imgvet.models.resolve import resolve_model
from imgvet.options import ModelOptions
from support.model_server import ModelServer
from support.onnx_models import REAL, Signature, expected, model_bytes

COLOURS = (200, 90, 30)


def serve(
    server: ModelServer, name: str, signature: Signature, monkeypatch: pytest.MonkeyPatch
) -> KnownModel:
    """Let a name of the registry stand for a small model on the server."""
    content, known = model_bytes(signature), KNOWN[name]
    server.files[f"/{name}.onnx"] = content
    digest = hashlib.sha256(content).hexdigest() if known.sha256 else None
    changes = {"url": f"{server.url}/{name}.onnx", "mirrors": (), "sha256": digest}
    small = known.model_copy(update=changes)
    monkeypatch.setattr("imgvet.models.resolve.KNOWN", {**KNOWN, name: small})
    return small


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_model_gives_what_its_preparation_says(
    name: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = serve(server, name, REAL[name], monkeypatch).card
    options = ModelOptions(model_path=name, d=card.width)
    model = resolve_model(options)
    pictures = [np.full(shape, COLOURS, np.uint8) for shape in ((256, 256, 3), (90, 300, 3))]
    vectors = embed_pictures(pictures, model)
    truth = expected(COLOURS, card.width, card.mean, card.std)
    if card.pooling == "cls":  # the first token: twice the mean of the others plus one
        raw = 2 * unscaled(card.mean, card.std, card.width) + 1
        truth = raw / np.linalg.norm(raw)
    assert vectors.shape == (2, card.width)
    assert np.allclose(vectors, truth, atol=1e-4)
    assert (
        model.card.digest
        != model.card.sha256
        == hashlib.sha256(model.path.read_bytes()).hexdigest()
    )
    server.requests.clear()
    assert resolve_model(options) == model
    assert server.requests == []


def unscaled(mean: tuple[float, ...], std: tuple[float, ...], width: int) -> np.ndarray:
    from support.onnx_models import weights

    return weights(width).astype(np.float64) @ ((np.array(COLOURS) - mean) / std)


def test_a_model_of_another_width_than_its_card_says_is_refused(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(server, "clip", REAL["clip"].with_(width=500), monkeypatch)
    with pytest.raises(ModelError, match="gives 500 values a picture, its card says 512"):
        resolve_model(ModelOptions(model_path="clip"))


def test_a_wrong_d_is_refused_before_anything_is_downloaded(server: ModelServer) -> None:
    with pytest.raises(InvalidParameterError, match="d = 512, but the model dinov2s gives 384"):
        resolve_model(ModelOptions(model_path="dinov2s", d=512))
    with pytest.raises(InvalidParameterError, match="give d = 384"):
        resolve_model(ModelOptions(d=512))


@pytest.mark.parametrize("given", [None, BUILTIN_NAME])
def test_without_a_path_it_is_the_built_in_model(given: str | None) -> None:
    model = resolve_model(ModelOptions(model_path=given, d=384))
    assert (model.card.name, model.device) == ("efficientnet-lite0", "cpu")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("dinov2-s", "Did you mean 'dinov2s'? Known are built-in, dinov2s, dinov2b, clip,"),
        ("CLIP", "Did you mean 'clip'?"),
        ("nothing.onnx", "no known model, and there is no file"),
        (".", "not a file that ends in .onnx or .ort"),
    ],
)
def test_what_is_no_model_is_one_line(given: str, said: str) -> None:
    with pytest.raises(ImgvetError) as raised:
        resolve_model(ModelOptions(model_path=given))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_registry_is_complete_and_says_what_is_estimated() -> None:
    assert list(NAMES) == [BUILTIN_NAME, *REAL]
    widths = {"dinov2s": 384, "dinov2b": 768, "clip": 512, "clip336": 768, "clip14": 768}
    assert {name: KNOWN[name].card.width for name in widths} == widths
    assert {name for name in KNOWN if KNOWN[name].card.wants_originals} == {"clip336"}
    assert not any(known.card.calibrated for known in KNOWN.values())
    assert len({known.card.digest for known in KNOWN.values()}) == len(KNOWN)
    for known in KNOWN.values():
        assert known.url.startswith("https://")
        assert known.licence
        assert known.card.sha256 == (known.sha256 or "")
    resnet = KNOWN["resnet50"]
    assert (resnet.size, (resnet.sha256 or "")[:8]) == (102_576_419, "ab65bdc0")


@pytest.mark.parametrize(
    ("names", "mean", "std", "resize_size", "interpolation"),
    [
        (("dinov2s", "dinov2b"), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 256, "bicubic"),
        (("resnet50",), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 256, "bilinear"),
        (("efficientnet",), (127 / 255,) * 3, (128 / 255,) * 3, 256, "bilinear"),
        (
            ("clip", "clip336", "clip14"),
            (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711),
            None, "bicubic",
        ),
    ],
)  # fmt: skip
def test_preparations_are_those_of_the_publishers(
    names: tuple[str, ...],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    resize_size: int | None,
    interpolation: str,
) -> None:
    for name in names:
        card = KNOWN[name].card
        assert np.allclose(np.array(card.mean) / 255, mean, atol=1e-7)
        assert np.allclose(np.array(card.std) / 255, std, atol=1e-7)
        assert (card.resize, card.resize_size) == ("crop", resize_size)
        assert (card.interpolation, card.colour_order) == (interpolation, "RGB")


def test_a_model_is_plain_data() -> None:
    model = resolve_model(ModelOptions())
    assert Model.model_validate_json(model.model_dump_json()) == model
    assert hash(model) == hash(model.model_copy())
