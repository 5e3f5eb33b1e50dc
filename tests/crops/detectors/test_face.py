"""Faces: scaling, passes and decoding, with planted truth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.crops.detectors import face
from imgvet.crops.detectors.face import FaceDetector
from imgvet.errors import ModelError
from imgvet.images.geometry import Region
from support.detector_models import FACE_CELLS, STRIDES, write_yolov5, write_yunet
from support.pictures import Pixels, scene

COLOURS = {8: (255, 0, 0), 16: (0, 255, 0), 32: (0, 0, 255)}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that finds cells of one colour."""
    return write_yunet(tmp_path_factory.mktemp("model") / "face.onnx")


@pytest.fixture(scope="module")
def detector(plain: Path) -> FaceDetector:
    return FaceDetector(plain)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that finds green blocks of about the size of a cell, but no larger ones."""
    path = tmp_path_factory.mktemp("model") / "alone.onnx"
    return write_yunet(path, channels=(2, 1, 0), alone=True)


def ground(width: int, height: int) -> Pixels:
    return np.full((height, width, 3), 90, np.uint8)


def detected(model: Path, picture: Pixels, *sides: int) -> list[Region]:
    """The faces of a picture that is scaled down to these long sides."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(face, "LONG_SIDES", sides)
        return FaceDetector(model).detect(picture)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_painted_cell_comes_back(detector: FaceDetector, data: st.DataObject) -> None:
    stride = data.draw(st.sampled_from(STRIDES))
    width, height = data.draw(st.integers(stride, 320)), data.draw(st.integers(stride, 320))
    column = data.draw(st.integers(0, width // stride - 1))
    row = data.draw(st.integers(0, height // stride - 1))
    picture = ground(width, height)
    x, y = column * stride, row * stride
    picture[y : y + stride, x : x + stride] = COLOURS[stride]
    (region,) = detector.detect(picture)
    assert region.label == "face"
    assert region.score == pytest.approx(1, abs=1e-3)
    reach = FACE_CELLS * stride / 2
    edges = np.array([x, x, y, y]) + stride / 2 + np.array([-1, 1, -1, 1]) * reach
    left, right, top, bottom = np.clip(edges, 0, [width, width, height, height]).tolist()
    box = region.box
    assert (box.x, box.y) == pytest.approx((left, top), abs=0.01)
    assert (box.x + box.width, box.y + box.height) == pytest.approx((right, bottom), abs=0.01)


@pytest.mark.parametrize("scale", [2, 3])
def test_boxes_of_a_picture_scaled_by_a_whole_number_are_exact(plain: Path, scale: int) -> None:
    picture = ground(240 * scale, 320 * scale)
    picture[160 * scale : 176 * scale, 64 * scale : 80 * scale] = COLOURS[16]
    (region,) = detected(plain, picture, 320)
    box = region.box
    truth = np.array([40, 136, 64, 64]) * scale
    assert (box.x, box.y, box.width, box.height) == pytest.approx(tuple(truth), abs=0.1)


@settings(max_examples=20, deadline=None)
@given(st.integers(321, 900), st.floats(0.3, 1), st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_boxes_of_a_large_picture_are_scaled_back(
    plain: Path, long: int, shape: float, right: float, down: float
) -> None:
    width, height = long, round(long * shape)
    scale = long / 320
    picture = ground(width, height)
    x, y, side = round(width * right), round(height * down), round(26 * scale)
    picture[y : y + side, x : x + side] = COLOURS[8]  # At least two whole cells when scaled.
    regions = detected(plain, picture, 320)
    assert regions
    cell = 8 * scale
    for region in regions:
        box = region.box
        assert max(box.width, box.height) <= 4 * cell * 1.02
        assert x - 2 * cell <= box.x + box.width / 2 <= min(x + side, width) + 2 * cell
        assert y - 2 * cell <= box.y + box.height / 2 <= min(y + side, height) + 2 * cell


def test_a_face_too_large_for_the_first_pass_is_found_in_the_second(alone: Path) -> None:
    picture = ground(1280, 960)
    picture[256:320, 512:576] = COLOURS[16]  # 64 pixels: 16 of them when scaled to 320.
    assert detected(alone, picture, 1280) == []
    (region,) = FaceDetector(alone).detect(picture)
    box = region.box
    assert (box.x, box.y, box.width, box.height) == pytest.approx((416, 160, 256, 256), abs=0.1)


def test_a_face_that_both_passes_find_counts_once(tmp_path: Path) -> None:
    path = write_yunet(tmp_path / "both.onnx", channels=(1, 1, 0), alone=True)
    picture = ground(640, 480)
    picture[160:176, 320:336] = COLOURS[16]  # A cell of 16 pixels, then one of 8.
    passes = [detected(path, picture, *sides) for sides in ((640,), (320,), (640, 320))]
    assert [len(found) for found in passes] == [1, 1, 1]
    assert passes[2][0].box == passes[0][0].box


@pytest.mark.parametrize(
    ("sides", "passes"),
    [((2000, 1500), [(1280, 960), (320, 240)]), ((500, 200), [(500, 200), (320, 128)]),
     ((200, 320), [(200, 320)]), ((12, 4000), [(4, 1280), (1, 320)]), ((7, 3), [(7, 3)])],
)  # fmt: skip
def test_a_picture_is_only_ever_shrunk(
    sides: tuple[int, int],
    passes: list[tuple[int, int]],
    detector: FaceDetector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at = []

    def look(bgr: np.ndarray) -> np.ndarray:
        looked_at.append((bgr.shape[1], bgr.shape[0]))
        return np.empty((0, 15))

    monkeypatch.setattr(detector, "_pass", look)
    assert detector.detect(ground(*sides)) == []
    assert looked_at == passes


def test_pictures_without_faces_give_none(detector: FaceDetector) -> None:
    gray = np.repeat(scene(3)[..., :1], 3, axis=2)
    for picture in (gray, gray[:20, :20], gray[:1, :10], ground(4000, 12)):
        assert detector.detect(picture) == []


def test_several_threads_find_what_one_finds(detector: FaceDetector) -> None:
    pictures = []
    for number in range(12):
        picture = ground(100 + 20 * number, 200)
        picture[16 * (number % 5) :][:16, 32:48] = COLOURS[16]
        pictures.append(picture)
    alone = [detector.detect(picture) for picture in pictures]
    assert all(alone)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detector.detect, pictures * 3)) == alone * 3


def test_opening_and_detecting_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    FaceDetector(write_yunet(tmp_path / "face.onnx")).detect(ground(50, 50))
    assert capfd.readouterr() == ("", "")


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    with pytest.raises(ModelError, match=r"text\.onnx can't be used to find faces"):
        FaceDetector(text)
    with pytest.raises(ModelError, match="can't be used to find faces"):
        FaceDetector(write_yolov5(tmp_path / "yolo.onnx"))
