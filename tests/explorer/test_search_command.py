"""``imgvet search``: the same search in the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from imgvet.cli.main import main
from imgvet.dataset import Dataset
from imgvet.workdir import WorkDir
from support.finished_run import finish_run
from support.pictures import jpeg, photograph


def test_the_nearest_are_printed(
    work: WorkDir, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "query.jpg").write_bytes((photos / "photo01.jpg").read_bytes())
    assert main(["search", str(work.path), str(tmp_path / "query.jpg"), "--k", "2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"1.000000  {photos / 'photo01.jpg'}"
    assert second.startswith("0.9")
    assert "<img" in second


def test_as_json_and_by_the_name_of_a_crop(
    work: WorkDir, photos: Path, capsys: pytest.CaptureFixture[str]
):
    name = f"{photos / 'photo02.jpg'}#xywh=20,10,80,60"
    assert main(["search", str(work.path / "crops"), name, "--k", "1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["filename"] == name
    assert row["similarity"] == 1.0


def test_a_frame_is_found_however_its_time_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    names = [f"{tmp_path}/film.mp4#t={time}" for time in ("2.0", "2.5")]
    for number, name in enumerate(names):
        Path(name).write_bytes(jpeg(photograph(number)))
    (tmp_path / "list.csv").write_text("\n".join(names))
    run = finish_run(tmp_path / "list.csv", tmp_path / "out")
    assert main(["search", str(run.path), f"{tmp_path}/film.mp4#t=2", "--k", "1"]) == 0
    assert capsys.readouterr().out == f"1.000000  {names[0]}\n"


def test_a_changed_picture_finds_its_original(
    work: WorkDir, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "changed.jpg").write_bytes(jpeg(photograph(4)[:, ::-1], quality=60))
    assert main(["search", str(work.path), str(tmp_path / "changed.jpg"), "--k", "1"]) == 0
    assert "photo04.jpg" in capsys.readouterr().out


def test_what_is_found_of_one_or_of_many_is_written_and_printed_as_one_table(
    work: WorkDir, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked in ([str(photos / "photo01.jpg")], ["--against", str(photos / "photo01.jpg")]):
        table = tmp_path / "found.csv"
        assert main(["search", str(work.path), *asked, "--csv", str(table), "--json"]) == 0
        (printed, said), written = capsys.readouterr(), pd.read_csv(table)
        assert said == f"Written {table}\n"
        assert [row["filename"] for row in json.loads(printed)] == written["filename"].tolist()


def test_an_id_is_searched_for(work: WorkDir, capsys: pytest.CaptureFixture[str]) -> None:
    named = Dataset(work_dir=work.path).search(3, k=2)["filename"]
    assert main(["search", str(work.path), "3", "--k", "2", "--json"]) == 0
    assert [row["filename"] for row in json.loads(capsys.readouterr().out)] == list(named)
