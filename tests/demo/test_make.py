"""How the demo set is written: complete or not at all, never over other files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from imgvet.demo import make
from imgvet.demo.make import FILES, make_demo
from imgvet.errors import InvalidParameterError, MissingExtraError
from support.demo_truth import ODD


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file, nearly empty, instead of seconds of drawing."""
    files = dict.fromkeys((*FILES, "notes.txt"), b"x")
    monkeypatch.setattr(make, "demo_files", lambda: files)


@pytest.mark.usefixtures("quick")
def test_a_complete_set_is_left_as_it_is(tmp_path: Path) -> None:
    make_demo(tmp_path / "set")
    marked = tmp_path / "set" / ODD
    marked.write_bytes(b"kept")
    make_demo(tmp_path / "set")
    assert marked.read_bytes() == b"kept"


@pytest.mark.usefixtures("quick")
def test_an_incomplete_set_is_made_again(tmp_path: Path) -> None:
    make_demo(tmp_path / "set")
    (tmp_path / "set" / ODD).unlink()
    make_demo(tmp_path / "set")
    assert (tmp_path / "set" / ODD).exists()


@pytest.mark.usefixtures("quick")
def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    make_demo(tmp_path)
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("demo_first", [False, True])
@pytest.mark.parametrize("name", ["holiday.jpg", ODD])
def test_other_files_are_never_touched(tmp_path: Path, name: str, demo_first: bool) -> None:
    folder = tmp_path / "set"
    if demo_first:
        make_demo(folder)
        (folder / "notes.txt").unlink()
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_bytes(b"mine")
    with pytest.raises(InvalidParameterError, match="holds other files"):
        make_demo(folder)
    assert (folder / name).read_bytes() == b"mine"


@pytest.mark.usefixtures("quick")
def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "set").write_bytes(b"mine")
    with pytest.raises(InvalidParameterError, match="is a file"):
        make_demo(tmp_path / "set")


@pytest.mark.usefixtures("quick")
def test_an_interrupted_set_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(path: Path, data: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupt)
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
