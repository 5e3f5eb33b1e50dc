"""Pictures are cut, and their crops measured, once for each content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.crops.crop import cut_picture
from imgvet.crops.cutter import Cutter, cut_key
from imgvet.crops.listing import NO_BOXES, boxes_text, regions_of_text
from imgvet.images.decode import decode
from imgvet.images.geometry import Box, Region, region_of
from imgvet.images.picture import Picture
from imgvet.measures.collect import crops_of
from imgvet.measures.compute_stats import crop_digest, cutting, measure_files
from imgvet.options import VideoOptions
from imgvet.store.files import FileToRead
from imgvet.store.store import Store
from imgvet.workdir import WorkDir
from support.pictures import age, jpeg, png, scene

TWO = [[10.0, 20, 100, 80], [150.0, 30, 60, 60]]
numbers = st.floats(-1e6, 1e6)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(WorkDir(tmp_path / "out"))


def to_read(path: Path, number: int) -> FileToRead:
    state = path.stat()
    return FileToRead(number, str(path), state.st_size, state.st_mtime_ns)


def cut_files(store: Store, cuts: dict[FileToRead, str], threads: int) -> pa.Table:
    look = cutting(cuts, Cutter())
    return measure_files(list(cuts), store, VideoOptions(), threads, look=look)


def listed(cuts: dict[FileToRead, str], reads: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [file.id for file in cuts],
            "filename": [file.path for file in cuts],
            "path": [file.path for file in cuts],
            "member": None,
            "time_ms": None,
            "box": None,
            "source": "in",
            "status": reads["status"],
            "detail": reads["detail"],
            "digest": reads["digest"],
            "file_size": [file.file_size for file in cuts],
            "label": None,
            "cut": list(cuts.values()),
            "cut_labels": None,
        }
    )


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    age(path)
    return path


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=5))
def test_boxes_come_back_from_their_text(boxes: list[tuple[float, float, float, float]]) -> None:
    regions = [Region(Box(*box)) for box in boxes]
    assert regions_of_text(boxes_text(boxes), 7, 9) == regions
    shares = regions_of_text(boxes_text(boxes, shares=True), 2, 4)
    assert [region.box.x for region in shares] == [2 * box[0] for box in boxes]
    assert [region.box.height for region in shares] == [4 * box[3] for box in boxes]


def test_an_unknown_coordinate_stays_unknown() -> None:
    (region,) = regions_of_text(boxes_text([[None, 1, 2, 3]]), 1, 1)
    assert np.isnan(region.box.x)
    assert boxes_text([]) == NO_BOXES


def test_crops_are_measured_and_listed_in_order(store: Store, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{seed}.png", png(scene(seed))) for seed in range(3)]
    cuts = {to_read(path, row): boxes_text(TWO) for row, path in enumerate(paths)}
    reads = cut_files(store, cuts, threads=2).to_pandas()
    found = crops_of(listed(cuts, reads), store)
    assert found.rows["id"].tolist() == list(range(6))
    assert found.crops["source_id"].tolist() == [0, 0, 1, 1, 2, 2]
    for row in found.rows.itertuples():
        picture = decode(Path(row.path).read_bytes(), full_size=True)
        assert isinstance(picture, Picture)
        crop = cut_picture(picture, region_of(row.box))
        assert isinstance(crop, Picture)
        assert row.digest == crop_digest(crop)
    assert set(found.rows["digest"]) == store.measures.digests()


def test_a_large_jpeg_is_cut_at_full_size(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "large.jpg", jpeg(scene(1, 3000, 2000)))
    cuts = {to_read(path, 0): boxes_text([[100, 100, 400, 300]])}
    cut_files(store, cuts, threads=1)
    rows = store.measures.read(["width", "height", "thumbnail_size"])
    measured = rows.to_pandas()
    assert measured[["width", "height"]].to_numpy().tolist() == [[400, 300]]
    # Reduced first, the crop would have had 100 x 75 pixels and a thumbnail of a few kB.
    assert measured["thumbnail_size"].item() > 10_000


def test_equal_pixels_are_one_content_wherever_they_were_cut(store: Store, tmp_path: Path) -> None:
    patch = scene(9)[:50, :50]
    cuts = {}
    for row, (x, y) in enumerate([(0, 0), (70, 31), (200, 100)]):
        picture = scene(row)
        picture[y : y + 50, x : x + 50] = patch
        path = write(tmp_path / f"{row}.png", png(picture))
        cuts[to_read(path, row)] = boxes_text([[x, y, 50, 50]])
    reads = cut_files(store, cuts, threads=2).to_pandas()
    assert crops_of(listed(cuts, reads), store).rows["digest"].nunique() == 1
    assert len(store.measures.digests()) == 1


def test_what_gives_no_crop_is_counted_or_told(store: Store, tmp_path: Path) -> None:
    good = write(tmp_path / "good.png", png(scene(1)))
    broken = write(tmp_path / "broken.png", png(scene(2))[:500])
    outside = boxes_text([[900, 0, 10, 10], [0, 0, 40, 40]])
    cuts = {to_read(broken, 1): boxes_text(TWO), to_read(good, 2): outside}
    reads = cut_files(store, cuts, threads=1).to_pandas()
    cuts = {to_read(good, 0): NO_BOXES, **cuts}
    unread = pd.DataFrame([{"status": "ok", "detail": "", "digest": None}])
    found = crops_of(listed(cuts, pd.concat([unread, reads], ignore_index=True)), store)
    assert found.without == 1
    assert found.rows["status"].tolist() == ["truncated", "outside_picture", "ok"]
    assert found.crops["crop_id"].tolist() == [1, 2]
    assert found.rows["digest"].isna().tolist() == [False, True, False]


def test_other_boxes_on_the_same_picture_are_other_crops() -> None:
    assert cut_key("a", boxes_text(TWO)) != cut_key("a", boxes_text(TWO[:1]))
    assert cut_key("a", NO_BOXES) != cut_key("b", NO_BOXES)
