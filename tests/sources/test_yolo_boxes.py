"""YOLO's label files give boxes in shares of the image."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgvet.sources.yolo import RelativeBox, boxes_of_image

NAMES = {0: "cat", 1: "dog"}


def boxes(tmp_path: Path, text: str) -> tuple[RelativeBox, ...]:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    (tmp_path / "labels" / "1.txt").write_text(text)
    return boxes_of_image(str(tmp_path / "images" / "1.jpg"), NAMES)


def test_boxes_are_told_by_their_corner_and_with_their_class(tmp_path: Path) -> None:
    found = boxes(tmp_path, "1 0.5 0.5 0.25 0.5\n\n7 0.125 0.25 0.25 0.5 0.9\n")
    assert found == (
        RelativeBox("dog", 0.375, 0.25, 0.25, 0.5),
        RelativeBox("7", 0.0, 0.0, 0.25, 0.5),
    )


def test_an_outline_becomes_the_box_around_it(tmp_path: Path) -> None:
    (box,) = boxes(tmp_path, "0 0.25 0.5 0.75 0.25 0.5 1.0\n")
    assert box == RelativeBox("cat", 0.25, 0.25, 0.5, 0.75)


@pytest.mark.parametrize("text", ["", "cat 0.5 0.5 0.1 0.1\n", "0 0.5 0.5\n", "0 a b c d\n"])
def test_what_is_no_box_gives_none(tmp_path: Path, text: str) -> None:
    assert boxes(tmp_path, text) == ()


def test_an_image_without_a_label_file_has_no_boxes(tmp_path: Path) -> None:
    assert boxes_of_image(str(tmp_path / "images" / "2.jpg"), NAMES) == ()
