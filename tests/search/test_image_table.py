"""One row per image: what a join by pandas gives, from files as from frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imgvet.search.image_table import MAX_ID, ImageTable
from imgvet.tables import BY_NAME, conform, write_table
from imgvet.workdir import WorkDir

IDS = [7, 3, 11, 5]

FRAMES = {
    "items": pd.DataFrame(
        {
            "id": IDS,
            "filename": ["/a.jpg", "/b.jpg", "/c.jpg", "/d.jpg"],
            "status": ["ok", "ok", "truncated", "ok"],
            "digest": ["x", "y", "x", "x"],
            "label": ["cat", None, None, "dog"],
        }
    ),
    "stats": pd.DataFrame(
        {
            "id": [5, 7, 3],
            "width": [50, 70, 30],
            "height": [40, 80, 30],
            "sharpness": [0.5, np.nan, 0.3],
        }
    ),
    "similarity": pd.DataFrame(
        {
            "from": [7, 3, 3],
            "to": [5, 7, 99],
            "similarity": [0.9, 0.95, 1],
            "relation": ["exact", "resized", "cropped"],
        }
    ),
    "outliers": pd.DataFrame({"id": [3], "nearest": [7], "similarity": [0.2], "score": [4.0]}),
    "invalid": pd.DataFrame({"id": [11], "filename": ["/c.jpg"], "reason": ["truncated"]}),
    "crops": pd.DataFrame({"crop_id": [5, 5, 99], "source_id": [1, 2, 3], "text": list("pqr")}),
}


@pytest.fixture(scope="module", params=["files", "frames"])
def images(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ImageTable:
    """The frames as an image table, and the same by way of a work dir."""
    if request.param == "frames":
        return ImageTable.of_frames(FRAMES)
    work = WorkDir(tmp_path_factory.mktemp("run"))
    work.tables.mkdir()
    for name, frame in FRAMES.items():
        write_table(conform(frame, BY_NAME[name]), work.table(name))
    return ImageTable.of_run(work)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("id", IDS),
        ("label", ["cat", None, None, "dog"]),
        ("stats.width", [70, 30, None, 50]),
        ("stats.sharpness", [None, 0.3, None, 0.5]),
        ("outliers.nearest", [None, 7, None, None]),
        ("outliers.score", [None, 4.0, None, None]),
        ("invalid.reason", [None, None, "truncated", None]),
        ("crops.text", [None, None, None, "p"]),
        ("crops.source_id", [None, None, None, 1]),
        ("copies", [2, 1, None, 2]),
        ("pixels", [5600, 900, None, 2000]),
        ("sides", [8 / 7, 1.0, None, 1.25]),
        ("similarity.pairs", [1, 2, 0, 0]),
        ("similarity.highest", [0.95, 1.0, None, None]),
        ("similarity.relation", ["resized", "cropped", None, None]),
    ],
)
def test_columns_are_joined_by_the_id_of_the_image(images: ImageTable, name, values):
    assert images[name].to_pylist() == values


def test_names_are_those_of_the_tables_and_none_comes_twice(images: ImageTable):
    assert list(images.columns)[:2] == ["id", "filename"]
    assert {"stats.id", "invalid.filename", "crops.crop_id", "similarity.from"}.isdisjoint(
        images.columns
    )
    assert images.columns["stats.width"].kind == "number"
    assert images.columns["stats.width"].meaning.startswith("Width")
    with pytest.raises(KeyError):
        images["stats.id"]


def test_rows_are_found_by_id(images: ImageTable):
    assert images.rows_of([11, 4, 7, MAX_ID]).tolist() == [2, -1, 0, -1]
    assert images.values(("id", "stats.width"), [5, 4, 11]) == [(5, 50), (11, None)]


def test_a_frame_has_the_images_in_the_order_wanted(images: ImageTable):
    frame = images.frame(["stats.width", "label"], [5, 4, 11])
    assert frame.index.tolist() == [5, 4, 11]
    assert frame["label"].isna().tolist() == [False, True, True]
    assert frame.loc[5].tolist() == [50, "dog"]
    whole = images.frame(["filename"])
    assert whole["filename"].to_dict() == dict(zip(IDS, FRAMES["items"]["filename"], strict=True))


def test_facts_are_all_that_is_known_of_an_image(images: ImageTable):
    assert images.facts(3) == {
        "id": 3, "filename": "/b.jpg", "status": "ok", "digest": "y", "stats.width": 30,
        "stats.height": 30, "pixels": 900, "sides": 1.0, "stats.sharpness": 0.3,
        "outliers.nearest": 7, "outliers.similarity": 0.2, "outliers.score": 4.0,
        "copies": 1, "similarity.pairs": 2, "similarity.highest": 1.0,
        "similarity.relation": "cropped",
    }  # fmt: skip
    assert images.facts(11, ("label", "status")) == {"status": "truncated"}
    assert images.facts(4) is None
    assert images.facts(MAX_ID + 1) is None


def test_a_run_without_images_or_with_few_tables_has_what_there_is(tmp_path: Path):
    work = WorkDir(tmp_path)
    work.tables.mkdir()
    write_table(conform(FRAMES["items"].iloc[:0], BY_NAME["items"]), work.table("items"))
    images = ImageTable.of_run(work)
    assert len(images) == 0
    assert images.rows_of([3]).tolist() == [-1]
    assert images["copies"].to_pylist() == []
    assert "similarity.pairs" not in images.columns
    assert ImageTable.of_frames({"items": FRAMES["items"]})["stats.width"].null_count == len(IDS)


def test_pairs_of_an_earlier_version_count_though_it_had_fewer_columns(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    work.tables.mkdir()
    for name, frame in FRAMES.items():
        written = conform(frame, BY_NAME[name])
        if name == "similarity":
            written = written.select(["from", "to", "similarity"])
        write_table(written, work.table(name))
    images = ImageTable.of_run(work)
    assert images["similarity.highest"].to_pylist() == [0.95, 1.0, None, None]
    assert images["similarity.relation"].to_pylist() == [None] * 4


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        ([], ""),
        (["/a/b/c.jpg"], "/a/b/"),
        (["/a/b/c.jpg", "/a/bc/d.jpg"], "/a/"),
        (["s3://bucket/x/1.jpg", "s3://bucket/x/2.jpg"], "s3://bucket/x/"),
        (["/a/b\\c/1.jpg", "/a/b\\d/2.jpg"], "/a/"),
        (["/a/b\\1.jpg", "/a/b\\2.jpg"], "/a/"),
        (["one.jpg", "two.jpg"], ""),
    ],
)
def test_root_is_the_folder_that_all_files_share(names: list[str], folder: str):
    files = pd.DataFrame({"filename": names, "status": "ok"})
    assert ImageTable.of_frames({"items": files}).root == folder
    gone = pd.DataFrame({"filename": ["e/gone.jpg"], "status": ["missing"]})
    assert ImageTable.of_frames({"items": pd.concat([files, gone])}).root == folder


def test_lists_of_leaks_and_of_likely_wrong_labels_are_columns(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    work.tables.mkdir()
    leaks = pd.DataFrame({"from": [7, 3], "to": [5, 7], "similarity": 1.0})
    issues = pd.DataFrame({"id": [5, 7], "label": "cat", "is_issue": [True, False]})
    for name, frame in {**FRAMES, "leaks": leaks, "label_issues": issues}.items():
        write_table(conform(frame, BY_NAME[name]), work.table(name))
    images = ImageTable.of_run(work)
    assert images["leaks.pairs"].to_pylist() == [2, 1, 0, 1]
    assert images["label_issues.is_issue"].to_pylist() == [False, None, None, True]
