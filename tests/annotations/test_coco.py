"""Annotations in the form of COCO."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imgvet.annotations.read import annotations_from, read_annotations
from imgvet.errors import InvalidParameterError
from support.annotated import as_coco, draw_set

Coco = dict[str, Any]


@pytest.fixture
def small() -> Coco:
    return {
        "images": [
            {"id": 10, "file_name": "a.jpg", "width": 640, "height": 480},
            {"id": 20, "file_name": "b.jpg", "width": 640, "height": 480},
            {"id": 30, "file_name": "train/c.jpg", "width": 640, "height": 480},
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 90, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 20, "category_id": 90, "bbox": [1, 2, 3.5, 4], "iscrowd": 0},
            {"id": 2, "image_id": 10, "category_id": 1, "bbox": [5, 6, 7, 8]},
            {"id": 3, "image_id": 20, "category_id": 1, "bbox": [9, 9, 9, 9]},
        ],
    }


def rows_of(content: Coco) -> list[tuple[Any, ...]]:
    table = annotations_from(content).table.astype(object)
    rows = table.where(table.notna(), None).iloc[:, :7]
    return list(rows.itertuples(index=False, name=None))


def test_a_drawn_set_is_read_back(tmp_path: Path) -> None:
    drawn = draw_set(tmp_path, 25, boxes_each=10)
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(as_coco(drawn.frame)))
    found = read_annotations(str(path))
    expected = annotations_from(
        drawn.frame.drop(columns="split").sort_values("filename", kind="stable")
    )
    assert len(found.table) == 250
    assert found.table.equals(expected.table)
    assert found.table.equals(annotations_from(as_coco(drawn.frame)).table)


def test_rows_follow_the_order_of_images(small: Coco) -> None:
    assert rows_of(small) == [
        ("a.jpg", "person", None, 5, 6, 7, 8),
        ("b.jpg", "dog", None, 1, 2, 3.5, 4),
        ("b.jpg", "person", None, 9, 9, 9, 9),
        ("train/c.jpg", None, None, None, None, None, None),
    ]


def test_crowds_are_left_out(small: Coco) -> None:
    small["annotations"][2]["iscrowd"] = 1
    found = annotations_from(small)
    assert found.table["filename"].tolist() == ["a.jpg", "b.jpg", "train/c.jpg"]


@pytest.mark.parametrize("empty", [[], None, "absent"])
def test_annotations_without_a_box(small: Coco, empty: Any) -> None:
    boxless = small["annotations"][2]
    boxless["bbox"] = empty
    if empty == "absent":
        del boxless["bbox"]
    assert rows_of(small)[2] == ("b.jpg", "person", None, None, None, None, None)
    assert annotations_from(small).has_boxes


@pytest.mark.parametrize("segmentation", [{"size": [480, 640], "counts": "x"}, [], [[1]], ["x"]])
def test_polygons_without_a_box_have_the_box_around_them(small: Coco, segmentation: Any) -> None:
    small["annotations"][2] |= {"bbox": [], "segmentation": [[9, 4, 11, 5, 10, 12], [2, 7, 3, 8]]}
    small["annotations"][0] |= {"bbox": [], "segmentation": segmentation}
    assert rows_of(small)[1:3] == [
        ("b.jpg", "dog", None, None, None, None, None),
        ("b.jpg", "person", None, 2, 4, 9, 8),
    ]


def test_without_any_box_an_image_is_one_row_with_all_its_labels(small: Coco) -> None:
    for entry in small["annotations"]:
        entry["bbox"] = []
    small["annotations"].append({"id": 4, "image_id": 20, "category_id": 90})
    assert [row[:2] for row in rows_of(small)] == [
        ("a.jpg", "person"),
        ("b.jpg", "dog,person"),
        ("train/c.jpg", None),
    ]
    assert not annotations_from(small).has_boxes


@pytest.mark.parametrize(
    "extra", [{}, {"annotations": []}, {"annotations": None, "categories": []}]
)
def test_images_alone_are_annotated_files(small: Coco, extra: Coco) -> None:
    found = annotations_from({"images": small["images"], **extra})
    assert found.table["filename"].tolist() == ["a.jpg", "b.jpg", "train/c.jpg"]


def test_ids_may_be_text_and_labels_numbers(small: Coco) -> None:
    for entry in small["images"]:
        entry["id"] = f"img{entry['id']}"
    for entry in small["annotations"]:
        entry["image_id"] = f"img{entry['image_id']}"
    del small["annotations"][0]["category_id"]
    small["categories"][0] = {"id": 1}
    assert [row[1] for row in rows_of(small)] == ["1", None, "1", None]


@pytest.mark.parametrize("kind", [str, float])
def test_ids_are_the_same_as_numbers_and_text(small: Coco, kind: Callable[[int], Any]) -> None:
    expected = rows_of(small)
    for entry in small["annotations"]:
        entry["image_id"], entry["category_id"] = (
            kind(entry["image_id"]),
            kind(entry["category_id"]),
        )
    assert rows_of(small) == expected


def test_lvis_names_files_by_their_address(small: Coco) -> None:
    for entry in small["images"]:
        entry["coco_url"] = f"http://images.cocodataset.org/{entry.pop('file_name')}"
    assert rows_of(small)[0][:2] == ("http://images.cocodataset.org/a.jpg", "person")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda coco: coco.pop("images"), r"annotations is no table .*COCO json"),
        (lambda coco: coco.update(images={"a": 1}), "images is no list of objects"),
        (lambda coco: coco.update(annotations=[[1, 2]]), "annotations is no list of objects"),
        (lambda coco: coco["images"][1].pop("file_name"), "1 of the 3 images .* without file_name"),
        (
            lambda coco: coco["images"][1].update(id=10),
            r"1 id given more than once to images of .* \(10\)",
        ),
        (
            lambda coco: coco["categories"][1].update(id=1),
            "1 id given more than once to categories",
        ),
        (
            lambda coco: [entry.update(image_id=99) for entry in coco["annotations"][1:]],
            r"2 annotations .* whose image_id no entry of images has \(99\)",
        ),
        (
            lambda coco: coco["annotations"][0].update(category_id=4),
            r"1 annotation .* whose category_id no entry of categories has \(4\)",
        ),
        (lambda coco: coco["annotations"][0].update(category_id=[1]), "category_id that is none"),
        (lambda coco: coco["annotations"][0].pop("image_id"), "without image_id"),
        (lambda coco: coco["annotations"][0].update(bbox=[1, 2, 3]), r"1 bbox .* \(\[1, 2, 3\]\)"),
        (
            lambda coco: coco["annotations"][0].update(bbox=[1, 2, 3, 4, 45]),
            "1 bbox .* four numbers",
        ),
        (
            lambda coco: coco["annotations"][0].update(bbox=["1", [], 3, 4]),
            "1 bbox .* four numbers",
        ),
        (lambda coco: coco["annotations"][0].update(bbox=7), "1 bbox .* four numbers"),
        (lambda coco: coco["annotations"][0].update(bbox={"x": 1}), "1 bbox .* four numbers"),
    ],
)
def test_what_is_wrong_is_counted_and_shown(
    small: Coco, spoil: Callable[[Coco], object], message: str
) -> None:
    spoiled = copy.deepcopy(small)
    spoil(spoiled)
    with pytest.raises(InvalidParameterError, match=message) as raised:
        annotations_from(spoiled)
    assert "\n" not in str(raised.value)


def test_three_annotations_of_length_three_are_wrong_as_well(small: Coco) -> None:
    for entry in small["annotations"]:
        entry["bbox"] = [1, 2, 3]
    with pytest.raises(InvalidParameterError, match="3 bboxes"):
        annotations_from(small)


def test_a_list_of_results_is_no_annotation(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]')
    message = "no label, split or box; its columns are 'image_id', 'category_id', 'bbox', 'score'"
    with pytest.raises(InvalidParameterError, match=message):
        read_annotations(str(path))
