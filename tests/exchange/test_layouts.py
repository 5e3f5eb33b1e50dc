"""Each layout read back: by its own library where that is installed, else as its pages say."""

from __future__ import annotations

import gc
import io
import json
import tarfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from imgvet.annotations.read import read_annotations
from imgvet.cli.main import main
from imgvet.exchange.export import export_run
from imgvet.exchange.layouts import WebDataset
from imgvet.exchange.options import ExportOptions
from imgvet.sources.yolo import boxes_of_image, read_yolo
from imgvet.tables import read_table
from imgvet.workdir import WorkDir
from support.archives import write_tar
from support.exported import BOXES, write_rows
from support.fault_proxy import FaultProxy
from support.finished_run import finish_run
from support.pictures import jpeg, photograph, png
from support.s3_server import Bucket

pytest_plugins = ("support.s3_fixtures",)


def export(work: WorkDir, folder: Path, kind: str, **more: object) -> Path:
    """The folder that an export wrote."""
    options = ExportOptions.model_validate({"format": kind, **more})
    return export_run(work, folder / kind, options, 2).path


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture."""
    with Image.open(path) as picture:
        return picture.size


def as_json(path: Path) -> Any:
    """The content of a JSON file, which has no number that JSON has not."""

    def refuse(text: str) -> None:
        raise AssertionError(text)

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("run", ["crops", "boxed"])
def test_coco_is_read_by_pycocotools(
    run: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    folder = export(request.getfixturevalue(run), tmp_path, "coco")
    train = coco.COCO(str(folder / "annotations" / "instances_train.json"))
    names = {one["file_name"]: one for one in train.loadImgs(train.getImgIds())}
    assert set(names) == {"photo00.jpg", "photo03.jpg", "copy of 0.jpg"}
    for name, image in names.items():
        with Image.open(folder / "images" / "train" / name) as picture:
            assert picture.size == (image["width"], image["height"])
    found = train.loadAnns(train.getAnnIds(imgIds=names["photo00.jpg"]["id"]))
    assert [tuple(one["bbox"]) for one in found] == list(BOXES)
    classes = [train.loadCats(one["category_id"])[0]["name"] for one in found]
    assert classes == ["dog", "object"]
    (rotated,) = train.loadAnns(train.getAnnIds(imgIds=names["copy of 0.jpg"]["id"]))
    assert int(train.annToMask(rotated).sum()) == pytest.approx(2600, rel=0.05)


def test_coco_is_read_by_imgvet_as_it_was(crops: WorkDir, tmp_path: Path) -> None:
    folder = export(crops, tmp_path, "coco")
    table = read_annotations(str(folder / "annotations" / "instances_val.json")).table
    assert table[["col_x", "row_y", "width", "height"]].to_numpy().tolist() == [
        list(box) for _ in range(2) for box in BOXES
    ]
    assert set(table["label"]) >= {"cat", "dog"}


def test_a_coco_set_is_cleaned_with_all_that_it_tells(photos: Path, tmp_path: Path) -> None:
    entries: dict[str, Any] = {
        "info": {"year": 2020},
        "images": [
            {"id": 70 + n, "file_name": f"photo0{n}.jpg", "license": 3, "width": 1, "height": 1}
            for n in range(3)
        ],
        "annotations": [
            {"id": 900 + n, "image_id": 70 + n, "category_id": 44, "bbox": [1, 2, 30, 40],
             "segmentation": [[1, 2, 31, 2, 31, 42]], "iscrowd": n % 2, "keypoints": [n]}
            for n in range(3)
        ],
        "categories": [{"id": 44, "name": "dog", "supercategory": "animal"}],
    }  # fmt: skip
    (tmp_path / "coco.json").write_text(json.dumps(entries))
    given = {"annotations": str(tmp_path / "coco.json"), "data_type": "image"}
    work = finish_run(photos, tmp_path / "out", **given)
    rows = [(str(photos / "photo01.jpg"), "remove")]
    plan = write_rows(tmp_path / "plan.csv", ("filename", "action"), rows)
    folder = export(work, tmp_path, "coco", plan=plan)
    content = as_json(folder / "annotations" / "instances.json")
    assert content["info"] == {"year": 2020}
    assert content["categories"] == entries["categories"]
    assert content["annotations"] == [entries["annotations"][n] for n in (0, 2)]
    images = {one["id"]: one for one in content["images"]}
    assert len(images) == 9
    assert (images[70]["license"], images[70]["file_name"]) == (3, "photo00.jpg")
    with Image.open(folder / "images" / "photo00.jpg") as picture:
        assert (images[70]["width"], images[70]["height"]) == picture.size
    assert 71 not in images
    (tmp_path / "new.csv").write_text("filename,label\nphoto00.jpg,emu\nphoto01.jpg,cat\n")
    again = tmp_path / "again"
    options = ExportOptions(format="coco", corrections=str(tmp_path / "new.csv"))
    export_run(work, again, options)
    content = as_json(again / "annotations" / "instances.json")
    assert [one["name"] for one in content["categories"]] == ["dog", "emu"]
    old = entries["annotations"]
    assert content["annotations"] == [{**old[0], "category_id": 45}, *old[1:]]


def test_corrected_labels_are_those_of_boxes_of_one_class(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which of several classes was corrected nobody knows: that is told."""
    coco = {
        "images": [{"id": n, "file_name": f"photo0{n}.jpg"} for n in range(3)],
        "annotations": [
            {"id": 10 * n + k, "image_id": n, "category_id": k, "bbox": [1, 2 + k, 30, 40]}
            for n, classes in enumerate(((0, 0), (0, 1), (1,)))
            for k in classes
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(("cat", "dog"))],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    given = {"annotations": str(tmp_path / "coco.json"), "data_type": "image"}
    work = finish_run(photos, tmp_path / "out", **given)
    rows = [(f"photo0{n}.jpg", "emu") for n in range(2)]
    new = write_rows(tmp_path / "new.csv", ("filename", "label"), rows)
    for kind in ("coco", "yolo", "fiftyone"):
        command = ["export", str(work.path), str(tmp_path / kind), "--corrections", str(new)]
        assert main(command) == 0
        told = f"not corrected: {str(photos / 'photo01.jpg')!r} (boxes of several classes)"
        assert told in capsys.readouterr().out
    table = read_annotations(str(tmp_path / "coco" / "annotations" / "instances.json")).table
    table = table.dropna(subset="label")
    expected = [["emu", "emu"], ["cat", "dog"], ["dog"]]
    assert [own["label"].tolist() for _, own in table.groupby("filename")] == expected
    found = read_yolo(tmp_path / "yolo" / "data.yaml")
    paths = [f"{tmp_path}/yolo/images/train/photo0{n}.jpg" for n in range(3)]
    assert [[name for name, _ in boxes_of_image(path, found)] for path in paths] == expected
    samples = as_json(tmp_path / "fiftyone" / "samples.json")["samples"]
    told_of = {one["source"]: one["ground_truth"]["detections"] for one in samples}
    names = [[one["label"] for one in told_of[str(photos / Path(path).name)]] for path in paths]
    assert names == expected
    (tmp_path / "coco.json").write_text(json.dumps(coco).replace("bbox", "none"))
    work = finish_run(photos, tmp_path / "whole", **given)
    folder = export(work, tmp_path / "again", "coco", corrections=str(new))
    table = read_annotations(str(folder / "annotations" / "instances.json")).table
    assert table["label"].dropna().tolist() == ["emu", "emu", "dog"]


def test_files_of_two_splits_are_one_set(tmp_path: Path) -> None:
    given = []
    for number, (split, classes) in enumerate({"train": "ab", "valid": "bc"}.items()):
        folder = tmp_path / "set" / split
        folder.mkdir(parents=True)
        for n in range(2):
            (folder / f"{n}.jpg").write_bytes(jpeg(photograph(10 * number + n)))
        entries = {
            "images": [{"id": n, "file_name": f"{n}.jpg", "from": split} for n in range(2)],
            "annotations": [
                {"id": n, "image_id": n, "category_id": n, "bbox": [1, 2, 30, 40], "mask": split}
                for n in range(2)
            ],
            "categories": [{"id": n, "name": name} for n, name in enumerate(classes)],
        }
        given.append(str(folder / "_annotations.coco.json"))
        Path(given[-1]).write_text(json.dumps(entries))
    work = finish_run(tmp_path / "set", tmp_path / "out", annotations=given, data_type="image")
    items = read_table(work.table("items"))
    assert items[["label", "split"]].to_numpy().tolist() == [
        ["a", "train"], ["b", "train"], ["b", "valid"], ["c", "valid"],
    ]  # fmt: skip
    (tmp_path / "new.csv").write_text("filename,split\nvalid/1.jpg,train\n")
    export_run(
        work, tmp_path / "new", ExportOptions(format="coco", corrections=f"{tmp_path}/new.csv")
    )
    content = as_json(tmp_path / "new" / "annotations" / "instances_train.json")
    names = {one["id"]: one["name"] for one in content["categories"]}
    assert sorted(names.values()) == ["a", "b", "c"]
    told = {
        one["image_id"]: (names[one["category_id"]], one["mask"]) for one in content["annotations"]
    }
    assert len(told) == len({one["id"] for one in content["annotations"]}) == 3
    assert sorted((*told[one["id"]], one["from"]) for one in content["images"]) == [
        ("a", "train", "train"), ("b", "train", "train"), ("c", "valid", "valid"),
    ]  # fmt: skip
    (stays,) = as_json(tmp_path / "new" / "annotations" / "instances_valid.json")["images"]
    assert stays["id"] == 0, "an id that clashes with none of its file stays"
    exported = [str(path) for path in (tmp_path / "new" / "annotations").iterdir()]
    found = read_annotations(*sorted(exported)).table
    assert found["split"].tolist() == ["train"] * 3 + ["valid"]
    assert found["filename"].tolist() == sorted(
        str(path) for path in (tmp_path / "new" / "images").rglob("*.jpg")
    )


def test_labels_without_boxes_are_coco_annotations_without_a_box(
    work: WorkDir, tmp_path: Path
) -> None:
    folder = export(work, tmp_path, "coco")
    table = read_annotations(str(folder / "annotations" / "instances_train.json")).table
    assert table[["filename", "label"]].to_numpy().tolist() == [
        ["photo00.jpg", "dog"], ["photo03.jpg", "cat"],
    ]  # fmt: skip


def test_references_name_where_images_are(work: WorkDir, photos: Path, tmp_path: Path) -> None:
    folder = export(work, tmp_path, "coco", images="none")
    images = as_json(folder / "annotations" / "instances_val.json")["images"]
    assert [one["file_name"] for one in images] == [
        str(photos / "photo01.jpg"), str(photos / "photo04.jpg"),
    ]  # fmt: skip
    assert not (folder / "images").exists()


@pytest.mark.parametrize("run", ["crops", "boxed"])
def test_yolo_is_read_by_imgvet_with_the_same_boxes(
    run: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = export(request.getfixturevalue(run), tmp_path, "yolo")
    stated = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    assert stated["train"] == "images/train"
    known = read_yolo(folder / "data.yaml")
    assert set(known.places) == {"train", "val"}
    picture = folder / "images" / "train" / "photo00.jpg"
    size = size_of(picture) * 2
    found = boxes_of_image(str(picture), known)
    for (_, shares), box in zip(found, BOXES, strict=True):
        assert np.multiply(shares, size).tolist() == pytest.approx(list(box), abs=1e-3)
    for labels in (folder / "labels").rglob("*.txt"):
        for row in labels.read_text().splitlines():
            number, *values = row.split()
            assert int(number) in stated["names"]
            assert len(values) in (4, 8)
            assert all(0 <= float(value) <= 1 for value in values)
    images = [path.relative_to(folder / "images") for path in (folder / "images").rglob("*.*")]
    assert len({path.with_suffix("") for path in images}) == len(images)


def test_a_yolo_data_set_is_cleaned_with_its_boxes(boxed: WorkDir, tmp_path: Path) -> None:
    first = export(boxed, tmp_path, "yolo")
    again = finish_run(first / "data.yaml", tmp_path / "out")
    second = export(again, tmp_path / "second", "yolo")
    for labels in (first / "labels").rglob("photo*.txt"):
        rows, others = (
            [row.split() for row in path.read_text().splitlines()]
            for path in (labels, second / labels.relative_to(first))
        )
        assert len(rows) == len(BOXES)
        assert np.array(others, float) == pytest.approx(np.array(rows, float), abs=2e-6)


def test_the_classes_of_a_data_set_keep_their_numbers(photos: Path, tmp_path: Path) -> None:
    """A model that was trained on the set counts classes so: by name cat would come first."""
    images, labels, names = tmp_path / "images", tmp_path / "labels", ["zebra", "cat", "ant"]
    images.mkdir()
    labels.mkdir()
    (images / "1.jpg").write_bytes((photos / "photo00.jpg").read_bytes())
    rows = ["1 0.5 0.5 0.2 0.2", "7 0.5 0.5 0.3 0.3", "0 0.5", "0 3 3 0.1 0.1"]
    (labels / "1.txt").write_text("\n".join(rows))
    stated = {"path": str(tmp_path), "train": "images", "names": names}
    (tmp_path / "data.yaml").write_text(yaml.safe_dump(stated))
    coco = {
        "images": [{"id": 1, "file_name": "1.jpg"}],
        "annotations": [{"image_id": 1, "category_id": 80, "bbox": [10, 10, 20, 20]}],
        "categories": [{"id": 90 - 10 * n, "name": name} for n, name in enumerate(names)],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    given = {"annotations": str(tmp_path / "coco.json")}
    for run, source, more, own in (
        ("whole", tmp_path / "data.yaml", {}, ["7"]),
        ("cut", tmp_path / "data.yaml", {"data_type": "bbox"}, ["7"]),
        ("coco", images, given | {"data_type": "image"}, []),
    ):
        work = finish_run(source, tmp_path / f"work {run}", **more)
        folder = export(work, tmp_path / f"out {run}", "yolo")
        found = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))["names"]
        assert list(found.values()) == names + own
        written = (folder / "labels" / "train" / "1.txt").read_text().splitlines()
        assert [row.split()[0] for row in written] == ["1", *("3" for _ in own)]
    entries = as_json(export(work, tmp_path, "datumaro") / "annotations" / "default.json")
    assert [one["name"] for one in entries["categories"]["label"]["labels"]] == names


def test_labels_without_boxes_are_folders_of_yolo(work: WorkDir, tmp_path: Path) -> None:
    folder = export(work, tmp_path, "yolo")
    assert (folder / "train" / "dog" / "photo00.jpg").is_file()
    assert (folder / "val" / "cat" / "photo01.jpg").is_file()
    assert not (folder / "data.yaml").exists()


def test_webdataset_is_read_by_its_library(work: WorkDir, photos: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    folder = export(work, tmp_path, "webdataset")
    shards = sorted(map(str, folder.glob("*.tar")))
    assert [Path(shard).name for shard in shards] == [
        "images-000000.tar", "train-000000.tar", "val-000000.tar",
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it leaves shards open
        samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("pil"))
        gc.collect()
    assert len(samples) == 10
    for sample in samples:
        told = sample["json"]
        with Image.open(told["filename"]) as picture:
            assert np.array_equal(np.asarray(sample["jpg"]), np.asarray(picture.convert("RGB")))
    labels = [sample["json"].get("label") for sample in samples if "train" in sample["__url__"]]
    assert labels == ["dog", "cat"]


def test_webdataset_is_read_by_imgvet_as_it_was(work: WorkDir, tmp_path: Path) -> None:
    folder = export(work, tmp_path, "webdataset")
    again = finish_run([str(path) for path in sorted(folder.glob("*.tar"))], tmp_path / "out")
    items = [read_table(run.table("items")) for run in (work, again)]
    valid = [rows[rows["status"] == "ok"] for rows in items]
    known = [rows.set_index("digest")[["label", "split"]].sort_index() for rows in valid]
    named = [rows[~rows.index.duplicated()] for rows in known]
    pd.testing.assert_frame_equal(named[0].fillna(""), named[1].fillna(""))


def test_crops_are_pictures_of_webdataset(crops: WorkDir, tmp_path: Path) -> None:
    folder = export(crops, tmp_path, "webdataset")
    with tarfile.open(folder / "train-000000.tar") as tar:
        names = [name for name in tar.getnames() if name.endswith(".png")]
        data = tar.extractfile(names[-1])
        assert data is not None
        with Image.open(io.BytesIO(data.read())) as picture:
            assert picture.size == (60, 50)
    assert len(names) == 5


def test_full_shards_are_followed_by_others(
    work: WorkDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WebDataset, "most_images", 4)
    folder = export(work, tmp_path, "webdataset")
    counts = []
    for path in sorted(folder.glob("images-*.tar")):
        with tarfile.open(path) as tar:
            counts.append(len(tar.getnames()))
    assert counts == [8, 4]


def test_fiftyone_samples_are_as_its_importer_reads_them(boxed: WorkDir, tmp_path: Path) -> None:
    folder = export(boxed, tmp_path, "fiftyone")
    metadata, samples = (as_json(folder / f"{name}.json") for name in ("metadata", "samples"))
    assert "version" not in metadata  # else the importer expects a dump of its database
    found = {Path(one["filepath"]).name: one for one in samples["samples"]}
    assert len(found) == 10
    assert all((folder / one["filepath"]).is_file() for one in found.values())
    first = found["photo00.jpg"]
    assert first["tags"] == ["train"]
    size = size_of(folder / first["filepath"]) * 2
    boxes = first["ground_truth"]["detections"]
    assert [one["label"] for one in boxes] == ["dog", "object"]
    for box, expected in zip(boxes, BOXES, strict=True):
        assert np.multiply(box["bounding_box"], size).tolist() == pytest.approx(list(expected))


def test_fiftyone_has_a_classification_where_there_are_no_boxes(
    work: WorkDir, photos: Path, tmp_path: Path
) -> None:
    folder = export(work, tmp_path, "fiftyone", images="none")
    samples = as_json(folder / "samples.json")["samples"]
    (first,) = (one for one in samples if one["filepath"] == str(photos / "photo00.jpg"))
    assert first["ground_truth"] == {"_cls": "Classification", "label": "dog"}


def test_datumaro_items_are_as_its_importer_reads_them(boxed: WorkDir, tmp_path: Path) -> None:
    folder = export(boxed, tmp_path, "datumaro")
    content = as_json(folder / "annotations" / "train.json")
    labels = [one["name"] for one in content["categories"]["label"]["labels"]]
    items = {one["id"]: one for one in content["items"]}
    assert set(items) == {"photo00", "photo03", "copy of 0"}
    boxes = items["photo00"]["annotations"]
    assert [(labels[one["label_id"]], one["type"], tuple(one["bbox"])) for one in boxes] == [
        ("dog", "bbox", BOXES[0]), ("object", "bbox", BOXES[1]),
    ]  # fmt: skip
    (polygon,) = items["copy of 0"]["annotations"]
    assert polygon["points"] == [40, 10, 90, 40, 70, 80, 20, 50]
    image = items["photo00"]["image"]
    with Image.open(folder / "images" / "train" / image["path"]) as picture:
        assert [picture.height, picture.width] == image["size"]


def test_datumaro_is_read_by_its_library(boxed: WorkDir, tmp_path: Path) -> None:
    datumaro = pytest.importorskip("datumaro", reason="datumaro is not installed")
    found = datumaro.Dataset.import_from(str(export(boxed, tmp_path, "datumaro")), "datumaro")
    item = found.get("photo00", "train")
    assert [tuple(one.get_bbox()) for one in item.annotations] == list(BOXES)
    assert item.media.data.ndim == 3


def test_members_of_archives_are_exported_by_name(tmp_path: Path) -> None:
    contents = {"x/a.jpg": jpeg(photograph(1)), "x/a.png": png(photograph(2)),
                "x:a.jpg": jpeg(photograph(3))}  # fmt: skip
    first = write_tar(tmp_path / "first.tar", contents)
    second = write_tar(tmp_path / "second.tar", {"x/a.jpg": jpeg(photograph(4))})
    work = finish_run([str(first), str(second)], tmp_path / "out")
    folder = export(work, tmp_path, "coco", images="link")
    found = [path.read_bytes() for path in (folder / "images").rglob("*.*g")]
    assert sorted(found) == sorted([*contents.values(), jpeg(photograph(4))])
    assert len(as_json(folder / "annotations" / "instances.json")["images"]) == 4


def test_pictures_cut_from_changed_files_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(photograph(1)))
    work = finish_run(path, tmp_path / "out", bounding_box="row_y=10,col_x=20,height=50,width=70")
    path.write_bytes(jpeg(photograph(2)))
    found = export_run(work, tmp_path / "shards", ExportOptions(format="webdataset"))
    assert found.images == 0
    assert [detail for *_, detail in found.left_out] == ["the file is another one than the run saw"]


def test_objects_of_a_bucket_are_exported_as_they_were_read(
    proxy: FaultProxy, bucket: Bucket, tmp_path: Path
) -> None:
    contents = {"photos/a.jpg": jpeg(photograph(1)), "photos/b/a.jpg": jpeg(photograph(2))}
    bucket.put(contents)
    work = finish_run(f"s3://{bucket.name}/photos", tmp_path / "out")
    folder = export(work, tmp_path, "coco", images="link")
    found = [path.read_bytes() for path in sorted((folder / "images").rglob("*.jpg"))]
    assert found == list(contents.values())
    bucket.put({"photos/a.jpg": jpeg(photograph(3))})
    again = export_run(work, tmp_path / "later", ExportOptions(format="coco"))
    assert [name.rpartition("/")[2] for name, *_ in again.left_out] == ["a.jpg"]


def test_no_picture_takes_the_place_of_another(tmp_path: Path) -> None:
    places = {
        "x/one/a.jpg": "one", "y/a.jpg": "", "y/one/a.jpg": "",
        "d/a.jpg": "default", "i/a.jpg": "images", "t/a.jpg": "train",
    }  # fmt: skip
    for number, name in enumerate(places):
        (path := tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(photograph(number)))
    rows = [(name, "dog", split) for name, split in places.items()]
    labels = write_rows(tmp_path / "labels.csv", ("filename", "label", "split"), rows)
    work = finish_run(tmp_path / "photos", tmp_path / "out", annotations=str(labels))
    for kind in ("coco", "yolo", "datumaro", "fiftyone", "webdataset"):
        folder = export(work, tmp_path, kind)
        contents = [path.read_bytes() for path in folder.rglob("*.jpg")]
        for path in folder.rglob("*.tar"):
            with tarfile.open(path) as tar:
                members = [one for one in tar if one.name.endswith(".jpg")]
                contents += [tar.extractfile(one).read() for one in members]  # type: ignore[union-attr]
        assert len(contents) == len(set(contents)) == len(places), kind
