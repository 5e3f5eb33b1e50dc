"""The history: a row for each run, once, and never lost."""

from __future__ import annotations

import errno
import hashlib
from unittest.mock import Mock

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgvet.errors import HistoryError, HistoryUnusableError
from imgvet.monitor.finished import add_run, earlier_runs, run_of, settings_of
from imgvet.monitor.history import (
    SCHEMA,
    SCHEMA_VERSION,
    Compared,
    Delivery,
    Event,
    Run,
    history_path,
    open_history,
    read_history,
    save_run,
)
from imgvet.workdir import CROPS_PART, WorkDir

from .conftest import record_of, summary_of

JUMPED = Event(
    name="imgvet.novelty-rate.jumped", alarms=("novelty_rate",), severity="warning",
    all_clear=False, title="t", body="b", before=0.1, after=0.5, examples=("a.jpg",),
)  # fmt: skip


RATE = Compared(
    key="dark_rate", population="new", before=0.1, after=0.5, limit=0.2, p_value=0.001
)  # fmt: skip
DRIFT = Compared(
    key="drift:sharpness", population="new", before=None, after=0.25, limit=None, p_value=0.5
)  # fmt: skip


def monitored(run_id: str) -> Run:
    return Run(
        run_id=run_id, started="2030-01-01T06:00:00+00:00", version="1.0", dataset="photos",
        model="m", parameters='{"a": 1}', settings={"threshold": "0.9"}, monitored=True,
        baseline="a", in_order=True, alarms=("drift:sharpness", "novelty_rate"),
        counts={"images": 10, "valid": 8, "dark": 2}, new_counts={"images": 1, "valid": 1},
        compared=(RATE, DRIFT),
        events=(JUMPED,), deliveries=(Delivery(event=JUMPED.name, to="ab", arrived=False),),
    )  # fmt: skip


def test_what_is_saved_comes_back(work: WorkDir) -> None:
    assert read_history(work) == ()
    failed = Run(run_id="b", started="2030", status="failed", monitored=True, alarms=("run",))
    runs = (monitored("a"), failed, monitored("c"))
    for run in runs:
        save_run(work, run)
    assert read_history(work) == runs


def test_a_history_is_parsed_once_until_it_changes(work: WorkDir) -> None:
    save_run(work, monitored("a"))
    known = read_history(work)
    assert read_history(work) is known
    changed = save_run(work, known[0].model_copy(update={"told": True}))
    assert read_history(work) == (changed,)


def test_people_can_plot_images_and_rates(work: WorkDir) -> None:
    save_run(work, monitored("a"))
    frame = pd.read_parquet(history_path(work))
    assert frame.columns.tolist() == SCHEMA.names
    assert frame.loc[0, ["images", "new_images", "dark_rate"]].tolist() == [10, 1, 0.25]
    assert frame["bright_rate"].isna().all()
    assert dict(frame.loc[0, "drift"]) == {"sharpness": 0.25}


def test_other_columns_are_another_version() -> None:
    columns = hashlib.blake2b(SCHEMA.to_string().encode(), digest_size=8).hexdigest()
    assert (SCHEMA_VERSION, columns) == (4, "509911b1e2874c35")


def test_a_run_is_changed_in_its_place(work: WorkDir) -> None:
    for run in (monitored("a"), monitored("b")):
        save_run(work, run)
    changed = monitored("a").model_copy(update={"told": True})
    save_run(work, changed)
    assert read_history(work) == (changed, monitored("b"))


@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense", "cut", "other"])
def test_a_damaged_history_is_left_alone_until_it_is_set_aside(
    work: WorkDir, content: bytes | str
) -> None:
    save_run(work, monitored("a"))
    path = history_path(work)
    if content == "other":
        pq.write_table(pa.table({"x": [1]}), path)
    else:
        path.write_bytes(path.read_bytes()[:-9] if isinstance(content, str) else content)
    damaged = path.read_bytes()
    for attempt in (lambda: read_history(work), lambda: save_run(work, monitored("b"))):
        with pytest.raises(HistoryUnusableError, match=r"is damaged.*move it away"):
            attempt()
    for number in (1, 2):
        path.write_bytes(damaged)
        runs, notice = open_history(work)
        assert (runs, path.exists()) == ((), False)
        name = f"history.aside-{number}.parquet"
        assert notice.endswith(f"it is kept as {name}.")
        assert path.with_name(name).read_bytes() == damaged
    save_run(work, monitored("b"))


def test_a_history_that_can_not_be_read_now_stays(
    work: WorkDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_run(work, monitored("a"))
    denied = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr("pyarrow.parquet.read_table", Mock(side_effect=denied))
    with pytest.raises(HistoryError, match=r"can't be read \(Permission denied\)"):
        open_history(work)
    monkeypatch.undo()
    assert read_history(work) == (monitored("a"),)


def test_a_history_of_an_earlier_version_is_set_aside_and_that_is_said_once(
    work: WorkDir, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = pa.table({"schema_version": [1], "run_id": ["a"], "blur_p50": [0.5]})
    pq.write_table(earlier, history_path(work))
    assert earlier_runs(work, "1", "") == ()
    assert caplog.text == ""
    with pytest.raises(HistoryUnusableError, match="keeps this file beside it"):
        read_history(work)
    for number in range(3):
        add_run(work, run_of(record_of(number), summary_of(9), "x", work.part))
    kept = {path.name for path in work.path.glob("*.*")}
    assert kept == {"history.parquet", "history.aside-1.parquet"}
    assert len(caplog.records) == 1
    said = [run.notice for run in read_history(work)]
    assert said[0].endswith("it is kept as history.aside-1.parquet.")
    assert said[1:] == ["", ""]


def test_a_later_version_is_not_misread_and_stops_no_analysis(
    work: WorkDir, caplog: pytest.LogCaptureFixture
) -> None:
    pq.write_table(pa.table({"schema_version": [SCHEMA_VERSION + 1]}), history_path(work))
    before = history_path(work).read_bytes()
    with pytest.raises(HistoryError, match="Update imgvet"):
        read_history(work)
    add_run(work, run_of(record_of(1), summary_of(1), "x", work.part))
    assert earlier_runs(work, "1", "") == ()
    assert "The run is not added to the history" in caplog.text
    assert history_path(work).read_bytes() == before


def test_past_are_the_runs_that_found_something_else(work: WorkDir) -> None:
    def past(results: str) -> list[int]:
        return [run.images for run in earlier_runs(work, "this", results)]

    assert past("a") == []
    for number, results in enumerate("aabbab"):
        add_run(work, run_of(record_of(number), summary_of(number), results, work.part))
    crops = WorkDir(work.path, CROPS_PART)
    add_run(crops, run_of(record_of(9), summary_of(9), "c", crops.part))
    save_run(work, Run(run_id="failed", started="", status="failed"))
    assert past("c") == [0, 2, 4, 5]
    assert past("b") == [0, 2, 4]
    assert [run.images for run in earlier_runs(crops, "this", "")] == [9]
    assert [run.run_id for run in earlier_runs(work, "this", "b", monitored=True)][-1] == "failed"


def test_runs_tell_what_parts_them_from_a_later_one(work: WorkDir) -> None:
    add_run(work, run_of(record_of(1), summary_of(1), "a", work.part))
    (past,) = earlier_runs(work, "2", "b")
    assert past.changes(settings_of(record_of(2))) == {}
    parameters = record_of(2).parameters | {"threshold": 0.8, "cc_threshold": 0.7}
    record = record_of(2).model_copy(update={"parameters": parameters, "model": {"sha256": "x"}})
    assert past.changes(settings_of(record)) == {
        "threshold": "threshold was 0.99 and is 0.8",
        "model": "the model changed",
    }


def test_a_history_of_the_version_before_is_read(work: WorkDir) -> None:
    save_run(work, monitored("a"))
    table = pq.read_table(history_path(work)).drop_columns("schema_version")
    old = table.append_column("schema_version", pa.array([SCHEMA_VERSION - 1]))
    pq.write_table(old.append_column("quantiles", pa.array([[0.5]])), history_path(work))
    assert read_history(work) == (monitored("a"),)
    save_run(work, monitored("b"))
    assert pq.read_table(history_path(work))["schema_version"].to_pylist() == [SCHEMA_VERSION] * 2


def test_a_retry_takes_the_place_of_its_run_as_the_latest_and_keeps_what_waits(
    work: WorkDir,
) -> None:
    arrived = Delivery(event="old", to="a", arrived=True)
    waits = Delivery(event=JUMPED.name, to="b", arrived=False)
    events = (JUMPED.model_copy(update={"name": "old"}), JUMPED)
    first = {"alarms": ("run",), "events": events, "deliveries": (arrived, waits), "told": True}
    save_run(work, monitored("run-1").model_copy(update=first))
    save_run(work, monitored("run-2").model_copy(update={"alarms": ("dark_rate",)}))
    add_run(work, run_of(record_of(1), summary_of(3), "x", work.part))
    other, retried = read_history(work)
    assert (other.run_id, retried.run_id) == ("run-2", "run-1")
    assert (retried.monitored, retried.counts["images"]) == (False, 3)
    assert retried.alarms == ("dark_rate",)
    assert (retried.events, retried.deliveries) == ((JUMPED,), (arrived, waits))
    save_run(work, monitored("run-1").model_copy(update=first | {"told": False}))
    add_run(work, run_of(record_of(1), summary_of(3), "x", work.part))
    assert read_history(work)[1].events == events  # it was killed before it could tell
