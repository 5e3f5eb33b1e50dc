"""Stand-ins for detectors' models: the same inputs and outputs, and boxes that are known.

They fire on plain colours, so that what is painted into a picture is what must be found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
FACE_CELLS = 4.0
"""Side of a stand-in's face box, in cells of its stride."""

YOLO_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
"""What the stand-in of YOLOv5 finds, RGB; colour i is of class YOLO_CLASSES[i]."""

YOLO_CLASSES = (0, 2, 79)
YOLO_ROWS = 25_200
YOLO_SCORE = 0.81
_FAR = 10_000.0


@dataclass
class Graph:
    """Nodes and constants of a graph under construction."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def save(self, path: Path, inputs: list[Any], outputs: list[Any]) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, "stand-in", inputs, outputs, self.constants)
        opset = helper.make_opsetid("", 13)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, str(path))
        return model


def write_yunet(
    path: Path, channels: tuple[int, int, int] = (2, 1, 0), alone: bool = False
) -> Path:
    """Write a stand-in of YuNet: input (1, 3, 640, 640), twelve outputs for strides 8, 16 and 32.

    A cell of stride s fires where it is filled with one pure colour; its box is centred there and
    ``FACE_CELLS`` cells wide and high.

    Args:
        path: file to write.
        channels: for each stride, the channel (of BGR) of its colour; red, green, blue.
        alone: fire only where no neighbouring cell is filled too.
    """
    graph = Graph()
    for stride, channel in zip(STRIDES, channels, strict=True):
        weights = np.full((1, 3, 1, 1), -1 / 255)
        weights[0, channel] = 1 / 255
        inputs = ["input", graph.constant(f"colour{stride}", weights)]
        graph.add("Conv", inputs, f"response{stride}")
        graph.add("Relu", [f"response{stride}"], f"positive{stride}")
        graph.add(
            "AveragePool", [f"positive{stride}"], f"mean{stride}",
            kernel_shape=[stride, stride], strides=[stride, stride],
        )  # fmt: skip
        kernel = np.full((1, 1, 3, 3), -0.5 if alone else 0.0)
        kernel[0, 0, 1, 1] = 1
        inputs = [f"mean{stride}", graph.constant(f"kernel{stride}", kernel)]
        graph.add("Conv", inputs, f"alone{stride}", pads=[1, 1, 1, 1])
        _add_neck(graph, stride)
        _add_heads(graph, stride)
    kinds = (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
    outputs = [
        helper.make_tensor_value_info(
            f"{kind}_{stride}", TensorProto.FLOAT, [1, (640 // stride) ** 2, width]
        )
        for kind, width in kinds
        for stride in STRIDES
    ]
    shape = [1, 3, 640, 640]
    graph.save(path, [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)], outputs)
    return path


def _add_neck(graph: Graph, stride: int) -> None:
    """Enlarge and shrink the map again, as a feature pyramid does."""
    scales = graph.constant(f"scales{stride}", [1, 1, 2, 2])
    graph.add(
        "Resize", [f"alone{stride}", "", scales], f"large{stride}",
        mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    graph.add(
        "MaxPool", [f"large{stride}"], f"map{stride}", kernel_shape=[2, 2], strides=[2, 2]
    )  # fmt: skip


def _add_heads(graph: Graph, stride: int) -> None:
    size = np.log(FACE_CELLS)
    heads = (
        ("cls", 1, 1.0, [0.0]),
        ("obj", 1, 1.0, [0.0]),
        ("bbox", 4, 0.0, [0.5, 0.5, size, size]),
        ("kps", 10, 0.0, [0.0] * 10),
    )
    for kind, width, weight, bias in heads:
        name = f"{kind}_{stride}"
        weights = graph.constant(f"{name}_w", np.full((width, 1, 1, 1), weight))
        biases = graph.constant(f"{name}_b", bias)
        graph.add("Conv", [f"map{stride}", weights, biases], f"{name}_conv")
        graph.add("Transpose", [f"{name}_conv"], f"{name}_last", perm=[0, 2, 3, 1])
        shape = graph.constant(f"{name}_shape", [1, -1, width], np.int64)
        graph.add("Reshape", [f"{name}_last", shape], name)


def write_yolov5(
    path: Path,
    half: bool = False,
    open_size: bool = False,
    names: object = None,
    classes: int = 80,
) -> Path:
    """Write a stand-in of YOLOv5s: input (1, 3, 640, 640), output (1, 25200, 5 + classes).

    For each colour of ``YOLO_COLOURS`` there is a candidate with the box around its pixels
    (score ``YOLO_SCORE``), a worse one a pixel beside it, and one below any threshold; all other
    candidates are zero.

    Args:
        path: file to write.
        half: inputs and outputs of float16.
        open_size: declare height and width of the input as open.
        names: metadata ``names``; None for none.
        classes: number of classes.
    """
    graph = Graph()
    number = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    graph.add("Cast", ["images"], "pixels", to=TensorProto.FLOAT)
    _add_masks(graph)
    edges = [_add_edge(graph, *edge) for edge in _EDGES]
    graph.add("Concat", edges, "edges", axis=1)  # left, right, top, bottom: (colours, 4)
    to_box = [[0.5, 0, -1, 0], [0.5, 0, 1, 0], [0, 0.5, 0, -1], [0, 0.5, 0, 1]]
    graph.add("MatMul", ["edges", graph.constant("to_box", to_box)], "box")
    candidates = [
        _add_candidates(graph, kind, shift, objectness, classes)
        for kind, shift, objectness in (("best", 0, 0.9), ("worse", 1, 0.7), ("faint", 200, 0.2))
    ]
    graph.add("Concat", candidates, "rows", axis=0)
    rows = 3 * len(YOLO_COLOURS)
    padding = graph.constant("padding", [0, 0, YOLO_ROWS - rows, 0], np.int64)
    graph.add("Pad", ["rows", padding], "padded")
    graph.add("Unsqueeze", ["padded", graph.constant("first", [0], np.int64)], "batch")
    graph.add("Cast", ["batch"], "output0", to=number)
    size: list[Any] = ["height", "width"] if open_size else [640, 640]
    model = graph.save(
        path,
        [helper.make_tensor_value_info("images", number, [1, 3, *size])],
        [helper.make_tensor_value_info("output0", number, [1, YOLO_ROWS, 5 + classes])],
    )
    if names is not None:
        helper.set_model_props(model, {"stride": "32", "names": str(names)})
        onnx.save(model, str(path))
    return path


_EDGES = (
    ("left", "across", -1),
    ("right", "across", 1),
    ("top", "down", -1),
    ("bottom", "down", 1),
)


def _add_masks(graph: Graph) -> None:
    """Which pixels have which colour: (colours, 1, 640, 640), and where each pixel lies."""
    colours = np.array(YOLO_COLOURS).reshape(-1, 3, 1, 1) / 255
    graph.add("Sub", ["pixels", graph.constant("colours", colours)], "difference")
    graph.add("Abs", ["difference"], "distance")
    graph.add("ReduceMax", ["distance"], "furthest", axes=[1])
    graph.add("Less", ["furthest", graph.constant("near", 0.5)], "mask")
    graph.add("Cast", ["mask"], "filled", to=TensorProto.FLOAT)
    graph.add("ReduceMax", ["filled"], "found", axes=[2, 3])
    graph.add("Reshape", ["found", graph.constant("column", [-1, 1], np.int64)], "seen")
    graph.constant("across", np.arange(640).reshape(1, 1, 1, 640))
    graph.constant("down", np.arange(640).reshape(1, 1, 640, 1))
    graph.constant("one", 1.0)


def _add_edge(graph: Graph, name: str, axis: str, sign: int) -> str:
    """The least (or, plus one, the greatest) coordinate of each colour's pixels: (colours, 1)."""
    far = graph.constant(f"{name}_far", -sign * _FAR)
    graph.add("Where", ["mask", axis, far], f"{name}_where")
    graph.add(
        "ReduceMin" if sign < 0 else "ReduceMax", [f"{name}_where"], f"{name}_all", axes=[2, 3]
    )
    graph.add("Reshape", [f"{name}_all", "column"], f"{name}_edge")
    if sign < 0:
        return f"{name}_edge"
    return graph.add("Add", [f"{name}_edge", "one"], f"{name}_after")


def _add_candidates(graph: Graph, kind: str, shift: float, objectness: float, classes: int) -> str:
    moved = graph.constant(f"{kind}_shift", [shift, 0, 0, 0])
    graph.add("Add", ["box", moved], f"{kind}_box")
    graph.add("Mul", ["seen", graph.constant(f"{kind}_factor", objectness)], f"{kind}_objectness")
    chances: NDArray[np.float64] = np.full((len(YOLO_COLOURS), classes), 0.05)
    for row, number in enumerate(YOLO_CLASSES):
        chances[row, number % classes] = 0.9
    inputs = [f"{kind}_box", f"{kind}_objectness", graph.constant(f"{kind}_classes", chances)]
    return graph.add("Concat", inputs, f"{kind}_rows", axis=1)
