"""Pictures of the report: small, once each, the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from imgvet.reports import limits
from imgvet.reports.pictures import shrink, write_pictures


def jpeg(height: int, width: int) -> bytes:
    picture = np.random.default_rng(height * width).integers(0, 255, (height, width, 3), np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (256, 512, (256, 128)),
        (512, 256, (128, 256)),
        (40, 60, (60, 40)),
        (256, 20_000, (256, 3)),
        (2, 9000, (256, 1)),
    ],
)
def test_long_side_is_limited_and_nothing_enlarged(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    found = shrink(jpeg(height, width))
    assert found is not None
    data, *size = found
    assert tuple(size) == expected
    assert max(size) <= limits.PICTURE_SIDE
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2] == expected[::-1]


@pytest.mark.parametrize("data", [b"no picture", b"\xff\xd8\xff"])
def test_what_is_no_picture_is_left_out(data: bytes) -> None:
    assert shrink(data) is None


def test_many_pictures_are_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [str(number) for number in range(12)]
    monkeypatch.setattr(limits, "PICTURES_BYTES", 12 * 9_000)
    pictures = write_pictures(names, lambda _: jpeg(300, 300), tmp_path)
    assert limits.LEAST_PICTURE_SIDE <= pictures["0"].width < limits.PICTURE_SIDE
    assert len({picture.width for picture in pictures.values()}) == 1


def test_each_is_written_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def read(digest: str) -> bytes | None:
        asked.append(digest)
        return None if digest == "b" else jpeg(300, 300)

    pictures = write_pictures(["a", "b", "c"], read, tmp_path)
    assert set(asked) == {"a", "b", "c"}
    assert sorted(pictures) == ["a", "c"]
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["a.jpg", "c.jpg"]
    assert pictures["a"].src == "images/a.jpg"
