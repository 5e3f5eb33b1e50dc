"""Objects: YOLOv5 as exported to ONNX by its authors, run by ONNX Runtime."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from imgvet.crops.detectors.common import WAY_OUT, Boxes, best_inside, resized
from imgvet.errors import ModelError
from imgvet.images.geometry import Box, Region
from imgvet.images.picture import Pixels
from imgvet.models.file import ModelFile
from imgvet.models.session import open_session, runtime_errors, words

Rows = npt.NDArray[np.float32]
"""One row per candidate: centre x, centre y, width, height, objectness, classes; (n, 5 + m)."""

_OBJECTNESS, _CLASSES = 4, 5
_PADDING = (114, 114, 114)
"""Gray of the bars around a letterboxed picture, as YOLOv5 was trained with."""

YOLOV5S = ModelFile(
    name="yolov5s",
    url="https://github.com/ultralytics/yolov5/releases/download/v7.0/yolov5s.onnx",
    licence="AGPL-3.0",
    source="https://github.com/ultralytics/yolov5/releases/tag/v7.0",
    way_out=WAY_OUT,
)

COCO_NAMES: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench",
    "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe",
    "backpack", "umbrella", "handbag", "tie", "suitcase",
    "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove",
    "skateboard", "surfboard", "tennis racket",
    "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl",
    "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut",
    "cake",
    "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator",
    "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""The 80 categories of COCO's detection task (Lin et al., 2014; https://cocodataset.org)."""


MIN_SCORE, MAX_OVERLAP, MAX_OBJECTS = 0.25, 0.45, 300
"""The defaults of YOLOv5's ``detect.py`` and ``non_max_suppression``: the least score of an object,
objectness times class probability; of two of a class that overlap more (intersection over union)
the better one stays."""
INPUT_SIZE = 640
"""Side of the square input, in pixels, where the model leaves it open; as there."""


class YoloDetector:
    """Objects by YOLOv5: the picture letterboxed to the model's input, labels from the model.

    The model is an ONNX file, exported by ``export.py`` of YOLOv5: input (1, 3, h, w) of fixed or
    open size, float32 or float16; output (1, n, 5 + classes). Any other is a ModelError.
    """

    def __init__(self, model: Path) -> None:
        self._session = open_session(model)
        entry, *others = self._session.get_inputs()
        if others:
            raise _refused(model, f"it has {1 + len(others)} inputs")
        self._input = entry.name
        self._dtype = np.float16 if entry.type == "tensor(float16)" else np.float32
        fixed = [length for length in entry.shape[-2:] if isinstance(length, int)]
        self._height, self._width = fixed if len(fixed) == 2 else (INPUT_SIZE, INPUT_SIZE)
        self.labels = class_names(self._session.get_modelmeta().custom_metadata_map)
        self._check(model)

    def detect(self, pixels: Pixels) -> list[Region]:
        """The objects of a picture, with label, score and box."""
        inputs, (left, top, x, y) = letterboxed(pixels, self._width, self._height)
        boxes, classes, scores = decoded(self._run(inputs)[0].astype(np.float32))
        boxes = (boxes - (left, top, 0, 0)) / (x, y, x, y)
        found = zip(boxes.tolist(), classes, scores.tolist(), strict=True)
        return best_inside(
            (Region(Box(*box), label=self.labels[kind], score=score) for box, kind, score in found),
            pixels,
        )

    def _run(self, inputs: Pixels) -> npt.NDArray[np.floating]:
        blob = cv2.dnn.blobFromImage(inputs, 1 / 255).astype(self._dtype)
        return np.asarray(self._session.run(None, {self._input: blob})[0])

    def _check(self, model: Path) -> None:
        """Run the model once, so that one of another layout is refused before any picture."""
        wanted = _CLASSES + len(self.labels)
        try:
            shape = self._run(np.zeros((self._height, self._width, 3), np.uint8)).shape
        except runtime_errors() as error:
            raise _refused(model, words(error)) from None
        if len(shape) != 3 or shape[0] != 1 or shape[2] != wanted:
            raise _refused(model, f"it gives {shape} values, not (1, n, {wanted})")


def letterboxed(
    pixels: Pixels, width: int, height: int
) -> tuple[Pixels, tuple[int, int, float, float]]:
    """The picture, scaled to fit into width and height and centred between gray bars.

    With it comes where it lies: left and upper edge, and pixels there per pixel of the picture,
    across and down.
    """
    old_height, old_width = pixels.shape[:2]
    scaled = resized(pixels, min(width / old_width, height / old_height))
    new_height, new_width = scaled.shape[:2]
    left, top = (width - new_width) // 2, (height - new_height) // 2
    result = np.full((height, width, 3), _PADDING, np.uint8)
    result[top : top + new_height, left : left + new_width] = scaled
    return result, (left, top, new_width / old_width, new_height / old_height)


def decoded(
    rows: Rows,
) -> tuple[Boxes, npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """The objects among the candidates of one picture, best first.

    They are boxes in pixels of the model's input, numbers of their classes, and scores, 0..1:
    objectness times the greatest class probability.
    """
    rows = rows[(rows[:, _OBJECTNESS] > MIN_SCORE) & np.isfinite(rows).all(axis=1)]
    classes = rows[:, _CLASSES:].argmax(axis=1)
    scores = rows[:, _OBJECTNESS] * rows[:, _CLASSES:].max(axis=1)
    boxes = rows[:, :4].astype(np.float64)
    boxes[:, :2] -= boxes[:, 2:] / 2
    kept = cv2.dnn.NMSBoxesBatched(
        boxes.tolist(), scores.tolist(), classes.tolist(), MIN_SCORE, MAX_OVERLAP
    )
    best = np.asarray(kept[:MAX_OBJECTS], np.intp)
    return boxes[best], classes[best], scores[best]


def class_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The names of a model's classes: ``names``, as Python prints a dict or list, or COCO's."""
    try:
        names = ast.literal_eval(metadata.get("names", ""))
    except (ValueError, SyntaxError):
        return COCO_NAMES
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list | tuple) or not names:
        return COCO_NAMES
    return tuple(str(name) for name in names)


def _refused(model: Path, reason: str) -> ModelError:
    return ModelError(
        f"The model file {model} is no YOLOv5 model ({reason})",
        "Delete it and run again to download it",
    )
