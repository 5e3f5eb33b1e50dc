"""A small dataset with planted truth, and a runner of the flow."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

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


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve photographs; a copy of the first, the second re-encoded, and a file of text."""
    folder = tmp_path / "photos"
    write_photographs(folder, 12)
    (folder / "copy of 0.jpg").write_bytes((folder / "photo00.jpg").read_bytes())
    (folder / "near 1.jpg").write_bytes(jpeg(photograph(1), quality=85))
    (folder / "text.jpg").write_bytes(b"no picture")
    age(*folder.iterdir())
    return folder


class Runner:
    """Runs the flow on one folder and one work dir, and gives the results."""

    def __init__(self, photos: Path, work_dir: Path) -> None:
        self.photos = photos
        self.dataset = Dataset(work_dir=work_dir)

    def run(self, **parameters: object) -> RunSummary:
        """Run the flow."""
        given = {"input_dir": self.photos, "work_dir": self.dataset.work_dir, **parameters}
        return analyze_dataset(make_options(given))

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


@pytest.fixture
def runner(photos: Path, tmp_path: Path) -> Runner:
    return Runner(photos, tmp_path / "out")
