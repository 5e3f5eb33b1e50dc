"""A picture that is searched for is embedded as the run embedded its own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from imgvet.errors import (
    InputNotFoundError,
    InputUnreadableError,
    InvalidParameterError,
    ModelError,
)
from imgvet.reasons import Failure, Reason
from imgvet.search import picture
from imgvet.search.image_table import ImageTable
from imgvet.search.index import Match, SearchIndex
from imgvet.search.picture import (
    as_picture,
    embed_picture,
    has_model,
    model_of,
    pixels_for,
    read_picture,
)
from imgvet.summary import read_record
from imgvet.tables import read_table
from imgvet.workdir import WorkDir
from support.finished_run import finish_run
from support.pictures import jpeg, photograph, png


def test_each_picture_of_the_set_finds_itself(work: WorkDir):
    index, model = SearchIndex.of_run(work, ImageTable.of_run(work)), model_of(read_record(work))
    items = read_table(work.table("items"))
    valid = items[items["status"] == "ok"]
    assert len(valid) == 8
    for item, filename in zip(valid["id"], valid["filename"], strict=True):
        vector = embed_picture(Path(filename).read_bytes(), model)
        assert Match(item, 1.0) in index.nearest(vector, 3)


def test_a_changed_copy_finds_its_original(work: WorkDir, photos: Path):
    vector = embed_picture(jpeg(photograph(3)[:, ::-1], quality=70), model_of(read_record(work)))
    assert not isinstance(vector, Failure)
    best = SearchIndex.of_run(work, ImageTable.of_run(work)).nearest(vector, 1)[0]
    names = read_table(work.table("items")).set_index("id")["filename"]
    assert names[best.id] == str(photos / "photo03.jpg")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"no picture", Reason.NOT_AN_IMAGE),
        (b"<svg onload='x'/>", Reason.UNSUPPORTED),
        (png(photograph(0))[:5000], Reason.TRUNCATED),
    ],
)
def test_a_bad_picture_is_a_value(work: WorkDir, data, reason):
    found = embed_picture(data, model_of(read_record(work)))
    assert isinstance(found, Failure)
    assert found.reason is reason


def test_user_embeddings_take_no_other_pictures(photos: Path, tmp_path: Path):
    names = [path for path in sorted(photos.iterdir()) if path.name != "text.jpg"]
    np.save(tmp_path / "own.npy", np.random.default_rng(0).normal(size=(len(names), 5)) * 40)
    (tmp_path / "own.txt").write_text("\n".join(map(str, names)))
    run = finish_run(photos, tmp_path / "out", embeddings=str(tmp_path / "own.npy"))
    record = read_record(run)
    assert not has_model(record)
    with pytest.raises(InvalidParameterError, match="your own embeddings"):
        model_of(record)
    assert len(SearchIndex.of_run(run, ImageTable.of_run(run)).nearest_to_item(1, 3)) == 3


def test_a_model_that_changed_since_is_refused(work: WorkDir):
    record = read_record(work)
    changed = record.model_copy(update={"model": {**record.model, "sha256": "0" * 64}})
    with pytest.raises(ModelError, match="no longer the one"):
        model_of(changed)
    with pytest.raises(ModelError, match="which model it used"):
        model_of(record.model_copy(update={"model": {}}))


def test_only_regular_files_of_some_size_are_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(picture, "MAX_BYTES", 10)
    (tmp_path / "fits").write_bytes(b"0123456789")
    (tmp_path / "large").write_bytes(b"0123456789a")
    os.mkfifo(tmp_path / "pipe")
    assert read_picture(tmp_path / "fits") == b"0123456789"
    for name in ("large", "pipe", "."):
        with pytest.raises(InputUnreadableError):
            read_picture(tmp_path / name)
    for name in ("missing", "nul\0"):
        with pytest.raises(InputNotFoundError):
            read_picture(tmp_path / name)


def test_a_picture_of_pillow_is_seen_as_its_file_is(work: WorkDir, tmp_path: Path) -> None:
    turned, clear = tmp_path / "turned.jpg", tmp_path / "clear.png"
    upright = Image.fromarray(photograph(2))
    tags = upright.getexif()
    tags[ExifTags.Base.Orientation] = 6
    upright.rotate(90, expand=True).save(turned, quality=95, exif=tags)
    hidden = np.dstack([np.zeros((90, 90, 3), np.uint8), np.zeros((90, 90), np.uint8)])
    hidden[20:70, 20:70] = [255, 0, 0, 255]
    Image.fromarray(hidden).save(clear)
    model = model_of(read_record(work))
    for file in (turned, clear):
        given = as_picture(Image.open(file))
        assert isinstance(given, bytes)
        assert np.array_equal(pixels_for(given, model), pixels_for(file.read_bytes(), model))


def test_an_array_of_gray_is_its_picture(work: WorkDir) -> None:
    gray = photograph(2)[..., 0]
    given = as_picture(gray)
    assert isinstance(given, bytes)
    model = model_of(read_record(work))
    assert np.array_equal(pixels_for(given, model), pixels_for(png(np.dstack([gray] * 3)), model))


@pytest.mark.parametrize("shape", [(0, 0, 3), (9, 0), (9, 9, 4), (9,), (2, 9, 9, 3)])
def test_an_array_that_is_no_picture_is_refused_as_what_it_is(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidParameterError, match=r"ndarray uint8 of shape \(\d"):
        as_picture(np.zeros(shape, np.uint8))
