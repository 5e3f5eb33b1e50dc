"""The file for Prometheus: what its own parser reads is what the run found."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from imgvet.monitor.finished import run_of
from imgvet.monitor.history import Run
from imgvet.monitor.metrics_file import metrics_text, write_metrics
from imgvet.quality.result import CheckResult, CheckState
from imgvet.summary import StageTiming

from .conftest import record_of, summary_of

Labels = tuple[str, ...]


def read(text: str) -> dict[str, dict[Labels, float]]:
    """The values of each metric by its labels but the dataset."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {**sample.labels}
            assert labels.pop("dataset") == 'a "b"\\\n'
            found.setdefault(sample.name, {})[tuple(labels.values())] = sample.value
    return found


def finished() -> tuple[Run, str]:
    check = CheckResult(
        name="dark_rate", title="", state=CheckState.FAILED, severity="warning", observed="",
        allowed="", value=1.0, section="",
    )  # fmt: skip
    record = record_of(1, dataset_name='a "b"\\\n').model_copy(
        update={"stages": (StageTiming(stage="embed", seconds=2.5, computed=1, reused=0),)}
    )
    run = run_of(record, summary_of(8), "r")
    counts = {**run.counts, "valid": 8, "dark": 2}
    run = run.model_copy(
        update={"counts": counts, "alarms": ("dark_rate", "drift:label"), "monitored": True,
                "new_counts": {"images": 3}}
    )  # fmt: skip
    return run, metrics_text(run, (check,), record)


def test_a_run_is_told_as_numbers() -> None:
    found = read(finished()[1])
    assert found["imgvet_run_failed"] == {(): 0}
    assert found["imgvet_run_started_timestamp_seconds"][()] > 1_800_000_000
    assert found["imgvet_run_seconds"] == {(): 1}
    assert found["imgvet_alarms"] == {(): 2}
    assert found["imgvet_alarm"] == {("dark_rate",): 1, ("drift:label",): 1}
    assert found["imgvet_images"]["valid",] == 8
    assert found["imgvet_images"]["new",] == 3
    assert found["imgvet_rate"]["dark_rate",] == 0.25
    assert found["imgvet_verdict"]["passed",] == 1
    assert sum(found["imgvet_verdict"].values()) == 1
    assert found["imgvet_check_failed"] == {("dark_rate", "warning"): 1}
    assert found["imgvet_stage_seconds"] == {("embed",): 2.5}


def test_a_failed_run_tells_that_and_its_alarms() -> None:
    run = finished()[0].model_copy(update={"status": "failed", "alarms": ("run",)})
    found = read(metrics_text(run))
    assert (found["imgvet_run_failed"], found["imgvet_alarm"]) == ({(): 1}, {("run",): 1})
    assert "imgvet_images" not in found


def test_a_folder_takes_a_file_of_each_dataset(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(run_id="r", started="2030-01-01T06:00:00+00:00", dataset="cats/of 2030")
    write_metrics(tmp_path, run)
    (file,) = tmp_path.iterdir()
    assert file.name == "imgvet-cats-of-2030.prom"
    assert 'dataset="cats/of 2030"' in file.read_text()
    for name in ("日本", "中国"):
        write_metrics(tmp_path, run.model_copy(update={"dataset": name}))
    assert len(list(tmp_path.iterdir())) == 3
    write_metrics(tmp_path / "not yet", run)
    assert (tmp_path / "not yet" / file.name).is_file()
    write_metrics(file / "below a file", run)
    assert "could not be written" in caplog.text
    write_metrics(None, run)
