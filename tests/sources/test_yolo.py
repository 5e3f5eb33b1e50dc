"""YOLOv5 data sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgvet.errors import InputNotFoundError, InputUnreadableError, InvalidParameterError
from imgvet.reasons import Reason
from imgvet.sources.listing import Entry
from imgvet.sources.yolo import (
    LabelledBox,
    YoloSet,
    boxes_of_image,
    label_file_of,
    read_yolo,
    yolo_entries,
)


def put(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def listed(file: Path) -> dict[str, Entry]:
    return {Path(entry.filename).name: entry for entry in yolo_entries(read_yolo(file), "in")}


def dataset(folder: Path, yaml: str) -> Path:
    """Four images, three with a label file."""
    for split, stem, boxes in (
        ("train", "one", "1 .5 .5 .1 .1\n1 .2 .2 .1 .1\n"),
        ("train", "two", "2 .5 .5 .1 .1\n0 .2 .2 .1 .1\n\n2 .1 .1 .1 .1"),
        ("val", "none", ""),
    ):
        put(folder / "images" / split / f"{stem}.jpg")
        put(folder / "labels" / split / f"{stem}.txt", boxes)
    put(folder / "images" / "val" / "free.png")
    return put(folder / "data.yaml", yaml)


@pytest.mark.parametrize(
    "names",
    [
        "names: [cat, dog, emu]",
        "names: {0: cat, 1: dog, 2: emu}",
        "names: {'0': cat, 1: dog, 2: emu}",
    ],
)
@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_splits_and_labels(tmp_path: Path, names: str, val: str) -> None:
    stated = f"train: images/train\n{val}: images/val\ntest:\n{names}\n"
    found = listed(dataset(tmp_path, stated))
    assert {name: (entry.split, entry.label) for name, entry in found.items()} == {
        "one.jpg": ("train", "dog"),
        "two.jpg": ("train", "cat,emu"),
        "none.jpg": ("val", None),
        "free.png": ("val", None),
    }


def test_a_class_without_a_name_is_called_by_its_number(tmp_path: Path) -> None:
    found = listed(dataset(tmp_path, "train: images/train"))
    assert (found["one.jpg"].label, found["two.jpg"].label) == ("1", "0,2")


def test_lists_of_folders_and_text_files(tmp_path: Path) -> None:
    put(tmp_path / "d" / "more" / "m.jpg")
    put(tmp_path / "d" / "lists" / "t.txt", "\ufeff./../images/val/free.png\r\n\ngone.jpg\n")
    yaml = f"path: {tmp_path}/d\ntrain: [images/train, more]\ntest: lists/t.txt\n"
    found = listed(put(tmp_path / "x" / "e.yml", dataset(tmp_path / "d", yaml).read_text()))
    assert {name: entry.split for name, entry in found.items()} == {
        "one.jpg": "train", "two.jpg": "train", "m.jpg": "train",
        "free.png": "test", "gone.jpg": "test",
    }  # fmt: skip
    assert found["gone.jpg"].status is Reason.MISSING
    assert found["free.png"].filename == str(tmp_path / "d" / "images" / "val" / "free.png")


def test_a_relative_path_starts_at_the_file_or_at_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset(tmp_path / "sets" / "pets", "")
    beside = put(tmp_path / "sets" / "a.yaml", "path: pets\ntrain: images/train")
    away = put(tmp_path / "yolo" / "a.yaml", "path: sets/pets\ntrain: images/train")
    of_another_machine = "path: /content/pets\ntrain: images/train"
    moved = put(tmp_path / "sets" / "pets" / "a.yaml", of_another_machine)
    monkeypatch.chdir(tmp_path)
    for file in (beside, away, moved):
        assert set(listed(file)) == {"one.jpg", "two.jpg"}


def test_a_split_one_folder_too_high_is_found(tmp_path: Path) -> None:
    assert set(listed(dataset(tmp_path / "set", "train: ../images/train"))) == {
        "one.jpg",
        "two.jpg",
    }


def test_damaged_label_files_are_told(tmp_path: Path) -> None:
    file = dataset(tmp_path, "train: images/train")
    put(tmp_path / "labels" / "train" / "one.txt", "0 1 1 1 1\ncat 1 1 1 1\n0 nan 1 1 inf\n")
    (tmp_path / "labels" / "train" / "two.txt").write_bytes(b"\xff\xfe")
    found = listed(file)
    assert (found["one.jpg"].label, found["one.jpg"].status) == ("0", Reason.OK)
    assert found["one.jpg"].detail == "label file: no class and box in 2 of 3 rows"
    assert found["two.jpg"].detail == "label file: no class and box in 1 of 1 row"


def test_only_the_last_folder_of_images_counts() -> None:
    assert label_file_of("/images/x/images/a/b.c.jpg") == "/images/x/labels/a/b.c.txt"
    assert label_file_of("/photos/b.jpg") == "/photos/b.txt"


LAUGHS = "\n".join(
    ["l0: &l0 ha"]
    + [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 13)]
    + ["train: .", "names: [*l12]"]
)
"""Names of 10^12 letters in 500 bytes."""


@pytest.mark.parametrize(
    ("yaml", "error", "message"),
    [
        ("train: [", InputUnreadableError, "not YAML"),
        ("- a\n- b", InvalidParameterError, "not a data set"),
        ("names: [a]", InvalidParameterError, "names no images"),
        ("train: 5", InvalidParameterError, "train of"),
        ("train: [{a: b}]", InvalidParameterError, "train of"),
        ("path: 5\ntrain: x", InvalidParameterError, "path of"),
        ("train: nowhere", InputNotFoundError, "nowhere as train.*or leave train out"),
        ("train: .\nnames: 7", InvalidParameterError, "names of"),
        ("train: .\nnames: {a: b}", InvalidParameterError, "names of"),
        ("train: .\nkpt_shape: 17x3", InvalidParameterError, "kpt_shape of"),
        ("train: !!python/object/apply:os.getcwd []", InputUnreadableError, "not YAML"),
        ("train: " + "[" * 5000, InputUnreadableError, "not YAML"),
        (LAUGHS, InvalidParameterError, "names of"),
    ],
)
def test_errors_name_the_file_and_the_key(
    tmp_path: Path, yaml: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_yolo(put(tmp_path / "data.yaml", yaml))
    with pytest.raises(InputUnreadableError, match="can't be read"):
        read_yolo(tmp_path / "nothing.yaml")


NAMES = YoloSet({}, {0: "cat", 1: "dog"})


def boxes(tmp_path: Path, text: str, dataset: YoloSet = NAMES) -> list[LabelledBox]:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    (tmp_path / "labels" / "1.txt").write_text(text)
    return boxes_of_image(str(tmp_path / "images" / "1.jpg"), dataset)


def test_boxes_are_told_by_their_corner_and_with_their_class(tmp_path: Path) -> None:
    found = boxes(tmp_path, "1.0 0.5 0.5 0.25 0.5\n\n7 0.125 0.25 0.25 0.5 0.9\n")
    assert found == [("dog", [0.375, 0.25, 0.25, 0.5]), ("7", [0.0, 0.0, 0.25, 0.5])]


def test_an_outline_becomes_the_box_around_it(tmp_path: Path) -> None:
    (box,) = boxes(tmp_path, "0 0.25 0.5 0.75 0.25 0.5 1.0\n")
    assert box == ("cat", [0.25, 0.25, 0.5, 0.75])


def test_keypoints_are_no_outline(tmp_path: Path) -> None:
    points = put(tmp_path / "data.yaml", "train: .\nnames: [cat]\nkpt_shape: [2, 2]\n")
    (box,) = boxes(tmp_path, "0 0.5 0.5 0.25 0.5 0.9 0.9 0.1 0.9\n", read_yolo(points))
    assert box == ("cat", [0.375, 0.25, 0.25, 0.5])


@pytest.mark.parametrize(
    "text", ["0.5 0.5 0.5 0.1 0.1\n", "cat 0.5 0.5 0.1 0.1\n", "0 0.5 0.5\n", "0 a b c d\n"]
)
def test_what_is_no_box_is_told_and_the_others_stay(tmp_path: Path, text: str) -> None:
    unknown, box = boxes(tmp_path, f"{text}0 0.5 0.5 1 1\n")
    assert (unknown, box) == ((None, [None] * 4), ("cat", [0.0, 0.0, 1.0, 1.0]))


def test_an_image_without_a_label_file_has_no_boxes(tmp_path: Path) -> None:
    assert boxes_of_image(str(tmp_path / "images" / "2.jpg"), NAMES) == []
