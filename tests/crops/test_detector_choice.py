"""A detector is chosen once, its choice travels, and what it names is what is opened."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from imgvet.crops import cutter as module
from imgvet.crops.cutter import (
    DetectorChoice,
    choose_detector,
    detector_of,
)
from imgvet.crops.detectors.face import YUNET, FaceDetector
from imgvet.crops.detectors.text import TextDetector
from imgvet.crops.detectors.yolo import YOLOV5S, YoloDetector
from imgvet.errors import ModelError, StaleReferenceError
from support.detector_models import write_yolov5, write_yunet


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMGVET_MODEL_DIR", str(tmp_path))
    return tmp_path


def test_a_choice_travels_and_opens_the_same_detector(folder: Path) -> None:
    write_yolov5(YOLOV5S.path)
    chosen = choose_detector("yolov5s")
    assert pickle.loads(pickle.dumps(chosen)) == chosen
    there = DetectorChoice.model_validate_json(chosen.model_dump_json())
    assert there == chosen
    detector = detector_of(there)
    assert isinstance(detector, YoloDetector)
    assert detector_of(chosen) is detector
    picture = np.full((100, 100, 3), 90, np.uint8)
    picture[20:60, 20:60] = (255, 0, 0)
    assert [region.label for region in detector.detect(picture)] == ["person"]


def test_the_face_model_must_be_the_published_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_yunet(YUNET.path).read_bytes()
    with pytest.raises(ModelError, match=YUNET.sha256):
        choose_detector("face")
    published = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    monkeypatch.setattr(module, "YUNET", YUNET.model_copy(update=published))
    assert isinstance(detector_of(choose_detector("face")), FaceDetector)


def test_the_text_detector_needs_no_file_and_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rapidocr")
    chosen = choose_detector("ocr")
    assert chosen.path is None
    detector = detector_of(chosen)
    assert isinstance(detector, TextDetector)
    assert detector.detect(np.full((30, 30, 3), 255, np.uint8)) == []
    assert capfd.readouterr() == ("", "")


def test_a_model_that_changed_since_it_was_chosen_is_refused(tmp_path: Path) -> None:
    chosen = choose_detector("yolov5s", write_yolov5(tmp_path / "y.onnx"))
    write_yolov5(tmp_path / "y.onnx", names={0: "one"})
    with pytest.raises(StaleReferenceError, match="yolov5s is not the one"):
        detector_of(chosen)
    (tmp_path / "y.onnx").unlink()
    with pytest.raises(ModelError, match="can't be read"):
        choose_detector("yolov5s", tmp_path / "y.onnx")


def test_the_digest_depends_on_detector_and_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = write_yolov5(tmp_path / "1.onnx"), write_yunet(tmp_path / "2.onnx")
    choices = [
        choose_detector("face", one),
        choose_detector("yolov5s", one),
        choose_detector("face", other),
    ]
    assert choose_detector("face", one) == choices[0]
    monkeypatch.setattr(module, "_DETECTOR_VERSION", 0)
    digests = {chosen.digest for chosen in (*choices, choose_detector("face", one))}
    assert len(digests) == 4
    assert all(len(digest) == 32 for digest in digests)
