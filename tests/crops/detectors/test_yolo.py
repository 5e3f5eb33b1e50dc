"""YOLOv5: letterbox, decoding, suppression and labels, with planted truth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgvet.crops.detectors import yolo
from imgvet.crops.detectors.yolo import (
    COCO_NAMES,
    YoloDetector,
    class_names,
    decoded,
)
from imgvet.errors import ModelError
from support.detector_models import (
    YOLO_CLASSES,
    YOLO_COLOURS,
    YOLO_SCORE,
    write_yolov5,
    write_yunet,
)  # fmt: skip
from support.pictures import Pixels, scene

GROUND = 90


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> YoloDetector:
    return YoloDetector(write_yolov5(tmp_path_factory.mktemp("model") / "y.onnx"))


def painted(width: int, height: int, box: tuple[int, int, int, int], colour: int) -> Pixels:
    picture = np.full((height, width, 3), GROUND, np.uint8)
    x, y, w, h = box
    picture[y : y + h, x : x + w] = YOLO_COLOURS[colour]
    return picture


@st.composite
def planted(draw: st.DrawFn) -> tuple[int, int, tuple[int, int, int, int], int]:
    """Size of a picture, a box in it that is not tiny at the model's size, and a colour."""
    width, height = draw(st.integers(10, 1500)), draw(st.integers(10, 1500))
    least = max(3, -(-max(width, height) * 4 // 640))
    w, h = (
        draw(st.integers(min(least, width), width)),
        draw(st.integers(min(least, height), height)),
    )
    x, y = draw(st.integers(0, width - w)), draw(st.integers(0, height - h))
    return width, height, (x, y, w, h), draw(st.integers(0, len(YOLO_COLOURS) - 1))


@settings(max_examples=20, deadline=None)
@given(planted())
def test_a_painted_box_comes_back(
    detector: YoloDetector, plant: tuple[int, int, tuple[int, int, int, int], int]
) -> None:
    width, height, (x, y, w, h), colour = plant
    (region,) = detector.detect(painted(*plant))
    assert region.label == COCO_NAMES[YOLO_CLASSES[colour]]
    assert region.score == pytest.approx(YOLO_SCORE, abs=1e-3)
    box = region.box
    near = 1.5 * max(1, max(width, height) / 640)
    assert (box.x, box.y) == pytest.approx((x, y), abs=near)
    assert (box.x + box.width, box.y + box.height) == pytest.approx((x + w, y + h), abs=near)
    assert box.x >= 0
    assert box.y >= 0
    assert box.x + box.width <= width + 1e-6
    assert box.y + box.height <= height + 1e-6
    assert region.corners is None


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("open_size", [False, True])
def test_exports_of_any_type_and_size_find_the_same(
    tmp_path: Path, half: bool, open_size: bool
) -> None:
    detector = YoloDetector(write_yolov5(tmp_path / "y.onnx", half, open_size))
    picture = painted(500, 300, (50, 60, 200, 100), 1)
    picture[200:280, 300:480] = YOLO_COLOURS[2]
    found = {region.label: region.box for region in detector.detect(picture)}
    assert set(found) == {"car", "toothbrush"}
    for name, truth in (("car", (50, 60, 200, 100)), ("toothbrush", (300, 200, 180, 80))):
        box = found[name]
        assert (box.x, box.y, box.width, box.height) == pytest.approx(truth, abs=1.5)


def test_pictures_without_objects_give_none(detector: YoloDetector) -> None:
    gray = np.repeat(scene(3)[..., :1], 3, axis=2)
    for picture in (gray, gray[:10, :10], gray[:1, :200], np.zeros((40, 3000, 3), np.uint8)):
        assert detector.detect(picture) == []


def test_several_threads_find_what_one_finds(detector: YoloDetector) -> None:
    pictures = [painted(320, 200, (10 * n, 5 * n, 80, 60), n % 3) for n in range(6)]
    alone = [detector.detect(picture) for picture in pictures]
    assert len({str(regions) for regions in alone}) == len(pictures)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detector.detect, pictures)) == alone


def test_the_labels_are_the_models_own(tmp_path: Path) -> None:
    names = {0: "cell", 1: "nucleus", 2: "it's debris"}
    path = write_yolov5(tmp_path / "own.onnx", names=names, classes=3)
    detector = YoloDetector(path)
    assert detector.labels == ("cell", "nucleus", "it's debris")
    for colour, number in enumerate((0, 2, 79 % 3)):
        found = detector.detect(painted(300, 300, (100, 100, 90, 90), colour))
        assert [region.label for region in found] == [names[number]]


def test_names_are_read_as_python_prints_them() -> None:
    assert class_names({"names": "{1: 'b', 0: 'a'}"}) == ("a", "b")
    assert class_names({"names": "['a', 'b']"}) == ("a", "b")
    for other in ({}, {"names": ""}, {"names": "{0: "}, {"names": "{3: 'a'}"}, {"names": "7"}):
        assert class_names(other) == COCO_NAMES
    assert len(set(COCO_NAMES)) == 80


def reference(rows: NDArray[np.float32]) -> list[tuple[int, float]]:
    """Class and score of each object, by comparing every pair of candidates."""
    best = []
    for row in rows:
        number = int(row[5:].argmax())
        if row[4] > yolo.MIN_SCORE and row[4] * row[5 + number] > yolo.MIN_SCORE:
            corners = (*(row[:2] - row[2:4] / 2), *(row[:2] + row[2:4] / 2))
            best.append((float(row[4] * row[5 + number]), number, corners))
    kept: list[tuple[float, int, tuple[float, ...]]] = []
    for score, number, one in sorted(best, key=lambda entry: -entry[0]):
        if all(number != n or overlap(one, other) <= yolo.MAX_OVERLAP for _, n, other in kept):
            kept.append((score, number, one))
    return [(number, score) for score, number, _ in kept]


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(common / (sum(areas) - common))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.floats(20, 300))
def test_suppression_keeps_the_best_of_each_class(seed: int, count: int, spread: float) -> None:
    random = np.random.default_rng(seed)
    rows = np.zeros((count, 8), np.float32)
    rows[:, :2] = random.uniform(-20, spread, (count, 2))
    rows[:, 2:4] = random.uniform(20, 90, (count, 2))
    rows[:, 4:] = random.uniform(0, 1, (count, 4))
    _, classes, scores = decoded(rows)
    expected = reference(rows)
    assert classes.tolist() == [number for number, _ in expected]
    assert scores == pytest.approx([score for _, score in expected])


def test_there_are_never_more_objects_than_allowed_and_bad_numbers_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = np.full((50, 6), 0.9, np.float32)
    rows[:, :4] = 5
    rows[:, 0] = np.arange(50) * 100
    rows[7, 2] = np.nan
    assert len(decoded(rows)[0]) == 49
    monkeypatch.setattr(yolo, "MAX_OBJECTS", 10)
    assert len(decoded(rows)[0]) == 10


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    with pytest.raises(ModelError, match=r"text\.onnx can't be loaded"):
        YoloDetector(text)
    with pytest.raises(ModelError, match=r"no YOLOv5 model \(it gives"):
        YoloDetector(write_yunet(tmp_path / "face.onnx"))
    with pytest.raises(ModelError, match=r"it gives \(1, 25200, 8\) values, not \(1, n, 85\)"):
        YoloDetector(write_yolov5(tmp_path / "three.onnx", classes=3))
