"""The flow curate_dataset on a server: nothing happens before a person has said so."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.flow_runs import resume_flow_run
from prefect.states import StateType

from imgvet.curation.rules import CurateOptions
from imgvet.errors import PlanError
from imgvet.flows import curate_dataset as module
from imgvet.flows.curate_dataset import curate_dataset
from imgvet.workdir import WorkDir

from .conftest import Runner

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL", 1)


def options_for(finished: Runner) -> CurateOptions:
    work_dir = finished.dataset.work_dir
    return CurateOptions(work_dir=work_dir, quarantine=work_dir.parent / "quarantine")


def answered(
    options: CurateOptions, apply: bool, meanwhile: Callable[[], object] = lambda: None
) -> Any:
    """The last state of a run that waits until it is answered, by another thread."""

    def answer() -> None:
        paused = _paused_run()
        try:
            meanwhile()
        finally:
            resume_flow_run(paused.id, run_input={"apply": apply})

    with ThreadPoolExecutor(1) as pool:
        # Which server there is stands in a variable of this context.
        done = pool.submit(copy_context().run, answer)
        state = curate_dataset(options, return_state=True)
        done.result()
    return state


def _paused_run() -> FlowRun:
    deadline = time.monotonic() + PATIENCE
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            for run in client.read_flow_runs():
                if run.state_type is StateType.PAUSED:
                    return run
            time.sleep(0.2)
    raise AssertionError("the run did not wait for an answer")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_plan_waits_for_a_person_who_may_change_it(
    finished: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = WorkDir(finished.dataset.work_dir)
    monkeypatch.chdir(work.path.parent)  # paths of a deployment are relative to its folder
    options = CurateOptions(work_dir=Path(work.path.name), quarantine=Path("quarantine"))
    before = names(finished.photos)

    def change() -> None:
        assert names(finished.photos) == before
        assert work.plan_page.is_file()
        data = work.plan_csv.read_bytes()
        work.plan_csv.write_bytes(data.replace(b'"remove","invalid"', b'"keep","invalid"'))

    state = answered(options, apply=True, meanwhile=change)
    assert (state.name, state.type) == ("Curated", StateType.COMPLETED)
    assert state.message == f"1 file moved to {Path('quarantine').absolute()}, 0 left alone."
    assert {Path(file.path).name for file in state.result().moved} == {"copy of 0.jpg"}
    assert names(finished.photos) == before - {"copy of 0.jpg"}
    finished.dataset.curate.plan()  # what was applied may be replaced


def test_what_is_declined_is_not_done(finished: Runner) -> None:
    before = names(finished.photos)
    state = answered(options_for(finished), apply=False)
    assert (state.name, state.result().moved) == ("Declined", [])
    assert names(finished.photos) == before


def test_an_answer_is_to_the_plan_that_was_seen(finished: Runner) -> None:
    def again() -> None:
        finished.dataset.curate.plan(exact="review")

    state = answered(options_for(finished), apply=True, meanwhile=again)
    assert state.is_failed()
    with pytest.raises(PlanError, match="made again"):
        state.result()
    assert "copy of 0.jpg" in names(finished.photos)
