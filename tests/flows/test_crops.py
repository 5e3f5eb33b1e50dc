"""Crops of annotated boxes and of detections become items, and whole images stay beside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imgvet.annotations import read
from imgvet.dataset import Dataset
from imgvet.errors import WorkDirUnusableError
from imgvet.flows.analyze_dataset import analyze_dataset
from imgvet.options import make_options
from imgvet.store.store import Store
from imgvet.summary import RunSummary
from imgvet.tables import CROPS, ITEMS
from imgvet.workdir import CROPS_PART, UNUSED_DAYS, WorkDir
from support.finished_run import finish_run
from support.pictures import age, photograph, png

from .conftest import later_today

IMAGES, COLUMNS, ROWS, SIDE = 10, 5, 4, 64
PLANTED = ((0, 3), (2, 17), (5, 8), (9, 19))
"""Images and boxes that get the same object."""


def run(name: object, work_dir: Path, **parameters: object) -> RunSummary:
    return analyze_dataset(make_options({"input_dir": name, "work_dir": work_dir, **parameters}))


def crops_in(work_dir: Path) -> Dataset:
    return Dataset(work_dir=work_dir / CROPS_PART)


def box_of(number: int) -> tuple[int, int]:
    """Left and upper edge of a box."""
    return (number % COLUMNS) * SIDE, (number // COLUMNS) * SIDE


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photographs of 20 boxes each, 200 in all, four of which hold the same object."""
    folder = tmp_path_factory.mktemp("crops") / "street"
    folder.mkdir()
    thing = photograph(11)[60 : 60 + SIDE, 80 : 80 + SIDE]
    for image in range(IMAGES):
        picture = np.array(photograph(image)[: ROWS * SIDE, : COLUMNS * SIDE])
        picture = np.pad(
            picture,
            [
                (0, max(0, ROWS * SIDE - picture.shape[0])),
                (0, max(0, COLUMNS * SIDE - picture.shape[1])),
                (0, 0),
            ],
            "reflect",
        )
        for planted, box in PLANTED:
            if planted == image:
                x, y = box_of(box)
                picture[y : y + SIDE, x : x + SIDE] = thing
        (folder / f"{image}.png").write_bytes(png(picture))
    age(*folder.iterdir())
    return folder


@pytest.fixture(scope="module")
def coco(street: Path) -> Path:
    """COCO's file of these boxes, with a crowd, an empty box, one outside and a missing image."""
    boxes = [(image, box_of(number)) for image in range(IMAGES) for number in range(ROWS * COLUMNS)]
    annotations = [
        {
            "id": place,
            "image_id": image,
            "category_id": 1 + place % 2,
            "bbox": [*corner, SIDE, SIDE],
        }
        for place, (image, corner) in enumerate(boxes)
    ]
    odd = [
        {"image_id": 0, "category_id": 1, "bbox": [0, 0, 300, 200], "iscrowd": 1},
        {"image_id": 1, "category_id": 1, "bbox": [10, 10, 0, 5]},
        {"image_id": 2, "category_id": 2, "bbox": [9000, 10, 50, 50]},
        {"image_id": 99, "category_id": 2, "bbox": [1, 1, 50, 50]},
    ]
    annotations += [{"id": 1000 + place, **row} for place, row in enumerate(odd)]
    images = [{"id": image, "file_name": f"{image}.png"} for image in range(IMAGES)]
    content = {
        "images": [*images, {"id": 99, "file_name": "gone.png"}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    path = street.parent / "instances.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="module")
def vetted(street: Path, coco: Path) -> tuple[Path, RunSummary]:
    """The work dir of a run on these boxes, and its summary; further runs may go into it."""
    out = street.parent / "out"
    return out, run(street, out, annotations=str(coco))


def planted_crops(crops: pd.DataFrame) -> set[int]:
    """The crops that hold the same object."""
    wanted = {(f"{image}.png", *box_of(number)) for image, number in PLANTED}
    names = crops["filename"].map(lambda name: Path(name).name)
    places = zip(names, crops["col_x"], crops["row_y"], strict=True)
    return {row for row, place in zip(crops["crop_id"], places, strict=True) if place in wanted}


def test_boxes_of_coco_become_crops_and_copies_among_them_are_found(
    street: Path, vetted: tuple[Path, RunSummary]
) -> None:
    out, summary = vetted
    assert (summary.sources, summary.sources_without_crops) == (11, 0)
    assert (summary.counts.images, summary.counts.valid) == (203, 200)
    assert summary.invalid_by_reason == {"degenerate_box": 1, "missing": 1, "outside_picture": 1}
    dataset = crops_in(out)
    crops, items = dataset.crops(), dataset.annotations(valid_only=False)
    assert crops.columns.tolist() == CROPS.column_names
    assert len(crops) == 202  # All but the missing image.
    assert set(items["label"]) == {"cat", "dog"}
    same = planted_crops(crops)
    assert len(same) == len(PLANTED)
    copies = items[items["digest"].isin(items.loc[items["id"].isin(same), "digest"])]
    assert set(copies["id"]) == same
    assert summary.counts.exact_duplicate_groups == 1
    first = items.iloc[0]
    assert first["filename"] == f"{street / '0.png'}#xywh=0,0,64,64"
    assert dataset.img_stats().query("id == 0")[["width", "height"]].to_numpy().tolist() == [
        [64, 64]
    ]


def test_a_second_run_cuts_nothing_and_gives_the_same(
    street: Path, coco: Path, vetted: tuple[Path, RunSummary]
) -> None:
    out, _ = vetted
    tables = sorted((out / CROPS_PART / "tables").iterdir())
    before = {path.name: path.read_bytes() for path in tables}
    run(street, out, annotations=str(coco))
    assert {stage.computed for stage in crops_in(out).record().stages} == {0}
    assert {path.name: path.read_bytes() for path in tables} == before


def test_whole_images_and_crops_stay_beside_each_other(
    street: Path, coco: Path, vetted: tuple[Path, RunSummary]
) -> None:
    out, _ = vetted
    whole = run(street, out, annotations=str(coco), data_type="image")
    assert (whole.counts.images, whole.sources) == (11, None)
    images, crops = Dataset(work_dir=out), crops_in(out)
    assert (len(images), len(crops)) == (11, 203)
    assert images.annotations()["label"].tolist() == ["cat,dog"] * 10
    assert images.crops().empty
    for dataset in (images, crops):
        assert (dataset.work_dir / "report" / "index.html").is_file()
    with pytest.raises(WorkDirUnusableError, match="overwrite"):
        run(street, out, annotations=str(coco), overwrite=False)


@pytest.mark.slow
def test_one_changed_image_is_cut_alone(street: Path, coco: Path, tmp_path: Path) -> None:
    street = Path(shutil.copytree(street, tmp_path / "street"))
    run(street, tmp_path / "out", annotations=str(coco))
    (street / "3.png").write_bytes((street / "4.png").read_bytes())
    age(street / "3.png")
    run(street, tmp_path / "out", annotations=str(coco))
    computed = {stage.stage: stage.computed for stage in crops_in(tmp_path / "out").record().stages}
    assert (computed["compute_crops"], computed["embed"]) == (1, 0)


def test_rotated_boxes_are_straightened(street: Path, tmp_path: Path) -> None:
    corners = {"x1": 100.0, "y1": 40.0, "x2": 180.0, "y2": 100.0}
    corners |= {"x3": 150.0, "y3": 140.0, "x4": 70.0, "y4": 80.0}
    table = tmp_path / "boxes.csv"
    pd.DataFrame([{"filename": "0.png", "label": "tilted", **corners}]).to_csv(table, index=False)
    finish_run(street, tmp_path / "out", annotations=str(table))
    dataset = crops_in(tmp_path / "out")
    (crop,) = dataset.crops().to_dict("records")
    assert {name: crop[name] for name in corners} == corners
    size = dataset.img_stats()[["width", "height"]].to_numpy().tolist()
    assert size == [[100, 50]]


def test_the_boxes_of_a_yolo_set_become_crops_when_asked_for(
    street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    for split, images in (("train", range(6)), ("val", range(6, IMAGES))):
        (data / "images" / split).mkdir(parents=True)
        (data / "labels" / split).mkdir(parents=True)
        for image in images:
            shutil.copy2(street / f"{image}.png", data / "images" / split)
            rows = [
                f"{number % 2} {(x / SIDE + 0.5) / COLUMNS} {(y / SIDE + 0.5) / ROWS} "
                f"{1 / COLUMNS} {1 / ROWS}\n"
                for number, (x, y) in enumerate(map(box_of, range(ROWS * COLUMNS)))
            ]
            (data / "labels" / split / f"{image}.txt").write_text("".join(rows))
    yaml = tmp_path / "data.yaml"
    yaml.write_text(f"path: {data}\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n")
    monkeypatch.chdir(tmp_path)
    summary = run(yaml.name, tmp_path / "out", data_type="bbox")
    assert (summary.counts.images, summary.sources) == (200, 10)
    dataset = crops_in(tmp_path / "out")
    items, crops = dataset.annotations(), dataset.crops()
    # Exports look for it again, maybe from another current folder.
    assert [str(yaml)] == dataset.record().parameters["input_dir"] == [*items["source"].unique()]
    assert items.groupby("split")["id"].count().to_dict() == {"train": 120, "val": 80}
    assert items["label"].tolist() == ["cat", "dog"] * 100
    digests = items[items["id"].isin(planted_crops(crops))]["digest"]
    assert digests.nunique() == 1
    assert len(digests) == len(PLANTED)


@pytest.mark.slow
def test_one_box_for_all_images(street: Path, tmp_path: Path) -> None:
    box = "row_y=10,col_x=20,height=100,width=120"
    summary = run(street, tmp_path / "out", bounding_box=box)
    assert (summary.counts.images, summary.sources) == (10, 10)
    crops = crops_in(tmp_path / "out").crops()
    assert crops[["col_x", "row_y", "width", "height"]].drop_duplicates().to_numpy().tolist() == [
        [20, 10, 120, 100]
    ]


def test_texts_are_found_cut_and_told(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr")
    import cv2

    folder = tmp_path / "signs"
    folder.mkdir()
    for number, word in enumerate(["STATION", "LIBRARY"]):
        sign = np.full((120, 420, 3), 240, np.uint8)
        cv2.putText(sign, word, (40, 80), cv2.FONT_HERSHEY_SIMPLEX, 2, (10, 10, 10), 4)
        (folder / f"{number}.png").write_bytes(png(sign))
    (folder / "none.png").write_bytes(png(np.full((120, 420, 3), 240, np.uint8)))
    summary = run(folder, tmp_path / "out", bounding_box="ocr", augmentation_additive_margin=5)
    assert (summary.sources, summary.sources_without_crops) == (3, 1)
    crops = crops_in(tmp_path / "out").crops()
    assert crops["text"].tolist() == ["STATION", "LIBRARY"]
    assert (crops["score"] > 0.5).all()


def test_labels_and_splits_without_boxes_travel_to_the_items(
    street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[object] = []
    read_csv = read._read_csv
    monkeypatch.setattr(
        read, "_read_csv", lambda *inputs: parsed.append(inputs) or read_csv(*inputs)
    )
    table = tmp_path / "labels.csv"
    table.write_text("filename,label,split\n0.png,7,train\n1.png,cat,val\n")
    summary = run(street, tmp_path / "out", annotations=str(table))
    assert summary.sources is None
    items = Dataset(work_dir=tmp_path / "out").annotations()
    assert items.columns.tolist() == ITEMS.column_names
    assert items["label"].tolist()[:2] == ["7", "cat"]
    assert items["label"].isna().sum() == 8
    assert len(parsed) == 1


def test_what_runs_on_crops_need_is_kept(
    street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, out = "row_y=10,col_x=20,height=60,width=80", tmp_path / "out"
    for days in (0, UNUSED_DAYS, 2 * UNUSED_DAYS):
        later_today(monkeypatch, days)
        run(street, out, bounding_box=box, num_images=2)
        computed = {stage.stage: stage.computed for stage in crops_in(out).record().stages}
        assert (computed["compute_crops"], computed["embed"]) == ((0, 0) if days else (2, 2))
    later_today(monkeypatch, 4 * UNUSED_DAYS)
    run(street, out, num_images=2)
    assert Store(WorkDir(out)).cuts.digests() == set()
