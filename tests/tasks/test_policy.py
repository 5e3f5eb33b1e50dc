"""What a cached stage is keyed by."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prefect import State
from prefect.context import TaskRunContext
from prefect.states import Failed

from imgvet.errors import InputNotFoundError, TransportError
from imgvet.models.model import builtin_model
from imgvet.options import NeighborOptions
from imgvet.store.references import Reference
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import is_transport_error, stage_key

TABLE = Reference(name="store/stages/a.parquet", digest="d1", size=10)


def key(version: int = 1, task: str = "find_neighbors", **inputs: object) -> str:
    context = cast("TaskRunContext", SimpleNamespace(task=SimpleNamespace(name=task)))
    return stage_key(version, context, cast("dict[str, Any]", inputs))


def test_the_key_changes_with_what_changes_the_result() -> None:
    base = key(table=TABLE, options=NeighborOptions())
    changed = TABLE.model_copy(update={"digest": "d2"})
    assert base == key(table=TABLE, options=NeighborOptions())
    assert base != key(table=changed, options=NeighborOptions())
    assert base != key(table=TABLE, options=NeighborOptions(nearest_neighbors_k=3))
    assert base != key(version=2, table=TABLE, options=NeighborOptions())
    assert base != key(task="find_outliers", table=TABLE, options=NeighborOptions())


def test_the_key_keeps_with_what_does_not() -> None:
    here = RunContext(work_dir=Path("/a"), threads=1)
    there = RunContext(work_dir=Path("/b"), threads=8)
    moved = TABLE.model_copy(update={"name": "store/stages/b.parquet"})
    assert key(context=here, table=TABLE) == key(context=there, table=moved)


def test_a_model_counts_by_its_card_and_not_by_where_it_lies_or_runs() -> None:
    model = builtin_model()
    moved = model.model_copy(update={"path": Path("/elsewhere.onnx"), "device": "cuda"})
    other = model.model_copy(update={"card": model.card.model_copy(update={"width": 3})})
    assert key(model=model) == key(model=moved)
    assert key(model=model) != key(model=other)


def test_references_inside_lists_and_models_count_by_content() -> None:
    changed = TABLE.model_copy(update={"digest": "d2"})
    assert key(tables=[TABLE]) != key(tables=[changed])
    assert key(tables={"a": (TABLE,)}) != key(tables={"a": (changed,)})


@pytest.mark.parametrize(
    ("error", "again"), [(TransportError("reset"), True), (InputNotFoundError("gone"), False)]
)
def test_only_the_network_is_worth_another_try(error: Exception, again: bool) -> None:
    state: State[Any] = Failed(data=error)
    assert is_transport_error(cast("Any", None), cast("Any", None), state) is again
