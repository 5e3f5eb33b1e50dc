"""How a demo set is written: complete or not at all, the same each time, never over other files."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imgvet.demo import make
from imgvet.demo.make import make_demo
from imgvet.demo.plan import Plan, make_plan
from imgvet.demo.truth import DemoTruth
from imgvet.errors import InvalidParameterError, MissingExtraError


def write_placeholders(folder: Path, plan: Plan) -> None:
    """Stands for the seconds of drawing: every file, nearly empty."""
    files = {file.path: b"x" for file in (*plan.pictures, *plan.derived)} | dict(plan.fixed)
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "_write", write_placeholders)


def test_same_seed_same_bytes(demo: Any, tmp_path: Path) -> None:
    plan = make_plan(0)
    pictures = plan.pictures[::9]
    kept = {picture.path for picture in pictures}
    derived = tuple(file for file in plan.derived if file.source in kept)
    assert len(derived) >= 3
    make._write(tmp_path, replace(plan, pictures=pictures, derived=derived))
    for file in (*pictures, *derived):
        assert (tmp_path / file.path).read_bytes() == (demo.folder / file.path).read_bytes()


@pytest.mark.parametrize("seed", range(25))
def test_every_seed_has_a_consistent_plan(seed: int) -> None:
    plan = make_plan(seed)
    made = [file.path for file in (*plan.pictures, *plan.derived)] + [
        path for path, _ in plan.fixed
    ]
    assert sorted(made) == sorted((*plan.truth.images, *plan.truth.ignored))
    assert len(set(made)) == len(made)
    assert {file.source for file in plan.derived} <= set(plan.truth.clean)
    assert make_plan(seed).truth == plan.truth


def test_seeds_differ() -> None:
    assert make_plan(1).truth.near_duplicates != make_plan(2).truth.near_duplicates


def test_truth_survives_the_way_to_disk(tmp_path: Path) -> None:
    truth = make_plan(3).truth
    truth.write(tmp_path / "truth.json")
    assert DemoTruth.read(tmp_path / "truth.json") == truth


@pytest.mark.usefixtures("quick")
def test_a_complete_set_is_left_as_it_is(tmp_path: Path) -> None:
    truth = make_demo(tmp_path / "set")
    marked = tmp_path / "set" / truth.odd
    marked.write_bytes(b"kept")
    assert make_demo(tmp_path / "set") == truth
    assert marked.read_bytes() == b"kept"


@pytest.mark.usefixtures("quick")
def test_an_incomplete_set_or_one_of_another_seed_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    truth = make_demo(folder)
    (folder / truth.odd).unlink()
    make_demo(folder)
    assert (folder / truth.odd).exists()
    other = make_demo(folder, seed=1)
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert present == {*other.images, *other.ignored}


@pytest.mark.usefixtures("quick")
def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    make_demo(tmp_path)
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("demo_first", [False, True])
def test_other_files_are_never_touched(tmp_path: Path, demo_first: bool) -> None:
    folder = tmp_path / "set"
    if demo_first:
        make_demo(folder)
    folder.mkdir(exist_ok=True)
    (folder / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(InvalidParameterError, match="holds other files"):
        make_demo(folder)
    assert (folder / "holiday.jpg").read_bytes() == b"mine"


@pytest.mark.usefixtures("quick")
def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "set").write_bytes(b"mine")
    with pytest.raises(InvalidParameterError, match="is a file"):
        make_demo(tmp_path / "set")


def test_an_interrupted_set_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(folder: Path, plan: Plan) -> None:
        (folder / plan.truth.odd).parent.mkdir()
        (folder / plan.truth.odd).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(make, "_write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_demo(tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_without_scikit_image_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'imgvet\[demo\]'"):
        make_demo(tmp_path / "set")
    assert list(tmp_path.iterdir()) == []
