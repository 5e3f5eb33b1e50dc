"""The history: appended whole, once, and never lost."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgvet.errors import HistoryDamagedError, HistoryError
from imgvet.monitor.facts import RunIdentity
from imgvet.monitor.history import (
    HISTORY,
    SCHEMA_VERSION,
    History,
    HistoryRow,
    append_row,
    history_path,
    read_history,
    set_aside,
)
from imgvet.monitor.tally import Tally
from imgvet.workdir import WorkDir


def row(run_id: str) -> HistoryRow:
    return HistoryRow(
        identity=RunIdentity(run_id, "2030-01-01T06:00:00+00:00", "1.0", "photos", "m", '{"a": 1}'),
        settings={"threshold": "0.9"},
        baseline="a",
        in_order=True,
        alarms=("drift:sharpness", "outlier_rate"),
        whole=Tally(10, 9, 1, 2, 3, None, 0, 4, 5),
        new=Tally(1, 1, 0, 0, 0, None, 0, 0, None),
        quantiles={"sharpness": (0.1, 0.5, 0.9)},
        drift={"sharpness": 0.25, "embeddings": 0.5},
    )


def test_a_work_dir_without_a_history_has_an_empty_one(work: WorkDir) -> None:
    assert read_history(work) == History()


def test_what_is_appended_comes_back(work: WorkDir) -> None:
    rows = (row("a"), HistoryRow(RunIdentity("b", "2030"), "failed", alarms=("run",)), row("c"))
    for added in rows:
        assert append_row(work, added)
    assert read_history(work) == History(rows)
    assert not list(work.path.glob(".*"))


def test_anyone_can_read_it(work: WorkDir) -> None:
    append_row(work, row("a"))
    frame = pd.read_parquet(history_path(work))
    assert frame.columns.tolist() == HISTORY.column_names
    assert frame.loc[0, ["images", "new_valid", "sharpness_p50"]].tolist() == [10, 1, 0.5]


def test_a_retry_adds_nothing(work: WorkDir) -> None:
    append_row(work, row("a"))
    before = history_path(work).read_bytes()
    assert not append_row(work, replace(row("a"), in_order=False))
    assert history_path(work).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense", "cut"])
def test_a_damaged_history_is_named_left_alone_and_can_be_set_aside(
    work: WorkDir, content: bytes | str
) -> None:
    append_row(work, row("a"))
    path = history_path(work)
    damaged = path.read_bytes()[:-9] if isinstance(content, str) else content
    path.write_bytes(damaged)
    for attempt in (lambda: read_history(work), lambda: append_row(work, row("b"))):
        with pytest.raises(HistoryDamagedError, match=r"is damaged.*move it away"):
            attempt()
    assert path.read_bytes() == damaged
    assert set_aside(work).read_bytes() == damaged
    path.write_bytes(damaged)
    assert set_aside(work).name == "history.damaged-2.parquet"
    assert append_row(work, row("b"))


def test_a_parquet_file_of_something_else_is_no_history(work: WorkDir) -> None:
    pq.write_table(pa.table({"x": [1]}), history_path(work))
    with pytest.raises(HistoryDamagedError):
        read_history(work)


def test_columns_of_other_versions_are_kept(work: WorkDir) -> None:
    append_row(work, row("a"))
    data = pq.read_table(history_path(work))
    data = data.append_column("of_later", pa.array(["x"])).drop_columns(["dark", "sharpness_drift"])
    pq.write_table(data, history_path(work))
    assert "sharpness" not in read_history(work).rows[0].drift
    append_row(work, row("b"))
    assert pq.read_table(history_path(work)).column("of_later").to_pylist() == ["x", None]
    assert read_history(work).rows[1] == row("b")


def test_a_later_meaning_is_not_misread(work: WorkDir) -> None:
    append_row(work, row("a"))
    data = pq.read_table(history_path(work))
    place = data.column_names.index("schema_version")
    later = pa.array([SCHEMA_VERSION + 1])
    pq.write_table(data.set_column(place, "schema_version", later), history_path(work))
    with pytest.raises(HistoryError, match="Update imgvet"):
        read_history(work)
