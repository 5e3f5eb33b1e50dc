"""Tables keep their columns, types and bytes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from imgvet.metrics import METRICS
from imgvet.tables import (
    BY_NAME,
    COMPONENTS,
    ITEMS,
    RESULT_TABLES,
    STATS,
    Table,
    conform,
    empty,
    read_table,
    write_table,
)


@pytest.mark.parametrize("table", BY_NAME.values(), ids=lambda table: table.name)
def test_an_empty_table_survives_a_file(table: Table, tmp_path: Path) -> None:
    write_table(conform(empty(table), table), tmp_path / "t.parquet")
    frame = read_table(tmp_path / "t.parquet")
    assert list(frame.columns) == table.column_names
    assert frame.empty


def test_conforming_orders_adds_and_drops_columns() -> None:
    frame = pd.DataFrame({"extra": [1], "count": [2], "component_id": [0], "id": [7]})
    data = conform(frame, COMPONENTS)
    assert data.schema == COMPONENTS.schema
    assert data.column("mean_similarity").null_count == 1


def test_integers_with_gaps_stay_integers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [0, 1], "embedding_row": pd.array([2**53 + 1, None], "Int64")})
    write_table(conform(frame, ITEMS), tmp_path / "t.parquet")
    back = read_table(tmp_path / "t.parquet")["embedding_row"]
    assert back.iloc[0] == 2**53 + 1
    assert back.isna().tolist() == [False, True]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "filename": ["a", "b"]})
    write_table(conform(frame, ITEMS), tmp_path / "a")
    write_table(conform(frame.set_index("id", drop=False), ITEMS), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_stats_have_a_column_for_every_metric() -> None:
    assert STATS.column_names == ["id", *(metric.name for metric in METRICS)]


@pytest.mark.parametrize("table", RESULT_TABLES, ids=lambda table: table.name)
def test_every_column_says_what_it_holds(table: Table) -> None:
    assert all(column.meaning for column in table.columns)
