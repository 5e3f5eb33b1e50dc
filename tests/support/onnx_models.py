"""Small ONNX models with the inputs and outputs of real ones, and what they must give.

Each averages the prepared picture over patches and multiplies the three colours by a fixed matrix,
so that an embedding can be computed by hand: :func:`expected`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Axis = int | str | None
Output = Literal["rows", "tokens", "planes", "classes"]
PATCH = 14


@dataclass(frozen=True)
class Signature:
    """What a model takes and returns.

    Attributes:
        input: name of its input.
        shape: shape of its input.
        type: element type of its input.
        width: values of an embedding.
        kind: ``rows`` (n, width); ``tokens`` (n, 1 + patches, width), the first of which is twice
            the mean of the others plus one; ``planes`` (n, width, rows, columns); ``classes``
            (n, 10) of a softmax over the embedding.
        output: name of the output.
        inner: name of the averaged (n, width, 1, 1) inside the graph.
        also: name of a further output (n, 3) that stands first; empty for none.
    """

    input: str = "pixel_values"
    shape: tuple[Axis, ...] = ("batch", 3, 224, 224)
    type: int = TensorProto.FLOAT
    width: int = 16
    kind: Output = "rows"
    output: str = "embeds"
    inner: str = "averaged"
    also: str = ""

    def with_(self, **changes: Any) -> Signature:
        """The same with some fields changed."""
        return replace(self, **changes)

    @property
    def is_last(self) -> bool:
        """Whether the colours are the last axis of the input."""
        return self.shape[3] == 3


_ANY = ("batch_size", "num_channels", "height", "width")
DINOV2S = Signature(shape=_ANY, width=384, kind="tokens", output="last_hidden_state")
DINOV2B = DINOV2S.with_(width=768)
CLIP = Signature(shape=_ANY, width=512, output="image_embeds", also="last_hidden_state")
CLIP_LARGE = CLIP.with_(width=768)
RESNET50 = Signature(
    input="data", shape=("N", 3, 224, 224), width=2048, kind="classes",
    output="resnetv17_dense0_fwd", inner="resnetv17_pool1_fwd",
)  # fmt: skip
EFFICIENTNET = Signature(
    input="images:0", shape=(1, 224, 224, 3), width=1280, kind="classes", output="Softmax:0",
    inner="efficientnet-lite4/model/head/AvgPool:0",
)  # fmt: skip

REAL = {
    "dinov2s": DINOV2S,
    "dinov2b": DINOV2B,
    "clip": CLIP,
    "clip336": CLIP_LARGE,
    "clip14": CLIP_LARGE,
    "resnet50": RESNET50,
    "efficientnet": EFFICIENTNET,
}
"""Signatures of the real models, by the names they have in the registry."""


def weights(width: int) -> NDArray[np.float32]:
    """The matrix (width, 3) that every model of that width has."""
    return np.random.default_rng(width).normal(size=(width, 3)).astype(np.float32)


def expected(
    colours: Sequence[float], width: int, mean: Sequence[float], std: Sequence[float]
) -> NDArray[np.float64]:
    """The embedding of a picture of one colour (levels 0 to 255), of length 1."""
    normalised = (np.array(colours, np.float64) - mean) / std
    vector = weights(width).astype(np.float64) @ normalised
    return np.asarray(vector / np.linalg.norm(vector))


def model_bytes(signature: Signature) -> bytes:
    """The content of the .onnx file."""
    nodes = _head(signature)
    outputs = [_OUTPUTS[signature.kind](signature, nodes)]
    if signature.also:
        nodes.append(helper.make_node("GlobalAveragePool", ["small"], ["small_mean"]))
        nodes.append(helper.make_node("Flatten", ["small_mean"], [signature.also]))
        outputs.insert(0, _float(signature.also, ["n", 3]))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(signature.input, signature.type, list(signature.shape))],
        outputs,
        _constants(signature.width),
    )
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_model(path: Path, signature: Signature) -> Path:
    """Write the .onnx file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model_bytes(signature))
    return path


def _head(signature: Signature) -> list[Any]:
    """From the input to ``planes``, (n, width, rows, columns), and its average."""
    nodes = [helper.make_node("Cast", [signature.input], ["cast"], to=TensorProto.FLOAT)]
    moved = "cast"
    if signature.is_last:
        nodes.append(helper.make_node("Transpose", ["cast"], ["moved"], perm=[0, 3, 1, 2]))
        moved = "moved"
    sizes = {"kernel_shape": [PATCH, PATCH], "strides": [PATCH, PATCH]}
    nodes.append(helper.make_node("AveragePool", [moved], ["small"], **sizes))
    nodes.append(helper.make_node("Conv", ["small", "matrix"], ["planes"]))
    nodes.append(helper.make_node("GlobalAveragePool", ["planes"], [signature.inner]))
    return nodes


def _rows(signature: Signature, nodes: list[Any]) -> Any:
    nodes.append(helper.make_node("Flatten", [signature.inner], [signature.output]))
    return _float(signature.output, [signature.shape[0], signature.width])


def _tokens(signature: Signature, nodes: list[Any]) -> Any:
    nodes += [
        helper.make_node("Reshape", ["planes", "flat"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["patches"], perm=[0, 2, 1]),
        helper.make_node("ReduceMean", ["patches"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "two"], ["doubled"]),
        helper.make_node("Add", ["doubled", "one"], ["first"]),
        helper.make_node("Concat", ["first", "patches"], [signature.output], axis=1),
    ]
    return _float(signature.output, ["n", "tokens", signature.width])


def _planes(signature: Signature, nodes: list[Any]) -> Any:
    nodes.append(helper.make_node("Identity", ["planes"], [signature.output]))
    return _float(signature.output, ["n", signature.width, "rows", "columns"])


def _classes(signature: Signature, nodes: list[Any]) -> Any:
    nodes += [
        helper.make_node("Flatten", [signature.inner], ["flattened"]),
        helper.make_node("MatMul", ["flattened", "classifier"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [signature.output], axis=1),
    ]
    return _float(signature.output, [signature.shape[0], 10])


_OUTPUTS = {"rows": _rows, "tokens": _tokens, "planes": _planes, "classes": _classes}


def _float(name: str, shape: list[Axis]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _constants(width: int) -> list[Any]:
    values = {
        "matrix": weights(width).reshape(width, 3, 1, 1),
        "flat": np.array([0, width, -1], np.int64),
        "one": np.ones((1, 1, 1), np.float32),
        "two": np.full((1, 1, 1), 2, np.float32),
        "classifier": np.zeros((width, 10), np.float32),
    }
    return [numpy_helper.from_array(value, name) for name, value in values.items()]
