"""Text: what is written comes back, with its place; RapidOCR is offline and silent."""

from __future__ import annotations

import math
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgvet.crops.detectors.text import REMEDY, TextDetector, line_region, text_models
from imgvet.errors import MissingExtraError
from support.pictures import Pixels

pytest.importorskip("rapidocr")


@pytest.fixture(scope="module")
def detector() -> Iterator[TextDetector]:
    """A detector in a process that may not connect to anything."""

    def refused(*_: object) -> None:
        raise AssertionError("text detection wants the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refused)
        patch.setattr(socket, "getaddrinfo", refused)
        yield TextDetector(text_models())


def paper(width: int, height: int) -> Pixels:
    return np.full((height, width, 3), 255, np.uint8)


def write(picture: Pixels, text: str, x: int, y: int, size: float = 0.9) -> tuple[int, int]:
    """Write a line whose top left corner is (x, y); its width and height."""
    font = cv2.FONT_HERSHEY_DUPLEX
    (width, height), _ = cv2.getTextSize(text, font, size, 1)
    cv2.putText(picture, text, (x, y + height), font, size, (20, 20, 20), 1, cv2.LINE_AA)
    return width, height


def test_words_come_back_with_box_and_score(detector: TextDetector) -> None:
    picture = paper(320, 200)
    truth = {}
    for text, x, y in (("Harbour", 20, 20), ("Number 4207", 90, 110)):
        truth[text] = (x, y, *write(picture, text, x, y))
    regions = detector.detect(picture)
    assert {region.text for region in regions} == set(truth)
    scores = [region.score or 0 for region in regions]
    assert scores == sorted(scores, reverse=True)
    for region in regions:
        assert region.label == "text"
        assert region.corners is None
        assert region.score is not None
        assert 0.8 < region.score <= 1
        assert region.text is not None
        x, y, width, height = truth[region.text]
        box = region.box
        assert (box.x, box.y) == pytest.approx((x, y), abs=14)
        assert (box.x + box.width, box.y + box.height) == pytest.approx(
            (x + width, y + height), abs=14
        )


@pytest.mark.parametrize("angle", [25, -60])
def test_tilted_text_has_corners_from_where_it_starts(detector: TextDetector, angle: float) -> None:
    flat = paper(320, 320)
    width, height = write(flat, "Lighthouse", 80, 150)
    turn = cv2.getRotationMatrix2D((160, 160), -angle, 1)  # Clockwise, with y downwards.
    picture = cv2.warpAffine(flat, turn, (320, 320), borderValue=(255, 255, 255))
    (region,) = detector.detect(np.asarray(picture, np.uint8))
    assert region.text == "Lighthouse"
    assert region.corners is not None
    corners = np.array(region.corners).reshape(4, 2)
    flat_corners = np.array([[80, 150], [80 + width, 150], [80 + width, 150 + height],
                             [80, 150 + height]], float)  # fmt: skip
    truth = flat_corners @ turn[:, :2].T + turn[:, 2]
    assert np.abs(corners - truth).max() < 16
    box = region.box
    assert (box.x, box.y) == pytest.approx(tuple(corners.min(axis=0)))
    assert (box.x + box.width, box.y + box.height) == pytest.approx(tuple(corners.max(axis=0)))


@example(-80, 100, 30)
@example(80, 100, 30)
@given(
    st.floats(-84, 84).filter(lambda angle: abs(angle) > 6),
    st.floats(60, 200),
    st.floats(8, 30),
)
def test_the_first_corner_is_where_the_line_starts(
    angle: float, length: float, height: float
) -> None:
    along = np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
    down = np.array([-along[1], along[0]])
    corners = np.array([[0, 0], along * length, along * length + down * height, down * height])
    left = sorted(range(4), key=lambda number: corners[number][0])[:2]
    first = min(left, key=lambda number: corners[number][1])  # As RapidOCR orders them.
    region = line_region(np.roll(corners, -first, axis=0), "words", 0.9)
    assert region.corners is not None
    assert np.allclose(np.array(region.corners).reshape(4, 2), corners)


@given(st.floats(-4.9, 4.9), st.booleans())
def test_nearly_upright_lines_have_no_corners(angle: float, upright: bool) -> None:
    along = np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
    down = np.array([-along[1], along[0]])
    width, height = (20, 90) if upright else (90, 20)
    corners = np.array([[0, 0], along * width, along * width + down * height, down * height])
    region = line_region(corners, "words", 0.9)
    assert region.corners is None
    assert (region.box.width, region.box.height) == pytest.approx(
        (np.ptp(corners[:, 0]), np.ptp(corners[:, 1]))
    )


def test_pictures_without_text_give_none(detector: TextDetector) -> None:
    slope = np.repeat(np.linspace(0, 255, 120, dtype=np.uint8)[None, :, None], 90, axis=0)
    for picture in (paper(20, 20), paper(3, 90), np.repeat(slope, 3, axis=2)):
        assert detector.detect(picture) == []


@pytest.mark.parametrize(("width", "height"), [(2100, 14), (14, 2400), (2, 2), (5, 90)])
def test_no_shape_of_picture_is_refused(detector: TextDetector, width: int, height: int) -> None:
    noise = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    for region in detector.detect(noise):
        assert region.box.x + region.box.width <= width
        assert region.box.y + region.box.height <= height


def test_text_in_a_long_strip_is_found_where_it_is(detector: TextDetector) -> None:
    picture = paper(700, 20)
    width, _ = write(picture, "strip of words", 300, 3, size=0.5)
    (region,) = detector.detect(picture)
    assert region.text is not None
    assert region.text.replace(" ", "") == "stripofwords"
    assert region.box.x == pytest.approx(300, abs=12)
    assert region.box.width == pytest.approx(width, abs=24)
    assert region.box.y + region.box.height <= 20


def test_several_threads_find_what_one_finds(detector: TextDetector) -> None:
    pictures = []
    for number in range(3):
        picture = paper(160, 64)
        write(picture, f"page {number}{number + 3}", 16, 16, 0.7)
        pictures.append(picture)
    alone = [detector.detect(picture) for picture in pictures]
    assert len({regions[0].text for regions in alone}) == len(pictures)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detector.detect, pictures * 2)) == alone * 2


def test_the_engine_gets_blue_first_as_it_expects(
    detector: TextDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_to_it: list[Pixels] = []
    monkeypatch.setattr(detector, "_engine", given_to_it.append)
    picture = paper(40, 30)
    picture[:] = (250, 120, 10)
    assert detector.detect(picture) == []
    assert given_to_it[0][0, 0].tolist() == [10, 120, 250]


def test_without_the_package_the_error_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(MissingExtraError) as caught:
        text_models()
    assert caught.value.remedy == REMEDY == 'pip install "imgvet[ocr]"'
    assert "\n" not in str(caught.value)
