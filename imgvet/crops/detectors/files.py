"""Where the detectors' models come from."""

from __future__ import annotations

from imgvet.models.file import ModelFile

_WAY_OUT = "give the boxes yourself with 'annotations'"
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
    way_out=_WAY_OUT,
)

YOLOV5S = ModelFile(
    name="yolov5s",
    url="https://github.com/ultralytics/yolov5/releases/download/v7.0/yolov5s.onnx",
    licence="AGPL-3.0",
    source="https://github.com/ultralytics/yolov5/releases/tag/v7.0",
    way_out=_WAY_OUT,
)
