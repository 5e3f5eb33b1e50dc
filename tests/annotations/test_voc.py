"""Annotations in XML, as Pascal VOC, Roboflow, ImageNet and CVAT have them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from imgvet.annotations.read import read_annotations
from imgvet.errors import InputUnreadableError, InvalidParameterError

BOX = "<bndbox><xmin>1</xmin><ymin>2.5</ymin><xmax>31</xmax><ymax>42.5</ymax></bndbox>"
NUMBERS = {"col_x": 1.0, "row_y": 2.5, "width": 30.0, "height": 40.0}


def voc(filename: str, *labels: str, box: str = BOX) -> str:
    """An annotation of so many objects, one with a part that has a box of its own."""
    part = "<part><name>head</name><bndbox><xmin>7</xmin></bndbox></part>"
    objects = "".join(f"<object><name>{one}</name>{part}{box}</object>" for one in labels)
    size = "<size><width>64</width><height>48</height></size>"
    return f"<annotation><filename>{filename}</filename>{size}{objects}</annotation>"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def rows_of(*sources: Path) -> list[dict[str, Any]]:
    """The rows of annotations, without what is not known."""
    table = read_annotations(*map(str, sources)).table
    rows = table.to_dict("records")
    return [{name: value for name, value in row.items() if not pd.isna(value)} for row in rows]


def test_a_folder_of_voc_has_boxes_labels_and_splits(tmp_path: Path) -> None:
    lists = {"train": "1\n", "trainval": "1\n2\n", "test": " 3 \n\n", "cat_train": "1 -1\n"}
    folder = write(tmp_path, {
        "Annotations/1.xml": voc("1.jpg", "cat", "dog &amp; bone"),
        "Annotations/2.xml": voc("2.jpg"),
        "Annotations/3.xml": voc("3.jpg", "cat"),
        "Annotations/4.xml": voc("4.jpg", "cat"),
        **{f"ImageSets/Main/{name}.txt": rows for name, rows in lists.items()},
    })  # fmt: skip
    for source in (folder, folder / "Annotations"):
        assert rows_of(source) == [
            {"filename": "1.jpg", "split": "train", "label": "cat", **NUMBERS},
            {"filename": "1.jpg", "split": "train", "label": "dog & bone", **NUMBERS},
            {"filename": "2.jpg", "split": "trainval"},
            {"filename": "3.jpg", "split": "test", "label": "cat", **NUMBERS},
            {"filename": "4.jpg", "label": "cat", **NUMBERS},
        ]
    one, other = rows_of(folder / "Annotations/3.xml", folder / "Annotations/1.xml")[:2]
    assert (one["split"], other["split"]) == ("test", "train")


def test_the_name_of_the_file_counts_more_than_what_it_states(tmp_path: Path) -> None:
    folder = write(tmp_path, {
        "a/1.xml": voc("C:\\photos\\1.JPG"), "a/2.xml": voc("old.jpg"), "a/3.b.xml": voc("3.b"),
        "a/4.xml": "<annotation/>", "a/5.xml": voc("5.png"), "b/5.xml": voc("5.jpg"),
        "b/6.xml": voc("6.jpg"), "b/6.jpg": "",
    })  # fmt: skip
    (folder / os.fsdecode(b"c\xff.xml")).write_text(voc("x.jpg"))
    names = ["1.JPG", "2", "3.b", "4", "a/5.png", "b/5.jpg", f"{folder}/b/6.jpg", "c\\udcff"]
    assert [row["filename"] for row in rows_of(folder)] == names


def test_folders_of_splits_give_them(tmp_path: Path) -> None:
    names = [f"{split}/{n}.xml" for n, split in enumerate(("test", "train", "valid"))]
    folder = write(tmp_path, {name: voc("", "cat") for name in names})
    expected = ["test", "train", "valid"]
    assert [row["split"] for row in rows_of(folder)] == expected
    assert [row["split"] for row in rows_of(*(folder / one for one in expected))] == expected
    assert "split" not in rows_of(folder / "train")[0]


def test_without_boxes_an_image_has_all_its_labels(tmp_path: Path) -> None:
    folder = write(tmp_path, {"1.xml": voc("1.jpg", "dog", "cat", "dog", box="")})
    assert rows_of(folder) == [{"filename": "1.jpg", "label": "cat,dog"}]


def test_cvat_has_all_images_in_one_file(tmp_path: Path) -> None:
    box = '<box label="cat" xtl="1.00" ytl="2.5" xbr="31" ybr="42.5"><attribute/></box>'
    images = (
        f'<image id="0" name="a/1.jpg" subset="train">{box}<tag label="day"/></image>'
        '<image id="1" name="2.jpg"><polygon label="dog" points="1,2;3,4"/></image>'
        '<image id="2" name="3.jpg"/>'
    )
    file = tmp_path / "annotations.xml"
    file.write_text(f"<annotations><meta><task><id>1</id></task></meta>{images}</annotations>")
    assert rows_of(file) == [
        {"filename": "a/1.jpg", "split": "train", "label": "cat", **NUMBERS},
        {"filename": "a/1.jpg", "split": "train", "label": "day"},
        {"filename": "2.jpg", "label": "dog"},
        {"filename": "3.jpg"},
    ]


def test_a_box_that_is_turned_in_cvat_has_corners(tmp_path: Path) -> None:
    edges = 'label="cat" xtl="10" ytl="20" xbr="50" ybr="40"'
    text = '<annotations><image name="1.jpg"><box {0} rotation="{1}"/><box {0}/></image>'
    file = tmp_path / "a.xml"
    file.write_text(text.format(edges, "90.00") + "</annotations>")
    turned, upright = rows_of(file)
    corners = [turned[f"{axis}{n}"] for n in range(1, 5) for axis in "xy"]
    assert corners == pytest.approx([40, 10, 40, 50, 20, 50, 20, 10])  # by a quarter, clockwise
    assert "col_x" not in turned
    assert (upright["col_x"], upright["width"]) == (10, 40)
    assert "x1" not in upright
    file.write_text(text.format(edges, "round") + "</annotations>")
    with pytest.raises(InputUnreadableError, match=r"box that is none .*'round'"):
        rows_of(file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_whatever_the_encoding(encoding: str, tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 9}">' for n in range(1, 9))
    text = f'<!DOCTYPE x [<!ENTITY e0 "bomb">{entities}]><annotation>&e8;</annotation>'
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    (tmp_path / "1.xml").write_text(head + text, encoding=encoding)
    with pytest.raises(InputUnreadableError, match=r"1\.xml is not XML .it has a doctype"):
        read_annotations(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("<annotation>", InputUnreadableError, "not XML .no element found"),
        ("", InputUnreadableError, "not XML"),
        ("<annotation>&outside;</annotation>", InputUnreadableError, "undefined entity"),
        ("<svg/>", InputUnreadableError, "XML with 'svg' at its root"),
        ("<a>" * 100_000 + "</a>" * 100_000, InputUnreadableError, "XML with 'a' at its root"),
        (
            voc("1.jpg", "cat").replace("31", "x"),
            InvalidParameterError,
            "1 value of the column xmax .* instead of numbers .'x'",
        ),
    ],
)
def test_what_is_neither_is_refused(
    text: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / "1.xml").write_text(text)
    with pytest.raises(error, match=message):
        read_annotations(str(tmp_path))
