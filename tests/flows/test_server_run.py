"""Runs on a server: parameters that change those of a deployment, names and tags."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import State
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL
from prefect.states import Scheduled

from imgvet.deployments.datasets import deployment_of, served
from imgvet.errors import InvalidParameterError
from imgvet.flows.monitor_dataset import monitor_dataset
from imgvet.monitor.notify import Monitored
from imgvet.summary import RunRecord, read_record
from imgvet.workdir import WorkDir
from support.pictures import age, write_photographs
from support.receiver import Receiver

from .conftest import Runner


class Deployed:
    """A dataset with a deployment, whose runs are created as ``prefect deployment run`` does."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.work, self.monkeypatch = WorkDir(folder / "out"), monkeypatch
        age(*write_photographs(folder / "cats", 4))
        given = {
            "input_dir": folder / "cats", "work_dir": self.work.path, "num_images": 3,
            "checks": {"max_dark_rate": 0.3, "max_blurry_rate": 0.4},
        }  # fmt: skip
        self.deployment_id = deployment_of(served(given, "My Cats")).apply()

    def create(self, at: datetime | None = None, **options: object) -> FlowRun:
        with get_client(sync_client=True) as client:
            return client.create_flow_run_from_deployment(
                self.deployment_id,
                parameters={"options": options} if options else None,
                state=Scheduled(scheduled_time=at),
            )

    def run(self, at: datetime | None = None, **options: object) -> RunRecord:
        """Run as a process that a worker starts, and read what it used."""
        assert isinstance(self.state(self.create(at, **options)).result(), Monitored)
        return read_record(self.work)

    def state(self, run: FlowRun) -> State[Any]:
        self.monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(run.id))
        state = run_flow(
            monitor_dataset, flow_run=run, parameters=run.parameters, return_type="state"
        )
        assert isinstance(state, State)
        return state


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    return Deployed(tmp_path, monkeypatch)


def test_what_a_run_is_given_changes_the_deployment_and_its_name_is_the_time_of_its_schedule(
    deployed: Deployed,
) -> None:
    due = datetime.now(UTC) + timedelta(seconds=3)
    record = deployed.run(at=due, threshold=0.95, checks={"max_dark_rate": 0.5})
    used = record.parameters
    assert (used["threshold"], used["num_images"]) == (0.95, 3)
    limits = used["checks"]
    assert isinstance(limits, dict)
    assert (limits["max_dark_rate"], limits["max_blurry_rate"]) == (0.5, 0.4)
    run = flow_run_of(record)
    named = datetime.fromisoformat(f"{run.name.removeprefix('My Cats ')}+00:00")
    assert due.replace(microsecond=0) <= named < due + timedelta(minutes=5)
    assert set(run.tags) == {"imgvet", "My Cats"}
    assert datetime.fromisoformat(record.started) >= due.replace(microsecond=0)


def test_what_names_the_input_is_all_there_is_as_the_form_sends_it(deployed: Deployed) -> None:
    folder, out = deployed.work.path.with_name("cats"), deployed.work.path
    used = deployed.run(input_dir=[str(folder)], work_dir=str(out), threshold=0.95).parameters
    assert (used["threshold"], used["num_images"]) == (0.95, None)


def test_results_that_would_go_with_the_folder_of_a_worker_are_refused(
    deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "tmpxprefect"
    made.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(made)
    run = deployed.create(input_dir=[str(tmp_path / "cats")])
    with pytest.raises(InvalidParameterError, match=r"deleted with .* Name work_dir"):
        deployed.state(run).result()
    assert list(made.iterdir()) == []


def test_the_server_refuses_what_is_no_parameter(deployed: Deployed) -> None:
    with pytest.raises(PrefectHTTPStatusError, match="409"):
        deployed.create(treshold=0.95)
    with pytest.raises(PrefectHTTPStatusError, match="409"):
        deployed.create(threshold="much")


def test_a_run_whose_parameters_are_not_allowed_is_told_with_its_page_on_the_server(
    deployed: Deployed,
) -> None:
    with Receiver() as receiver:
        run = deployed.create(baseline="last:0", notify=[receiver.address])
        assert deployed.state(run).is_failed()
        (message,) = receiver.posted
    assert message["title"] == "My Cats: the run failed"
    assert "use first, last:N or a run id" in message["message"]
    page = f"{PREFECT_API_URL.value().removesuffix('/api')}/runs/flow-run/{run.id}"
    assert f"On the server: {page}" in message["message"]


def test_a_run_without_a_deployment_is_named_and_tagged_by_its_dataset(finished: Runner) -> None:
    record = finished.dataset.record()
    run = flow_run_of(record)
    assert run.name.startswith("photos 20")
    assert datetime.fromisoformat(f"{run.name.removeprefix('photos ')}+00:00") <= (
        datetime.fromisoformat(record.started) + timedelta(seconds=1)
    )
    assert set(run.tags) == {"imgvet", "photos"}


def flow_run_of(record: RunRecord) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(record.run_id))
