"""Finished runs with planted labels, splits, boxes and names, to be exported and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgvet.workdir import WorkDir
from support.exported import BOXES, write_rows
from support.finished_run import finish_run
from support.pictures import jpeg, photograph, write_photographs

LABELS, SPLITS = ("dog", "cat"), ("train", "val", None)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs, a copy, two of one stem in other folders, odd names, and a file of text."""
    folder = tmp_path_factory.mktemp("exchange") / "photos"
    write_photographs(folder, 6)
    for name in ("images", "b"):
        (folder / name).mkdir()
    (folder / "copy of 0.jpg").write_bytes((folder / "photo00.jpg").read_bytes())
    (folder / "images" / "same.jpg").write_bytes(jpeg(photograph(10)))
    (folder / "b" / "same.png").write_bytes(jpeg(photograph(11)))
    (folder / "new\nline: =1+1.jpg").write_bytes(jpeg(photograph(12)))
    (folder / "text.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="session")
def work(photos: Path) -> WorkDir:
    """A run on labelled images: photo00 a dog in train, photo01 a cat in val, photo02 in none."""
    rows = [
        (f"photo0{n}.jpg", LABELS[n % 2] if n < 5 else "=cmd", SPLITS[n % 3] or "")
        for n in range(6)
    ]
    table = write_rows(photos.parent / "labels.csv", ("filename", "label", "split"), rows)
    return finish_run(photos, photos.parent / "out", annotations=str(table))


@pytest.fixture(scope="session")
def boxes(photos: Path) -> Path:
    """Annotated boxes of the six photographs, and a rotated one of the copy."""
    rows: list[tuple[object, ...]] = [
        (f"photo0{n}.jpg", label, SPLITS[n % 3] or "", *box, *[""] * 8)
        for n in range(6)
        for label, box in zip((LABELS[n % 2], ""), BOXES, strict=True)
    ]
    corners = (40, 10, 90, 40, 70, 80, 20, 50)
    rows.append(("copy of 0.jpg", "dog", "train", *[""] * 4, *corners))
    names = ("filename", "label", "split", "col_x", "row_y", "width", "height")
    header = (*names, *(f"{axis}{n}" for n in range(1, 5) for axis in "xy"))
    return write_rows(photos.parent / "boxes.csv", header, rows)


@pytest.fixture(scope="session")
def crops(photos: Path, boxes: Path) -> WorkDir:
    """A run on the boxes, as crops."""
    return finish_run(photos, photos.parent / "crops", annotations=str(boxes))


@pytest.fixture(scope="session")
def boxed(photos: Path, boxes: Path) -> WorkDir:
    """A run on whole images, whose annotations hold boxes."""
    out = photos.parent / "boxed"
    return finish_run(photos, out, annotations=str(boxes), data_type="image")
