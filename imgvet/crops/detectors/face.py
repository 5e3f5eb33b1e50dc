"""Faces: YuNet (Wu, Peng and Yu, 2023), run by OpenCV."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np

from imgvet.crops.detectors.common import WAY_OUT, Boxes, best_inside, resized
from imgvet.errors import ModelError
from imgvet.images.decode import silence_decoders
from imgvet.images.geometry import Box, Region
from imgvet.images.picture import Pixels
from imgvet.models.file import ModelFile

LABEL = "face"
_SCORE = 14
"""Column of the score, after the box and five points of the face."""

_ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo"
_IN_ZOO = "models/face_detection_yunet/face_detection_yunet_2023mar.onnx"
_ZOO_COMMIT = "82b38c8f98e7b52aa171400f3e4c722352d0669f"

YUNET = ModelFile(
    name="face_detection_yunet_2023mar",
    url=f"{_ZOO}/main/{_IN_ZOO}",
    mirrors=(
        f"{_ZOO}/{_ZOO_COMMIT}/{_IN_ZOO}",
        "https://huggingface.co/opencv/face_detection_yunet/resolve/main/face_detection_yunet_2023mar.onnx",
    ),
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    size=232_589,
    licence="MIT",
    source="https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet",
    way_out=WAY_OUT,
)


MIN_SCORE, MAX_OVERLAP, CANDIDATES = 0.9, 0.3, 5000
"""The defaults of ``cv2.FaceDetectorYN.create``: the least score of a face; of two faces that
overlap more (intersection over union) the better one stays; boxes looked at before that."""

LONG_SIDES = (1280, 320)
"""Long sides, in pixels, that a larger picture is scaled down to, largest first, for one pass each.
YuNet finds faces of about 10 to 300 pixels (its README in the OpenCV Zoo), so one pass misses
either small or large ones: 1280 finds faces from 1/128 of the picture's long side, 320 those up to
15/16 of it."""


class FaceDetector:
    """Faces by YuNet: large pictures scaled down, one pass for small faces and one for large ones.

    A file that OpenCV can't use is a ModelError.
    """

    def __init__(self, model: Path) -> None:
        self._data = np.frombuffer(model.read_bytes(), np.uint8)
        self._threads = threading.local()
        silence_decoders()  # OpenCV warns of targets whenever it opens a network.
        try:
            self._pass(np.zeros((32, 32, 3), np.uint8))
        except cv2.error as error:
            raise ModelError(
                f"The model file {model} can't be used to find faces ({error.err})",
                "Delete it and run again to download it",
            ) from None

    def detect(self, pixels: Pixels) -> list[Region]:
        """The faces of a picture, with score and box."""
        rows = self._rows(pixels)
        rows = rows[np.isfinite(rows).all(axis=1)]
        boxes, scores = rows[:, :4].tolist(), rows[:, 4].tolist()
        # Both passes may find the same face.
        kept = cv2.dnn.NMSBoxes(boxes, scores, 0.0, MAX_OVERLAP)
        return best_inside(
            (Region(Box(*boxes[row]), label=LABEL, score=min(scores[row], 1.0)) for row in kept),
            pixels,
        )

    def _rows(self, pixels: Pixels) -> Boxes:
        """Boxes (columns 0 to 3) and scores (4) of all passes, in pixels of the picture."""
        height, width = pixels.shape[:2]
        rows = []
        scaled = np.ascontiguousarray(pixels[..., ::-1])
        longest = (min(side, max(height, width)) for side in LONG_SIDES)
        for long_side in dict.fromkeys(longest):
            scaled = resized(scaled, long_side / max(scaled.shape[:2]))
            found = self._pass(scaled)
            x, y = scaled.shape[1] / width, scaled.shape[0] / height
            rows.append(np.column_stack([found[:, :4] / (x, y, x, y), found[:, _SCORE]]))
        return np.concatenate(rows)

    def _pass(self, bgr: Pixels) -> Boxes:
        """What YuNet finds in a picture of this size: box, five points and score in each row."""
        network: cv2.FaceDetectorYN | None = getattr(self._threads, "network", None)
        if network is None:  # of its own, as one must not run in two threads at a time
            network = self._threads.network = cv2.FaceDetectorYN.create(
                "onnx", self._data, np.empty(0, np.uint8), (32, 32),
                MIN_SCORE, MAX_OVERLAP, CANDIDATES,
            )  # fmt: skip
        network.setInputSize((bgr.shape[1], bgr.shape[0]))
        _, found = network.detect(bgr)
        empty = np.empty((0, _SCORE + 1), np.float64)
        return empty if found is None else np.asarray(found, np.float64)
