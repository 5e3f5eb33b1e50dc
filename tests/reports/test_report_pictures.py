"""Pictures of the report: small, once each, the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence
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
    assert sorted(path.name for path in (tmp_path / "images").glob("*.jpg")) == ["a.jpg", "c.jpg"]
    assert pictures["a"].src == "images/a.jpg"


def written(names: Sequence[str], folder: Path, earlier: Path | None = None) -> list[str]:
    """Write pictures of a few into a new folder, and say which ones had to be made."""
    asked: list[str] = []
    folder.mkdir()
    pictures = write_pictures(
        names, lambda name: asked.append(name) or jpeg(200, 300), folder, earlier
    )
    assert list(pictures) == list(names)
    assert {(picture.width, picture.height) for picture in pictures.values()} == {(256, 171)}
    return asked[len(names) :]  # The first ones decide on the size.


def test_pictures_of_an_earlier_report_are_taken_over(tmp_path: Path) -> None:
    old, new, fresh = (tmp_path / name for name in ("old", "new", "fresh"))
    assert sorted(written("abc", old)) == ["a", "b", "c"]
    assert written("bcd", new, earlier=old) == ["d"]
    written("bcd", fresh)
    for path in (fresh / "images").iterdir():
        assert (new / "images" / path.name).read_bytes() == path.read_bytes()


def test_a_few_other_pictures_do_not_change_the_size_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number:03d}" for number in range(120)]
    heavy = dict(zip(names, np.random.default_rng(5).random(len(names)) < 0.5, strict=True))
    monkeypatch.setattr(limits, "PICTURES_BYTES", len(names) * 8_000)
    read = {True: jpeg(180, 256), False: jpeg(20, 30)}
    sides = set()
    for number, gone in enumerate(names[50:110:15]):
        folder = tmp_path / str(number)
        folder.mkdir()
        left = [name for name in names if name != gone]
        pictures = write_pictures(left, lambda name: read[heavy[name]], folder)
        sides.add(max(picture.width for picture in pictures.values()))
    assert len(sides) == 1


@pytest.mark.parametrize("change", ["size", "no word of how they were made"])
def test_pictures_that_were_made_otherwise_are_made_anew(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    with monkeypatch.context() as patch:
        if change == "size":
            patch.setattr(limits, "PICTURE_SIDE", 128)
        write_pictures("ab", lambda _: jpeg(200, 300), old)
    if change != "size":
        (old / "images" / "made.txt").unlink()
    assert sorted(written("ab", tmp_path / "new", earlier=old)) == ["a", "b"]
