"""Annotations brought to a listing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.annotations.match import Matched, match
from imgvet.annotations.read import annotations_from
from imgvet.errors import InvalidParameterError
from support.annotated import BOX, as_coco, draw_set


def labels_of(found: Matched) -> list[str | None]:
    return known(found.rows["label"])


def known(values: pd.Series) -> list[Any]:
    """The values, None for those that are not known."""
    return [None if pd.isna(value) else value for value in values]


def bring(
    names: Iterable[str], files: Iterable[str], inputs: Iterable[str | Path] = (), **columns: Any
) -> Matched:
    """Match annotations whose labels are their row numbers."""
    rows = list(names)
    given_columns = {"filename": rows, "label": range(len(rows)), **columns}
    return match(annotations_from(given_columns), list(files), [str(name) for name in inputs])


def matches(name: str, files: list[str], *inputs: str | Path) -> list[str]:
    """The files that one annotation leads to; an anchor keeps the run going if it leads nowhere."""
    found = bring(["anchor.jpg", name], [*files, "/anchor.jpg"], inputs)
    return [file for file, label in zip(files, labels_of(found), strict=False) if label == "1"]


def test_a_drawn_set(tmp_path: Path) -> None:
    drawn = draw_set(tmp_path / "set", 40, boxes_each=6)
    for source in (drawn.frame, as_coco(drawn.frame)):
        found = match(annotations_from(source), drawn.files, [str(drawn.folder)])
        assert found.missing.empty
        boxes, labels = found.rows["boxes"], found.rows["box_labels"]
        for row, file in enumerate(drawn.files):
            mine = drawn.frame[drawn.frame["filename"] == file.removeprefix(f"{drawn.folder}/")]
            assert boxes[row] == mine[BOX].to_numpy(float).tolist()
            assert labels[row] == mine["label"].tolist()
            assert found.rows["label"][row] == ",".join(sorted(set(mine["label"])))
        splits = [Path(name).parts[-3] for name in drawn.files]
        assert known(found.rows["split"]) == (splits if source is drawn.frame else [None] * 40)


def test_names_as_they_are_given(tmp_path: Path) -> None:
    folder = tmp_path / "données"
    folder.mkdir()
    plain, tar = f"{folder}/cats/été 1.jpg", f"{folder}/x/b.tar!dogs/2.jpg"
    files = [plain, tar, f"{folder}/film.mp4#t=12.0", f"{folder}/old.jpg"]
    decomposed = unicodedata.normalize("NFD", "cats/été 1.jpg")
    for name in (
        plain,
        "cats/été 1.jpg",
        "./cats/été 1.jpg",
        "cats\\été 1.jpg",
        ".\\cats\\\\été 1.jpg",
        "cats//x/../été 1.jpg",
        "../données/cats/été 1.jpg",
        decomposed,
        f"{folder}/dogs/../cats/été 1.jpg",
        "été 1.jpg",
    ):
        assert matches(name, files, folder) == [plain], name
    for name in (tar, "x/b.tar!dogs/2.jpg", "x/b.tar/dogs/2.jpg", "dogs/2.jpg", "b.tar!dogs/2.jpg"):
        assert matches(name, files, folder) == [tar], name
    assert matches("film.mp4#t=12.0", files, folder) == [files[2]]
    for name in ("Cats/été 1.jpg", "dogs/été 1.jpg", "ld.jpg", "1.jpg", "film"):
        assert matches(name, files, folder) == [], name


def test_a_video_stands_for_its_frames_but_those_that_are_named_themselves(tmp_path: Path) -> None:
    frames = [f"{tmp_path}/{film}#t={n}.0" for film in ("a/1.mp4", "z.zip!2.mkv") for n in (0, 1)]
    files = [*frames, f"{tmp_path}/a/1.jpg"]
    found = bring(["a/1.mp4", "1.mp4#t=1.0", "z.zip/2.mkv", "3.mp4"], files, [tmp_path])
    assert labels_of(found) == ["0", "1", "2", "2", None]
    assert found.missing["filename"].tolist() == ["3.mp4"]
    assert matches("1.mp4", [*files, f"{tmp_path}/a/1.mp4"], tmp_path) == [f"{tmp_path}/a/1.mp4"]
    with pytest.raises(InvalidParameterError, match=r"2 files .* more than one label"):
        bring(["1.mp4", "a/1.mp4"], files, [tmp_path])


@pytest.mark.parametrize("time", ["2", "2.0", "2.000"])
def test_the_time_of_a_frame_is_a_number(time: str, tmp_path: Path) -> None:
    files = [f"{tmp_path}/1.mp4#t={n}" for n in ("2.0", "2.5", "20.0")]
    assert matches(f"1.mp4#t={time}", files, tmp_path) == files[:1]
    assert matches(f"{tmp_path}/1.mp4#t={time}", files) == files[:1]


def test_a_name_may_lack_the_ending_of_an_image(tmp_path: Path) -> None:
    files = [f"{tmp_path}/{name}" for name in ("1.jpg", "a/2.x.PNG", "a/3.jpg", "b/3.png", "4")]
    files += [f"{tmp_path}/5.jpg.png", f"{tmp_path}/c.mp4#t=6.5"]
    for name, file in (("1", 0), ("2.x", 1), ("a/2.x", 1), ("b/3", 3), ("4", 4)):
        assert matches(name, files, tmp_path) == [files[file]]
    for name in ("2", "5.jpg", "c.mp4#t=6", "6", f"{tmp_path}/1.x"):
        assert not matches(name, files, tmp_path)
    with pytest.raises(InvalidParameterError, match="could be several files"):
        bring(["3"], files, [tmp_path])


def test_a_file_with_a_backslash_in_its_name_keeps_it() -> None:
    files = ["/x/a\\b.jpg", "/x/a/b.jpg", "/x/y/c.jpg"]
    for name in ("/x/a\\b.jpg", "a\\b.jpg", "./a\\b.jpg", "../x/a\\b.jpg"):
        assert matches(name, files) == files[:1], name
    assert matches("x/a/b.jpg", files) == files[1:2]
    assert matches("..\\y\\c.jpg", files) == files[2:]


def test_composed_and_decomposed_names_are_two_files_if_both_exist() -> None:
    files = ["/é.jpg", unicodedata.normalize("NFD", "/é.jpg")]
    for file in files:
        assert matches(file, files) == [file]
    with pytest.raises(InvalidParameterError, match=r"1 name .* that could be several files"):
        matches("é.jpg", files)


def test_an_input_folder_counts_more_than_the_end_of_a_path(tmp_path: Path) -> None:
    files = [f"{tmp_path}/a.jpg", f"{tmp_path}/deep/a.jpg", f"{tmp_path}/deep/b.jpg"]
    assert matches("a.jpg", files, tmp_path) == [files[0]]
    assert matches("b.jpg", files, tmp_path) == [files[2]]
    assert matches("deep/a.jpg", files, tmp_path) == [files[1]]
    with pytest.raises(
        InvalidParameterError, match=r"\('a.jpg'\) that could be several files .*deep/a.jpg"
    ):
        matches("a.jpg", files, tmp_path / "nowhere")


def test_archives_and_buckets_are_folders_of_their_own(tmp_path: Path) -> None:
    tar, zipped = tmp_path / "a.tar", tmp_path / "B.ZIP"
    files = [
        f"{tar}!x/1.jpg",
        f"{zipped}!x/2.jpg",
        "s3://bucket/set/x/3.jpg",
        "s3://bucket/set/y/x/3.jpg",
    ]
    files += ["minio://host:9/b/k/4.jpg", f"{tmp_path}/c.parquet!000005.jpg"]
    inputs = (tar, zipped, "s3://bucket/set/", "minio://HOST:9/b", tmp_path / "c.parquet")
    names = ("x/1.jpg", "x/2.jpg", "x/3.jpg", "y/x/3.jpg", "k/4.jpg", "000005.jpg")
    for number, name in enumerate(names):
        assert matches(name, files, *inputs) == [files[number]]
    for file in files:
        assert matches(file, files, *inputs) == [file]


@pytest.mark.parametrize(
    "start", ["C:\\Users\\ann\\data\\", "/home/ann/data/", "s3://elsewhere/data/"]
)
def test_absolute_names_of_another_machine(tmp_path: Path, start: str) -> None:
    names = [f"{kind}/{number}.jpg" for kind in ("cats", "dogs") for number in range(3)]
    files = [f"{tmp_path}/{name}" for name in names]
    foreign = [start + name.replace("/", "\\" if "\\" in start else "/") for name in names]
    found = bring([*foreign, foreign[0].replace("0.jpg", "9.jpg")], files, [tmp_path])
    assert labels_of(found) == [str(number) for number in range(6)]
    assert len(found.missing) == 1
    deeper = [f"{tmp_path}/more/{name}" for name in names]
    assert labels_of(bring(foreign, deeper, [tmp_path])) == [str(number) for number in range(6)]


def test_as_little_as_possible_is_left_off_a_foreign_name(tmp_path: Path) -> None:
    files = [f"{tmp_path}/data/a.jpg", f"{tmp_path}/a.jpg"]
    found = bring(["/other/data/a.jpg"], files, [tmp_path])
    assert labels_of(found) == ["0", None]


def test_a_bare_name_of_another_machine_counts_only_below_an_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match=r"The one file .* is not in"):
        bring(["/other/cats/a.jpg"], [f"{tmp_path}/dogs/a.jpg"], [tmp_path])
    assert labels_of(bring(["/other/a.jpg"], [f"{tmp_path}/a.jpg"], [tmp_path])) == ["0"]


def test_absolute_names_are_of_this_machine_if_one_leads_to_a_file(tmp_path: Path) -> None:
    names = [f"{tmp_path}/x/a.jpg", f"{tmp_path}/x/b.jpg"]
    found = bring(names, [names[0], f"{tmp_path}/b.jpg"], [tmp_path])
    assert labels_of(found) == ["0", None]
    assert found.missing["filename"].tolist() == [names[1]]


def test_missing_files_are_told_and_others_are_not_annotated(tmp_path: Path) -> None:
    boxes = dict.fromkeys(BOX, (1.0, 2.0, 3.0, 4.0, 5.0))
    names = ["lost/b.jpg", "a.jpg", "./lost/b.jpg", "lost/a.jpg", "a.jpg"]
    found = bring(
        names,
        [f"{tmp_path}/a.jpg", f"{tmp_path}/c.jpg"],
        [tmp_path],
        split=["train", "test", "train", None, "test"],
        **boxes,
    )
    assert [len(boxes) for boxes in found.rows["boxes"]] == [2, 0]
    assert known(found.rows["split"]) == ["test", None]
    assert found.missing["filename"].tolist() == ["lost/b.jpg", "lost/a.jpg"]
    assert found.missing["annotations"].tolist() == [2, 1]
    assert found.missing["label"].tolist() == ["0,2", "3"]
    assert known(found.missing["split"]) == ["train", None]


def test_no_match_at_all_shows_both_sides(tmp_path: Path) -> None:
    files = [f"{tmp_path}/{number}.jpg" for number in range(9)]
    with pytest.raises(InvalidParameterError) as raised:
        bring([f"x/{number}.png" for number in range(120)], files, [tmp_path])
    message = str(raised.value)
    assert message.startswith("None of the 120 files of annotations is in the input")
    assert "named are 'x/0.png', 'x/1.png', 'x/2.png', ..." in message
    assert f"in the input are '{tmp_path}/0.jpg'" in message
    assert "\n" not in message
    with pytest.raises(InvalidParameterError, match="holds no annotation"):
        bring([], ["/a.jpg"])


def test_of_an_ambiguous_name_the_files_are_shown_that_it_fits() -> None:
    files = ["/x/dog/1.jpg", "/x/train/cat/1.jpg", "/x/val/cat/1.jpg", "/x/val/cat/11.jpg"]
    with pytest.raises(InvalidParameterError, match=r"such as '/x/train/cat/1.jpg', '/x/val/cat/1"):
        matches("cat/1.jpg", files)


def test_ambiguous_names_are_counted_and_shown() -> None:
    files = [f"/{folder}/{number}.jpg" for folder in "ab" for number in range(5)]
    with pytest.raises(InvalidParameterError) as raised:
        bring([f"{number}.jpg" for number in range(5)], files)
    message = str(raised.value)
    assert (
        "5 names of annotations ('0.jpg', '1.jpg', '2.jpg', ...) that could be several files"
        in message
    )
    assert "such as '/a/0.jpg', '/b/0.jpg'" in message


def test_a_file_of_two_labels_without_boxes_is_counted_and_shown(tmp_path: Path) -> None:
    files = [f"{tmp_path}/{name}.jpg" for name in "abc"]
    names = ["a.jpg", "b.jpg", "./a.jpg", f"{tmp_path}/b.jpg", "c.jpg", "lost.jpg", "lost.jpg"]
    with pytest.raises(InvalidParameterError) as raised:
        bring(names, files, [tmp_path])
    assert "3 files of annotations with more than one label, but no boxes" in str(raised.value)
    assert "('a.jpg', 'b.jpg', 'lost.jpg')" in str(raised.value)
    found = bring(names, files, [tmp_path], **dict.fromkeys(BOX, (1.0, *[None] * 5, 2.0)))
    assert labels_of(found) == ["0,2", "1,3", "4"]
    assert [len(boxes) for boxes in found.rows["boxes"]] == [1, 0, 0]


def test_rows_without_boxes_tell_of_one_file_together() -> None:
    names = ["a.jpg", "b.jpg", "./a.jpg", "c.jpg", "b.jpg"]
    told = {"label": ["x", "y", None, None, "y"], "split": [None, "val", "train", None, "val"]}
    found = bring(names, ["/a.jpg", "/b.jpg", "/c.jpg"], **told)
    assert labels_of(found) == ["x", "y", None]
    assert known(found.rows["split"]) == ["train", "val", None]


def test_a_file_in_two_splits_is_counted_and_shown() -> None:
    boxes = dict.fromkeys(BOX, (1.0, 1.0, 1.0))
    with pytest.raises(InvalidParameterError, match=r"1 file .* more than one split \('a.jpg'\)"):
        bring(["a.jpg", "b.jpg", "a.jpg"], ["/a.jpg", "/b.jpg"], split=["x", "x", "y"], **boxes)
    found = bring(
        ["a.jpg", "b.jpg", "a.jpg"], ["/a.jpg", "/b.jpg"], split=["x", "x", None], **boxes
    )
    assert found.rows["split"].tolist() == ["x", "x"]


def test_an_item_that_is_listed_in_two_splits_gets_its_boxes_in_both() -> None:
    boxes = dict.fromkeys(BOX, (1.0, 2.0))
    found = bring(["a.jpg", "a.jpg"], ["/a.jpg", "/a.jpg", "/b.jpg"], **boxes)
    assert [len(boxes) for boxes in found.rows["boxes"]] == [2, 2, 0]
    assert known(found.rows["label"]) == ["0,1", "0,1", None]


def test_boxes_of_every_kind() -> None:
    corners = (1.0, 2.0, 9.0, 3.0, 8.0, 9.0, 0.0, 8.0)
    frame = pd.DataFrame(
        [
            {"filename": "a.jpg", **dict(zip(BOX, (1, 2, 3, -4), strict=True))},
            {"filename": "a.jpg", "col_x": 5},
            {"filename": "a.jpg"},
            {"filename": "a.jpg", "label": "x", **dict(zip(corner_names(), corners, strict=True))},
            {"filename": "a.jpg", "width": 5, "x1": 7.0},
        ],
        columns=["filename", "label", *BOX, *corner_names()],
    )
    found = match(annotations_from(frame), ["/a.jpg"], [])
    assert found.rows["boxes"].tolist() == [
        [[1, 2, 3, -4], [5, None, None, None], [*corners], [7, *[None] * 7]],
    ]
    assert found.rows["box_labels"].tolist() == [[None, None, "x", None]]


def corner_names() -> list[str]:
    return [f"{axis}{number}" for number in range(1, 5) for axis in "xy"]


PARTS = st.sampled_from(["a", "b", "c.jpg", "é.jpg", "d.tar!e.jpg", "#", "%21"])
RELATIVE = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@settings(max_examples=50)
@given(st.lists(RELATIVE, min_size=1, max_size=12, unique=True), st.data())
def test_any_listed_item_is_found_by_its_own_name_and_below_its_folder(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    root = tmp_path_factory.getbasetemp()
    files = [f"{root}/{name}" for name in names]
    chosen = data.draw(st.lists(st.sampled_from(range(len(names))), min_size=1, unique=True))
    for spelled in (files, names):
        found = bring([spelled[number] for number in chosen], files, [root])
        expected = {number: str(place) for place, number in enumerate(chosen)}
        assert labels_of(found) == [expected.get(number) for number in range(len(files))]
        assert found.missing.empty
