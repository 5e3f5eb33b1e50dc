"""The flow look_up_pictures: the table, the file, and what a server shows."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from imgvet.errors import RunNotFoundError
from imgvet.flows.look_up_pictures import look_up_pictures
from imgvet.search.against import LookUpOptions
from support.pictures import jpeg, photograph

from .conftest import Runner


def test_copies_and_strangers_are_told_apart(finished: Runner, tmp_path: Path) -> None:
    known = sorted(finished.photos.glob("copy*.jpg"))[0]
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.jpg").write_bytes(known.read_bytes())
    (tmp_path / "new" / "b.jpg").write_bytes(jpeg(photograph(12)))
    work_dir = finished.dataset.work_dir
    options = LookUpOptions(work_dir=work_dir, pictures=(str(tmp_path / "new"),))
    state = look_up_pictures(options, return_state=True)
    said = "Of 2 pictures 1 are in there already byte by byte, 0 as edits"
    assert str(state.message).startswith(said)
    assert state.result()["relation"].tolist()[0] == "exact"
    with (work_dir / "look_up.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(Path(row["picture"]).name, row["relation"] == "exact") for row in rows] == [
        ("a.jpg", True),
        ("b.jpg", False),
    ]
    key = ArtifactFilterKey(any_=["imgvet-photos-look-up"])
    with get_client(sync_client=True) as client:
        (shown,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
    assert said in str(shown.data)


def test_without_a_finished_run_it_says_so(prefect_server: None, tmp_path: Path) -> None:
    options = LookUpOptions(work_dir=tmp_path, pictures=("photos",))
    with pytest.raises(RunNotFoundError):
        look_up_pictures(options)
