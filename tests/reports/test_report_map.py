"""The map: its points, what they are coloured by, their thumbnails, and the files they lie in."""

from __future__ import annotations

import base64
import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgvet.images.picture import encode_thumbnail
from imgvet.reports import limits, pictures
from imgvet.reports.data import as_json, assignment, packed, write_map
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.pictures import write_tiles
from imgvet.reports.sections.map import MISSING, MapPoints, evenly, similarity_map
from imgvet.sections import Section
from support.report_sections import section, words


@pytest.fixture(scope="module")
def points(full_inputs: ReportInputs) -> MapPoints:
    found: MapPoints = section(full_inputs, Section.MAP).points
    return found


def written(path: Path) -> Any:
    return json.loads(re.sub(r"^[^=]*\?\?=[^=]*= |;\n$", "", path.read_text("ascii")))


def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def test_every_embedding_has_one_point(points: MapPoints, planted: Any) -> None:
    assert sorted(points.ids.tolist()) == list(range(planted.valid))
    assert points.places.shape == (planted.valid, 2)


def test_colourings_hold_what_the_tables_say(points: MapPoints, planted: Any) -> None:
    found = {colouring["title"]: colouring for colouring in points.colourings}
    assert {"Split", "Label", "Component", "Outliers", "Exact copies", "Sharpness"} <= set(found)
    names = np.array(found["Split"]["names"])[found["Split"]["codes"]]
    assert all(
        name == ("test" if item % 2 else "train")
        for item, name in zip(points.ids.tolist(), names, strict=True)
    )
    outlier = found["Outliers"]["codes"] == found["Outliers"]["names"].index("listed as outlier")
    assert set(points.ids[outlier].tolist()) == set(planted.outliers)
    assert "none" in found["Label"]["names"]
    blur = found["Sharpness"]
    assert blur["names"] == []
    assert blur["low"] < blur["high"]
    assert MISSING not in blur["codes"]
    assert all(len(colouring["codes"]) == len(points.ids) for colouring in points.colourings)


def test_names_on_the_map_are_safe_to_read(points: MapPoints) -> None:
    names = [name for colouring in points.colourings for name in colouring["names"]]
    assert "bird\\u202e" in names
    assert not [name for name in names if not name.isprintable()]


def test_more_images_than_fit_are_sampled_and_said_so(
    full_inputs: ReportInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAP_POINTS", 20)
    monkeypatch.setattr(limits, "MAP_TILES", 7)
    found = section(full_inputs, Section.MAP)
    assert len(found.points.ids) == 20
    told = words(full_inputs, Section.MAP)
    assert "A sample of 20 of 60 images is shown." in told
    assert "7 of them, evenly chosen, have a thumbnail." in told
    assert evenly(20, limits.MAP_TILES).tolist() == [0, 3, 6, 10, 13, 16, 19]


def test_no_embeddings_no_map(full_inputs: ReportInputs) -> None:
    assert similarity_map(replace(full_inputs, embeddings=None)) is None
    few = np.zeros((2, 4), np.float32)
    assert similarity_map(replace(full_inputs, embeddings=few)) is None


def test_files_hold_every_point(
    points: MapPoints, full_inputs: ReportInputs, tmp_path: Path
) -> None:
    for name in ("data", "images", "tables"):
        (tmp_path / name).mkdir()
    write_map(points, full_inputs, {points.digests[1]}, tmp_path)
    made = written(tmp_path / "data" / "map-points.js")
    x = unpacked(made["x"], "<u2") / 65_535
    assert np.allclose(x, points.places[:, 0], atol=1e-4)
    assert np.array_equal(unpacked(made["ids"], "<u4"), points.ids)
    assert unpacked(made["picture"], "u1").tolist()[:3] == [0, 1, 0]
    assert np.array_equal(unpacked(made["tile"], "<i4"), np.arange(len(points.ids)))
    names = written(tmp_path / "data" / "map-names.js")
    known = full_inputs.tables["items"].set_index("id")["filename"]
    assert names == [known[item] for item in points.ids.tolist()]
    rows = written(tmp_path / "data" / "map-facts-000.js")
    assert [row[0] for row in rows] == points.ids.tolist()
    with (tmp_path / "tables" / "map.csv").open(newline="", encoding="utf-8") as stream:
        table = list(csv.reader(stream))
    assert [row[1] for row in table[1:]] == names


def test_sheets_hold_the_middle_of_each_picture(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()

    def striped(digest: str) -> bytes | None:
        if digest == "gone":
            return None
        picture = np.zeros((256, 512, 3), np.uint8)
        picture[:, 128:384] = (250, 0, 0) if digest == "red" else (0, 0, 250)
        return encode_thumbnail(picture) if digest == "red" else without_preview(picture)

    def without_preview(picture: NDArray[np.uint8]) -> bytes:
        return cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()

    made = write_tiles(["red", "gone", "blue"], striped, tmp_path)
    sheet = cv2.imread(str(tmp_path / "images" / "map-000.jpg"))
    assert made == 64
    assert sheet.shape == (64, 64 * pictures.COLUMNS, 3)
    assert sheet[8:56, 8:56, 2].min() > 200
    assert sheet[8:56, 136:184, 0].min() > 200
    assert np.ptp(sheet[8:56, 72:120].astype(int)) < 12


def test_many_tiles_take_several_sheets(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    count = pictures.PER_SHEET + 1
    write_tiles(["x"] * count, lambda _: None, tmp_path)
    assert len(list((tmp_path / "images").iterdir())) == 2
    assert cv2.imread(str(tmp_path / "images" / "map-001.jpg")).shape[0] == 64


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_any_text_comes_back_from_json_that_is_safe_in_a_script(value: str) -> None:
    text = as_json({"name": value})
    assert json.loads(text) == {"name": value}
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert assignment("x", value).count("\n") == 1


@pytest.mark.parametrize("kind", ["<u2", ">u2", "<i4", "u1"])
def test_arrays_are_little_endian_bytes(kind: str) -> None:
    values = np.array([1, 2, 200], kind)
    little = np.dtype(kind).newbyteorder("<")
    assert np.array_equal(np.frombuffer(base64.b64decode(packed(values)), little), values)
