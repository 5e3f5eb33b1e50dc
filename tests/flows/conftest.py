"""A small dataset with planted truth, a runner of the flow, and one finished run for all tests."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from imgvet.dataset import Dataset
from imgvet.flows.analyze_dataset import analyze_dataset
from imgvet.options import make_options
from imgvet.store.compact import today
from imgvet.summary import RunSummary
from support.pictures import age, jpeg, photograph, write_photographs


@pytest.fixture(scope="session", autouse=True)
def _server(prefect_server: None) -> None:
    """Every test here needs the server."""


class Runner:
    """Runs the flow on one folder and one work dir, and gives the results."""

    def __init__(self, photos: Path, work_dir: Path) -> None:
        self.photos = photos
        self.dataset = Dataset(work_dir=work_dir)

    def run(self, **parameters: object) -> RunSummary:
        """Run the flow."""
        given = {"input_dir": self.photos, "work_dir": self.dataset.work_dir, **parameters}
        state = analyze_dataset(make_options(given), return_state=True)
        return cast("RunSummary", state.result())

    def computed(self) -> dict[str, int]:
        """How many items each stage of the last run computed."""
        return {stage.stage: stage.computed for stage in self.dataset.record().stages}

    def stages_run(self) -> set[str]:
        """The stages of the last run that were not cached."""
        return {stage.stage for stage in self.dataset.record().stages if not stage.cached}

    def table_bytes(self) -> dict[str, bytes]:
        """The bytes of every result table."""
        tables = (self.dataset.work_dir / "tables").glob("*.parquet")
        return {path.name: path.read_bytes() for path in tables}


def later_today(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let runs believe that so many days have passed."""
    then = today() + timedelta(days=days)
    for stage in ("measuring", "publishing"):
        monkeypatch.setattr(f"imgvet.tasks.{stage}.today", lambda: then)


def write_planted(folder: Path) -> None:
    """Twelve photographs; a copy of the first, the second re-encoded, and a file of text."""
    write_photographs(folder, 12)
    (folder / "copy of 0.jpg").write_bytes((folder / "photo00.jpg").read_bytes())
    (folder / "near 1.jpg").write_bytes(jpeg(photograph(1), quality=85))
    (folder / "text.jpg").write_bytes(b"no picture")
    age(*folder.iterdir())


def copy_with_links(source: Path, target: Path) -> None:
    """Copy a folder, with the times of its files, and with the hard links among them."""
    copies: dict[int, str] = {}

    def copy(path: str, to: str) -> None:
        inode = Path(path).stat().st_ino
        if inode in copies:
            os.link(copies[inode], to)
        else:
            copies[inode] = shutil.copy2(path, to)

    shutil.copytree(source, target, copy_function=copy)


@dataclass(frozen=True)
class FinishedRun:
    """Photographs with planted truth, one run on them, and how both were when it ended."""

    runner: Runner
    summary: RunSummary
    saved: Path

    def restored(self) -> Runner:
        """The runner, its photographs and results as they were."""
        for folder in (self.runner.photos, self.runner.dataset.work_dir):
            shutil.rmtree(folder, ignore_errors=True)
            copy_with_links(self.saved / folder.name, folder)
        return self.runner


@pytest.fixture(scope="session")
def first_run(_server: None, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The one run that most tests begin with."""
    folder = tmp_path_factory.mktemp("first")
    write_planted(folder / "photos")
    runner = Runner(folder / "photos", folder / "out")
    summary = runner.run()
    for name in ("photos", "out"):
        copy_with_links(folder / name, folder / "saved" / name)
    return FinishedRun(runner, summary, folder / "saved")


@pytest.fixture
def finished(first_run: FinishedRun) -> Runner:
    """A runner after its first run, each time anew."""
    return first_run.restored()


@pytest.fixture
def photos(first_run: FinishedRun, tmp_path: Path) -> Path:
    """The photographs in a folder that no run has seen."""
    shutil.copytree(first_run.saved / "photos", tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def runner(photos: Path, tmp_path: Path) -> Runner:
    """A runner before its first run."""
    return Runner(photos, tmp_path / "out")
