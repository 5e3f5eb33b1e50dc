"""Is it in there already? Planted copies are found, and strangers are not."""

from __future__ import annotations

import csv
import json
import shutil
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imgvet.cli.main import main
from imgvet.dataset import create
from imgvet.errors import ImgvetError, InvalidParameterError
from imgvet.search.against import COLUMNS, look_up
from imgvet.workdir import WorkDir
from support.finished_run import finish_run
from support.pictures import jpeg, photograph


@pytest.fixture(scope="session")
def newcomers(photos: Path) -> Path:
    """A copy of photo00 (in the run twice), photo02 re-encoded, a stranger, no picture, a part."""
    folder = photos.parent / "newcomers"
    folder.mkdir()
    (folder / "a copy.jpg").write_bytes((photos / "photo00.jpg").read_bytes())
    (folder / "b again.jpg").write_bytes(jpeg(photograph(2), quality=60))
    (folder / "c stranger.jpg").write_bytes(jpeg(photograph(10)))
    (folder / "d nothing.jpg").write_bytes(b"no picture")
    height, width = photograph(4).shape[:2]
    part = photograph(4)[height // 8 : -height // 8, width // 8 : -width // 8]
    (folder / "e part.jpg").write_bytes(jpeg(np.ascontiguousarray(part)))
    return folder


def test_each_picture_is_told_what_it_is_like(work: WorkDir, photos: Path, newcomers: Path) -> None:
    found = look_up(work, [str(newcomers)], threads=2)
    assert tuple(found) == COLUMNS
    assert [Path(name).name[0] for name in found["picture"]] == list("abcde")
    assert found["status"].tolist() == ["ok", "ok", "ok", "not_an_image", "ok"]
    copy, again, stranger, nothing, part = found.to_dict(orient="records")
    assert (copy["similarity"], copy["copies"], copy["relation"]) == (1.0, 2, "exact")
    assert copy["filename"] == str(photos / "copy of 0.jpg")
    assert again["filename"] == str(photos / "photo02.jpg")
    assert 0.95 < again["similarity"] < 1
    assert again["relation"] == "re-encoded"
    assert stranger["similarity"] < 0.9
    assert pd.isna(stranger["relation"]) or stranger["relation"] == "similar only"
    assert (part["filename"], part["relation"]) == (str(photos / "photo04.jpg"), "cropped")
    assert np.isnan(nothing["similarity"])


def test_a_run_is_looked_up_with_the_same_answers(
    work: WorkDir, newcomers: Path, tmp_path: Path
) -> None:
    other = finish_run(newcomers, tmp_path / "out")
    by_run, by_files = look_up(work, [str(other.path)], 2), look_up(work, [str(newcomers)], 2)
    assert len(by_run) == 9
    assert by_run["rank"].tolist()[:4] == [1, 2, 1, 2]
    assert by_run.equals(by_files)


def test_the_same_bytes_come_before_the_same_pixels(photos: Path, tmp_path: Path) -> None:
    data = (photos / "photo03.jpg").read_bytes()
    (tmp_path / "set").mkdir()
    for number in range(3):
        (tmp_path / "set" / f"{number}.jpg").write_bytes(data + b"\0" * number)
    work = finish_run(tmp_path / "set", tmp_path / "out")
    for given in (tmp_path / "set", work.path):
        for k in (1, 2):
            first = look_up(work, [str(given)], k).query("rank == 1")
            assert first["relation"].eq("exact").all()
            assert first["filename"].tolist() == first["picture"].tolist()


def test_lists_and_pictures_are_looked_up(work: WorkDir, newcomers: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(f"{newcomers / 'a copy.jpg'}\n")
    found = look_up(work, [str(tmp_path / "new.txt"), str(newcomers / "b again.jpg")])
    assert len(found) == 2


def test_runs_of_different_models_are_refused(
    work: WorkDir, newcomers: Path, tmp_path: Path
) -> None:
    names = ["a copy.jpg", "b again.jpg", "c stranger.jpg", "e part.jpg"]
    runs = [work]
    for width in (4, 5):
        own = tmp_path / f"own{width}.npz"
        np.savez(own, filenames=names, embeddings=np.eye(4, width, dtype=np.float32))
        runs.append(finish_run(newcomers, tmp_path / f"out{width}", embeddings=str(own)))
    other = runs[1]
    for one, given in permutations(runs, 2):
        with pytest.raises(InvalidParameterError, match="same model"):
            look_up(one, [str(given.path)])
    assert look_up(other, [str(other.path)])["similarity"].dropna().eq(1).all()


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".zip"])
def test_in_archives_the_same_is_found(
    work: WorkDir, newcomers: Path, tmp_path: Path, ending: str
) -> None:
    kind = {".tar": "tar", ".tar.gz": "gztar", ".zip": "zip"}[ending]
    archive = shutil.make_archive(str(tmp_path / "new"), kind, newcomers)
    found, loose = look_up(work, [archive]), look_up(work, [str(newcomers)])
    assert found["picture"].str.startswith(f"{archive}!").all()
    pd.testing.assert_frame_equal(found.drop(columns="picture"), loose.drop(columns="picture"))


def test_of_more_than_there_are_all_are_told_at_no_cost(work: WorkDir, newcomers: Path) -> None:
    picture = [str(newcomers / "a copy.jpg")]
    all_there_are = look_up(work, picture, 20)
    assert len(all_there_are) == all_there_are["id"].nunique() < 20
    pd.testing.assert_frame_equal(look_up(work, picture, 10**12), all_there_are)


def test_what_can_t_be_looked_up_is_refused(work: WorkDir, tmp_path: Path) -> None:
    with pytest.raises(ImgvetError):
        look_up(work, [str(tmp_path / "none")])


def test_the_command_prints_and_writes_a_table(
    work: WorkDir, newcomers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["search", str(work.path), "--against", str(newcomers)]
    assert main([*command, "--csv", str(tmp_path / "found.csv")]) == 0
    printed = capsys.readouterr().out
    assert "1.000000" in printed
    assert "Of 5 pictures 1 are in there already byte by byte, 2 as edits, and 0 more" in printed
    with (tmp_path / "found.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 5
    assert main([*command, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 5


def test_python_looks_up(work: WorkDir, newcomers: Path) -> None:
    assert len(create(work_dir=work.path).look_up(newcomers, k=2)) == 9
