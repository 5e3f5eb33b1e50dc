"""Shards of a stage: how many are under way at a time, and in which order their results come."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import task
from prefect.exceptions import TerminationSignal

from imgvet.flows import stages
from imgvet.flows.runners import Runners
from imgvet.flows.stages import Stages
from imgvet.progress import Progress
from imgvet.store.references import Reference
from imgvet.tasks.context import RunContext
from imgvet.tasks.shards import Plan, Shard


class Counting:
    """Takes shards as a runner does, and counts those whose results nobody has asked for."""

    def __init__(self) -> None:
        self.waiting = self.most = 0

    def submit(self, _task: object, parameters: dict[str, Any]) -> SimpleNamespace:
        self.waiting += 1
        self.most = max(self.most, self.waiting)

        def result() -> int:
            self.waiting -= 1
            return int(parameters["shard"].before.done)

        return SimpleNamespace(result=result)


@task
def measure(context: RunContext, shard: Shard) -> int:
    return 0


def test_no_more_shards_are_under_way_than_are_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "IN_FLIGHT", 3)
    rows = Reference(name="shard", digest="0", size=1)
    plan = Plan(
        shards=tuple(
            Shard(rows=rows, before=Progress("measure", at, 8), files=None) for at in range(8)
        ),
        pending=8,
        stored=0,
    )
    runner: Any = Counting()
    run = Stages(RunContext(work_dir=tmp_path, threads=1), Runners(runner, 1))
    assert run.run_shards(measure, plan) == list(range(8))
    assert (runner.most, runner.waiting) == (3, 0)


@pytest.mark.parametrize("stopped", [True, False])
def test_a_run_that_is_stopped_while_a_task_begins_ends_as_stopped(
    *, stopped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect 3.9 raises a ValueError then, which would be told as a failure of the run."""

    def begin(*_: object, **__: object) -> None:
        try:
            raise TerminationSignal(signal.SIGTERM) if stopped else KeyError("a bug")
        except (TerminationSignal, KeyError):
            raise ValueError("Task run is not set")  # noqa: B904

    monkeypatch.setattr(measure, "with_options", lambda **_: begin)
    runner: Any = Counting()
    run = Stages(RunContext(work_dir=tmp_path, threads=1), Runners(runner, 1))
    with pytest.raises(TerminationSignal if stopped else ValueError):
        run.run(measure)
