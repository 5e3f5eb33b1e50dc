"""Originals are shown wherever they lie, and nothing but images is given out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from imgvet.images.decode import decode
from imgvet.images.picture import Picture
from imgvet.reasons import Failure, Reason
from imgvet.search.originals import Originals, Shown
from imgvet.store.packs import Thumbnails
from imgvet.store.store import Store
from imgvet.summary import read_record
from imgvet.tables import read_table
from imgvet.workdir import WorkDir
from support.archives import write_tar
from support.finished_run import finish_run
from support.pictures import jpeg, photograph, png


def shown(work: WorkDir, item: int) -> Shown | Failure:
    found = Originals(work, read_record(work)).show(item)
    assert found is not None
    return found


def pixels(found: Shown | Failure) -> np.ndarray:
    assert isinstance(found, Shown)
    picture = decode(found.data)
    assert isinstance(picture, Picture)
    return picture.pixels


def test_files_that_browsers_show_are_given_as_they_are(work: WorkDir):
    items = read_table(work.table("items"))
    for item, filename in zip(items["id"], items["filename"], strict=True):
        if not filename.endswith("text.jpg"):
            assert shown(work, item) == Shown(Path(filename).read_bytes(), "image/jpeg")


def test_what_is_no_image_any_more_is_not_given_out(tmp_path: Path):
    (path := tmp_path / "in.jpg").write_bytes(jpeg(photograph(1)))
    work = finish_run(path, tmp_path / "out")
    assert isinstance(shown(work, 0), Shown)
    path.write_text("password")
    found = shown(work, 0)
    assert isinstance(found, Failure)
    assert found.reason is Reason.NOT_AN_IMAGE
    path.unlink()
    gone = shown(work, 0)
    assert isinstance(gone, Failure)
    assert gone.reason is Reason.MISSING
    assert Originals(work, read_record(work)).show(1) is None


def test_members_of_archives_and_other_formats_are_shown(tmp_path: Path):
    tiff = cv2.imencode(".tif", photograph(2)[..., ::-1])[1].tobytes()
    path = write_tar(tmp_path / "a.tar", {"x/one.png": png(photograph(1)), "two.tif": tiff})
    work = finish_run(path, tmp_path / "out")
    names = read_table(work.table("items")).set_index("id")["filename"]
    found = {str(name).split("!")[1]: shown(work, item) for item, name in names.items()}
    assert found["x/one.png"] == Shown(png(photograph(1)), "image/png")
    assert found["two.tif"].media_type == "image/png"
    assert np.array_equal(pixels(found["two.tif"]), photograph(2))


def test_crops_are_cut_from_their_pictures(tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(png(photograph(4)))
    box = "row_y=10,col_x=20,height=50,width=70"
    work = finish_run(folder, tmp_path / "out", bounding_box=box)
    assert np.array_equal(pixels(shown(work, 0)), photograph(4)[10:60, 20:90])
    whole = Originals(work, read_record(work)).show(0, whole=True)
    outlined = (pixels(whole) != photograph(4)).any(axis=2)
    assert outlined.any()
    assert not outlined[15:55, 25:85].any()
    assert not outlined[:5].any()
    assert not outlined[70:].any()
    digest = read_table(work.table("items"))["digest"][0]
    thumbnail = Thumbnails(Store(work).measures).read(digest)
    assert thumbnail is not None
    assert decode(thumbnail).pixels.shape == (50, 70, 3)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "a.tar"])
@pytest.mark.parametrize("cut", [True, False])
def test_another_picture_than_the_run_saw_is_told(tmp_path: Path, name: str, cut: bool, kept: bool):
    def write(number: int) -> None:
        picture = photograph(number)
        whole = cv2.imencode(".tif", picture)[1].tobytes() if name == "a.tif" else jpeg(picture)
        if name == "a.tar":
            write_tar(tmp_path / name, {"x/one.jpg": whole})
        else:
            (tmp_path / name).write_bytes(whole)

    write(1)
    box = {"bounding_box": "row_y=10,col_x=20,height=50,width=70"} if cut else {}
    work = finish_run(tmp_path / name, tmp_path / "out", **box)
    if not kept:
        write(2)
    found = Originals(work, read_record(work)).show(0)
    if name == "a.tar" and isinstance(found, Failure):
        assert not kept, "an archive is not read by the index of another"
    else:
        assert isinstance(found, Shown)
        assert found.changed is not kept


def test_a_rotated_crop_is_the_one_that_the_run_saw(tmp_path: Path):
    (folder := tmp_path / "in").mkdir()
    (folder / "a.jpg").write_bytes(jpeg(photograph(6)))
    corners = {"x1": -7.3, "y1": 30.1, "x2": 151.2, "y2": 4.4, "x3": 170.7, "y3": 98.9,
               "x4": 12.2, "y4": 124.6}  # fmt: skip
    annotations = tmp_path / "boxes.csv"
    pd.DataFrame([{"filename": "a.jpg", **corners}]).to_csv(annotations, index=False)
    work = finish_run(folder, tmp_path / "out", annotations=str(annotations))
    found = shown(work, 0)
    assert isinstance(found, Shown)
    assert not found.changed
    whole = Originals(work, read_record(work)).show(0, whole=True)
    assert isinstance(whole, Shown)
    assert not whole.changed
    assert pixels(whole).shape == photograph(6).shape


def test_thumbnails_are_found_by_digest(work: WorkDir):
    index = Thumbnails(Store(work).measures)
    items = read_table(work.table("items"))
    for digest, status in zip(items["digest"], items["status"], strict=True):
        assert (index.read(digest) is not None) == (status == "ok")
    for unknown in ("", "0" * 32, "f" * 32, "ä", "x" * 99):
        assert index.read(unknown) is None


def test_a_store_that_was_deleted_gives_no_thumbnails(tmp_path: Path):
    assert Thumbnails(Store(WorkDir(tmp_path)).measures).read("0" * 32) is None


@pytest.mark.parametrize("side", [40_000])
def test_a_converted_picture_is_no_longer_than_jpeg_can_hold(tmp_path: Path, side):
    folder = tmp_path / "in"
    folder.mkdir()
    strip = cv2.imencode(".tif", np.full((20, side, 3), 90, np.uint8))[1].tobytes()
    (folder / "a.tif").write_bytes(strip)
    (folder / "b.jpg").write_bytes(jpeg(photograph(0)))
    work = finish_run(folder, tmp_path / "out")
    assert pixels(shown(work, 0)).shape[1] == 32_000
