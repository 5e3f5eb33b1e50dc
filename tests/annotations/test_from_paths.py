"""Labels and splits that the places of images tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.annotations.from_paths import folder_label, last_match
from imgvet.crops.listing import annotated
from imgvet.errors import InvalidParameterError
from imgvet.options import SourceOptions, make_options
from imgvet.sources.inputs import list_items
from imgvet.workdir import WorkDir

WORK = WorkDir(Path("no work dir is needed for loose images"))


def told(root: Path, *names: str, **options: object) -> dict[str, tuple[str | None, str | None]]:
    """Label and split of files with these names, by name."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    sources = SourceOptions(**{"input_dir": (str(root),), **options})
    rows = annotated(list_items(sources, WORK), sources, None, None).to_pylist()
    return {row["filename"].removeprefix(f"{root}/"): (row["label"], row["split"]) for row in rows}


def test_nothing_is_told_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert told(tmp_path, "train/cat/1.jpg") == {"train/cat/1.jpg": (None, None)}


def test_the_folder_that_an_image_lies_in_is_its_label(tmp_path: Path) -> None:
    found = told(tmp_path, "train/cat/1.jpg", "dog/2.jpg", "3.jpg", labels_from="folders")
    assert {name: label for name, (label, _) in found.items()} == {
        "train/cat/1.jpg": "cat", "dog/2.jpg": "dog", "3.jpg": None,
    }  # fmt: skip


def test_several_inputs_are_folders_of_classes_themselves(tmp_path: Path) -> None:
    told(tmp_path, "cat/1.jpg", "dog/2.jpg", "held out/3.jpg")
    found = told(
        tmp_path,
        input_dir=(str(tmp_path / "cat"), f"{tmp_path / 'dog'}/"),
        test_dir=(str(tmp_path / "held out"),),
        labels_from="folders",
    )
    assert found == {
        "cat/1.jpg": ("cat", "train"), "dog/2.jpg": ("dog", "train"),
        "held out/3.jpg": (None, "test"),
    }  # fmt: skip


def test_in_an_archive_its_folders_count() -> None:
    assert folder_label("/data/a.tar", "cat/1.jpg", ()) == "cat"
    assert folder_label("/data/a.tar", "1.jpg", ()) is None
    assert folder_label("s3://bucket/cat/1.jpg", None, ()) == "cat"


def test_a_test_dir_inside_of_the_input_is_test_alone(tmp_path: Path) -> None:
    found = told(tmp_path, "1.jpg", "held out/2.jpg", test_dir=(str(tmp_path / "held out"),))
    assert found == {"1.jpg": (None, "train"), "held out/2.jpg": (None, "test")}


def test_folders_are_known_by_what_splits_are_called(tmp_path: Path) -> None:
    names = ("Train/cat/1.jpg", "test/val/2.jpg", "testimony/3.jpg", "hold-out/4.jpg")
    found = told(tmp_path, *names, split_pattern="folders")
    assert [found[name][1] for name in names] == ["Train", "val", None, "hold-out"]


def test_a_pattern_names_the_split_by_its_group(tmp_path: Path) -> None:
    names = ("a_tr_1.jpg", "a_te_2.jpg", "b.jpg")
    found = told(tmp_path, *names, split_pattern=r"_(tr|te)_\d")
    assert [found[name][1] for name in names] == ["tr", "te", None]


def test_a_pattern_that_is_found_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match=r"found in none of 2 paths.*b\.jpg"):
        told(tmp_path, "a.jpg", "b.jpg", split_pattern="folder/(x)")


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [("(", "not a regular"), ("train", "one group"), ("(a)(b)", "one group")],
)
def test_a_pattern_without_one_group_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(InvalidParameterError, match=problem):
        make_options({"input_dir": "photos", "split_pattern": pattern})


@given(st.lists(st.sampled_from(["train", "val", "x", "trains"]), max_size=6))
def test_the_deepest_folder_counts(folders: list[str]) -> None:
    path = "".join(f"/{folder}" for folder in folders) + "/1.jpg"
    splits = [folder for folder in folders if folder in {"train", "val"}]
    assert last_match(re.compile("/(train|val)/"), path) == (splits or [None])[-1]
