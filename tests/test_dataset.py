"""What Python is told of a finished run."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imgvet.curation.rules import Rules
from imgvet.dataset import Curation, Dataset
from imgvet.errors import RunNotFoundError
from imgvet.exchange.options import ExportOptions
from imgvet.options import RunOptions
from imgvet.progress import LOGGER_NAME
from imgvet.quality.result import read_results
from imgvet.summary import Counts, RunSummary, Verdict, read_summary
from imgvet.tables import LABEL_ISSUES, RESULT_TABLES, conform, write_table
from imgvet.workdir import WorkDir

FRAMES = {
    "items": pd.DataFrame(
        {
            "id": [0, 1, 2, 3],
            "filename": ["/a.jpg", "/b.jpg", "/c.jpg", "/d.jpg"],
            "status": ["ok", "ok", "truncated", "ok"],
            "label": ["cat", None, None, None],
        }
    ),
    "stats": pd.DataFrame({"id": [0, 1, 3], "width": [40, 50, 60], "sharpness": [0.5, 0.25, 0.75]}),
    "label_issues": pd.DataFrame({"id": [0], "label": ["cat"], "is_issue": [False]}),
    "outliers": pd.DataFrame({"id": [3], "nearest": [0], "similarity": [0.2], "score": [4.0]}),
}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """A finished run with some tables."""
    work = WorkDir(tmp_path)
    work.tables.mkdir()
    for table in (*RESULT_TABLES, LABEL_ISSUES):
        frame = FRAMES.get(table.name, pd.DataFrame())
        write_table(conform(frame, table), work.table(table.name))
    work.run_json.write_text("{}")
    return Dataset(work_dir=tmp_path)


def test_all_that_is_known_of_one_image(dataset: Dataset) -> None:
    known = dataset[3]
    assert known == {
        "id": 3, "filename": "/d.jpg", "status": "ok", "width": 60, "sharpness": 0.75,
        "outliers.nearest": 0, "outliers.similarity": 0.2, "outliers.score": 4.0,
        "similarity.pairs": 0,
    }  # fmt: skip
    assert [type(known[name]) for name in ("id", "width", "sharpness")] == [int, int, float]
    assert dataset[0]["label"] == "cat"
    assert dataset[0]["label_issues.is_issue"] is False
    assert dataset["/d.jpg"] == dataset[Path("/d.jpg")] == dataset[np.int64(3)] == known
    assert 3 in dataset
    assert "/d.jpg" in dataset
    assert list(dataset)[3] == known
    assert len(list(dataset)) == len(dataset)
    for missing in (4, -1, "/nothing.jpg"):
        assert missing not in dataset
        with pytest.raises(KeyError):
            dataset[missing]


def test_tables_tell_the_names_of_their_images(dataset: Dataset) -> None:
    (outlier,) = dataset.outliers().to_dict("records")
    assert (outlier["filename"], outlier["filename_nearest"]) == ("/d.jpg", "/a.jpg")
    assert dataset.img_stats()["filename"].tolist() == ["/a.jpg", "/b.jpg", "/d.jpg"]


def test_every_frame_tells_the_labels_and_splits_of_its_images(dataset: Dataset) -> None:
    for frame, ends in (
        (dataset.img_stats(), [""]),
        (dataset.outliers(), ["", "_nearest"]),
        (dataset.similarity(), ["_from", "_to"]),
        (dataset.connected_components()[0], [""]),
        (dataset.connected_components()[1], ["_representative"]),
        (dataset.invalid_instances(), [""]),
    ):
        assert {f"{name}{end}" for name in ("filename", "label", "split") for end in ends} <= {
            *frame.columns
        }
    assert dataset.img_stats()["label"].tolist()[0] == "cat"
    assert dataset.outliers()["label_nearest"].tolist() == ["cat"]
    assert dataset.outliers()["split"].isna().all()


def test_tables_that_a_run_need_not_have_are_empty(dataset: Dataset) -> None:
    assert dataset.crops().empty
    assert list(dataset.video_pairs())[:2] == ["video", "other"]
    assert dataset.leaks()["filename_from"].str.endswith(".jpg").sum() == 0


def test_valid_images_are_counted_on_from_0(dataset: Dataset) -> None:
    assert dataset.annotations().index.tolist() == [0, 1, 2]
    assert len(dataset.annotations(valid_only=False)) == len(dataset) == 4


def test_a_notebook_shows_the_result_of_a_run_as_one_line() -> None:
    counts = Counts.model_construct(images=1)
    summary = RunSummary.model_construct(verdict=Verdict.FAILED, counts=counts)
    assert repr(summary) == "RunSummary(failed, 1 item)"


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"verdict": ', b"\xff"])
def test_a_summary_or_checks_that_are_gone_or_damaged_are_one_line(
    tmp_path: Path, content: bytes | None
) -> None:
    work = WorkDir(tmp_path)
    for path in (work.summary_json, work.checks_json):
        if content is not None:
            path.write_bytes(content)
    for path, read in (
        (work.summary_json, lambda: read_summary(work)),
        (work.checks_json, lambda: read_results(work.checks_json)),
    ):
        with pytest.raises(RunNotFoundError) as caught:
            read()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_work_dir_may_lie_below_the_home_folder_and_the_process_may_move(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path.parent)
    names = (f"~/{tmp_path.name}", tmp_path.name)
    named = [Dataset(name, work_dir=name) for name in names]
    monkeypatch.chdir("/")
    for one in named:
        assert one.annotations().equals(dataset.annotations())
        assert one.input_dir == (str(tmp_path),)


def test_inputs_are_named_in_any_way() -> None:
    given = ("s3://bucket/a b", "minio://host/x", "block:secret/x", "/photos.tar!1.jpg")
    for inputs in (given, list(given), iter(given), pd.Series(given)):
        assert Dataset(inputs).input_dir == given
    assert Dataset().input_dir is None


def test_help_and_completion_know_each_parameter_with_what_it_is_by_default() -> None:
    told = {
        call: {name: one.default for name, one in signature(call).parameters.items()}
        for call in (Dataset.run, Dataset.export, Curation.plan)
    }
    given = {*RunOptions.model_fields} - {"input_dir", "work_dir"}
    assert told[Dataset.run].keys() == {"self", *given}
    assert told[Dataset.run]["threshold"] == 0.9
    assert told[Dataset.export].keys() == {"self", "destination", *ExportOptions.model_fields}
    assert told[Curation.plan].keys() == {"self", "replace", *Rules.model_fields}
    assert told[Curation.plan]["near"] == "review"


def test_runs_of_several_threads_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each changes the environment and what Great Expectations knows, for the whole process."""
    here: list[str] = []
    crowds: list[int] = []

    def check_request(options: RunOptions) -> None:
        here.append(options.dataset)
        time.sleep(0.05)
        crowds.append(len(here))

    def run_in_engine(_: str, options: RunOptions, *__: object) -> RunSummary:
        time.sleep(0.05)
        here.remove(options.dataset)
        counts = Counts.model_construct(images=1)
        return RunSummary.model_construct(verdict=Verdict.PASSED, counts=counts, sources=None)

    monkeypatch.setattr("imgvet.engine.run.check_request", check_request)
    monkeypatch.setattr("imgvet.engine.run.run_in_engine", run_in_engine)
    monkeypatch.setattr(Dataset, "summary", lambda _: [])
    with ThreadPoolExecutor(3) as threads:
        for name in "abc":
            threads.submit(Dataset(name, tmp_path / name).run)
    assert crowds == [1, 1, 1]
    assert logging.getLogger(LOGGER_NAME).propagate
