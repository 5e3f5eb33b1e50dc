"""EfficientNet-Lite0 without its classifier, written down as a float ONNX graph.

The layers follow the published network (stem, 16 inverted residual blocks, head of 1,280
channels); every batch normalisation is folded into the convolution before it. The picture
enters with four neighbouring pixels folded into one position of twelve channels, which is the
same bytes in the same order: the first convolution then copies longer runs and computes two
results at a position, which takes half the time and changes no value.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, np.ndarray]

OPSET = 17
IR_VERSION = 8
BATCH_NORM_EPSILON = 1e-3
FEATURES = 1280
PIXELS_PER_POSITION = 4
# kernel size and stride of the depthwise convolution of every block
BLOCKS = (
    *((3, 1), (3, 2), (3, 1), (5, 2), (5, 1), (3, 2), (3, 1), (3, 1)),
    *((5, 1), (5, 1), (5, 1), (5, 2), (5, 1), (5, 1), (5, 1), (3, 1)),
)
# the blocks that add to what they are given
ADDING = (2, 4, 6, 7, 9, 10, 12, 13, 14)


@dataclass
class Graph:
    """Nodes and initializers of a graph under construction, and the weights it draws from."""

    weights: Weights
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, value: np.ndarray) -> str:
        """Store `value` as the initializer `name`."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, inputs: list[str], name: str, **attributes: object) -> str:
        """Append a node whose only output is called like the node."""
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name


def float_network(
    weights: Weights, input_size: int, without: Collection[int] = ()
) -> onnx.ModelProto:
    """Graph from `pixels` float32 [N, 12, S, S/4] to `pooled` float32 [N, 1280, 1, 1].

    `without` names blocks of `ADDING` to leave out.
    """
    graph = Graph(weights)
    graph.constant("relu6.low", np.float32(0.0))
    graph.constant("relu6.high", np.float32(6.0))
    tensor = _stem(graph, "pixels", input_size)
    size = input_size // 2
    for index, (kernel, stride) in enumerate(BLOCKS):
        if index in without:
            continue
        tensor, size = _block(graph, tensor, index, size, kernel, stride)
    tensor = _convolution(graph, tensor, "head", *folded(weights, "_conv_head", "_bn1"))
    graph.add("GlobalAveragePool", [_relu6(graph, tensor)], "pooled")
    pixels = helper.make_tensor_value_info(
        "pixels",
        TensorProto.FLOAT,
        ["N", 3 * PIXELS_PER_POSITION, input_size, input_size // PIXELS_PER_POSITION],
    )
    pooled = helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["N", FEATURES, 1, 1])
    return finished(graph, [pixels], [pooled])


def finished(
    graph: Graph, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    """Wrap the nodes into a checked model."""
    body = helper.make_graph(graph.nodes, "efficientnet-lite0", inputs, outputs, graph.initializers)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(body, opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def folded(weights: Weights, layer: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel float32 [out, in, k, k] and bias float32 [out] with the normalisation folded in."""
    deviation = np.sqrt(weights[f"{norm}.running_var"].astype(np.float64) + BATCH_NORM_EPSILON)
    factor = weights[f"{norm}.weight"] / deviation
    kernel = weights[f"{layer}.weight"] * factor[:, None, None, None]
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * factor
    return kernel.astype(np.float32), bias.astype(np.float32)


def _stem(graph: Graph, tensor: str, input_size: int) -> str:
    """First convolution, 3x3 of stride 2, computing two neighbouring results at a position.

    From float32 [N, 12, S, S/4], four pixels a position, to float32 [N, 32, S/2, S/2].
    """
    kernel, bias = folded(graph.weights, "_conv_stem", "_bn0")
    tensor = _relu6(
        graph,
        _convolution(
            graph,
            tensor,
            "stem",
            _two_columns(kernel),
            np.tile(bias, 2),
            strides=[2, 1],
            pads=[0, 0, 1, 1],
        ),
    )
    half = input_size // 2
    shape = graph.constant("stem.shape", np.array([0, half, half, len(bias)], np.int64))
    tensor = graph.add("Transpose", [tensor], "stem.pairs", perm=[0, 2, 3, 1])
    tensor = graph.add("Reshape", [tensor, shape], "stem.columns")
    return graph.add("Transpose", [tensor], "stem.channels_first", perm=[0, 3, 1, 2])


def _two_columns(kernel: np.ndarray) -> np.ndarray:
    """Spread a 3x3 kernel [out, 3, 3, 3] over groups of four pixels: [2 out, 12, 3, 2]."""
    outputs = kernel.shape[0]
    spread = np.zeros((2, outputs, 2, 4, 3, 3), np.float32)  # result, out, group, pixel, RGB, row
    for result in range(2):
        for column in range(3):
            group, pixel = divmod(2 * result + column, 4)
            spread[result, :, group, pixel] = kernel[:, :, :, column]
    ordered = spread.transpose(0, 1, 3, 4, 5, 2)  # result, out, pixel, RGB, row, group
    return ordered.reshape(2 * outputs, PIXELS_PER_POSITION * 3, 3, 2)


def _block(
    graph: Graph, tensor: str, index: int, size: int, kernel: int, stride: int
) -> tuple[str, int]:
    """One inverted residual block: expand (but in the first), depthwise, project, add."""
    weights, layer, name = graph.weights, f"_blocks.{index}", f"block{index}"
    entry = tensor
    if f"{layer}._expand_conv.weight" in weights:
        parameters = folded(weights, f"{layer}._expand_conv", f"{layer}._bn0")
        tensor = _relu6(graph, _convolution(graph, tensor, f"{name}.expand", *parameters))
        inputs = parameters[0].shape[1]
    else:
        inputs = weights[f"{layer}._depthwise_conv.weight"].shape[0]
    parameters = folded(weights, f"{layer}._depthwise_conv", f"{layer}._bn1")
    pads, size = _same_padding(size, kernel, stride)
    tensor = _convolution(
        graph,
        tensor,
        f"{name}.depthwise",
        *parameters,
        strides=[stride, stride],
        pads=pads,
        group=parameters[0].shape[0],
    )
    parameters = folded(weights, f"{layer}._project_conv", f"{layer}._bn2")
    tensor = _convolution(graph, _relu6(graph, tensor), f"{name}.project", *parameters)
    if stride == 1 and inputs == parameters[0].shape[0]:
        tensor = graph.add("Add", [tensor, entry], f"{name}.sum")
    return tensor, size


def _convolution(
    graph: Graph,
    tensor: str,
    name: str,
    kernel: np.ndarray,
    bias: np.ndarray,
    **attributes: object,
) -> str:
    """Append a convolution with kernel float32 [out, in, h, w] and bias float32 [out]."""
    inputs = [
        tensor,
        graph.constant(f"{name}.kernel", kernel),
        graph.constant(f"{name}.bias", bias),
    ]
    return graph.add("Conv", inputs, name, kernel_shape=list(kernel.shape[2:]), **attributes)


def _relu6(graph: Graph, tensor: str) -> str:
    return graph.add("Clip", [tensor, "relu6.low", "relu6.high"], f"{tensor}.relu6")


def _same_padding(size: int, kernel: int, stride: int) -> tuple[list[int], int]:
    """Padding [top, left, bottom, right] that gives ceil(size / stride), and that size."""
    result = -(-size // stride)
    total = max(0, (result - 1) * stride + kernel - size)
    before, after = total // 2, total - total // 2
    return [before, before, after, after], result
