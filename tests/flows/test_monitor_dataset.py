"""A watched dataset: history, alarms that are told once, all-clears, states that tell the truth."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect import State
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.flow_engine import run_flow_sync
from prefect.logging.handlers import APILogWorker
from prefect.states import AwaitingRetry

from imgvet.errors import InvalidParameterError, TransportError
from imgvet.flows.ending import ChecksFailedError
from imgvet.flows.monitor_dataset import monitor_dataset
from imgvet.monitor.baselines import kept_baselines
from imgvet.monitor.history import read_history, save_run
from imgvet.monitor.notify import Monitored
from imgvet.monitor.options import MonitorOptions, make_monitor_options
from imgvet.reports.build import report_of
from imgvet.tables import read_table
from imgvet.tasks.measuring import compute_stats
from imgvet.workdir import WorkDir
from support.fault_proxy import Fault, FaultProxy
from support.pictures import age, write_photographs
from support.receiver import Receiver, free_port
from support.s3_server import Bucket

from .conftest import copy_with_links

pytest_plugins = ("support.s3_fixtures",)


class Monitor:
    """Runs the flow on one folder and one work dir."""

    def __init__(self, folder: Path, out: Path) -> None:
        self.folder, self.work, self.notify = folder, WorkDir(out), ""

    def state(self, **parameters: object) -> State[Monitored]:
        return monitor_dataset(self._options(parameters), return_state=True)

    def retry(self, state: State[Monitored], **parameters: object) -> State[Monitored]:
        """The same flow run once more, as the button Retry of the server starts it."""
        with get_client(sync_client=True) as client:
            run_id = state.state_details.flow_run_id
            client.set_flow_run_state(run_id, AwaitingRetry(), force=True)
            again = client.read_flow_run(run_id)
        given = {"options": self._options(parameters)}
        return run_flow_sync(monitor_dataset, again, given, return_type="state")

    def _options(self, parameters: dict[str, object]) -> MonitorOptions:
        given = {"input_dir": self.folder, "work_dir": self.work.path, **parameters}
        if self.notify:
            given["notify"] = self.notify
        return make_monitor_options(given)

    @contextmanager
    def lost_folder(self) -> Iterator[None]:
        """The pictures are gone while this lasts, as those of a mount can be."""
        away = self.folder.rename(self.folder.with_name("away"))
        yield
        away.rename(self.folder)

    def spoil(self) -> None:
        """Files that are no pictures."""
        for number in range(6):
            (self.folder / f"bad{number}.jpg").write_bytes(f"no picture {number}".encode())
        age(*self.folder.glob("bad*"))

    def repair(self) -> None:
        for path in self.folder.glob("bad*"):
            path.unlink()


@pytest.fixture
def monitor(tmp_path: Path) -> Monitor:
    folder = tmp_path / "cats"
    age(*write_photographs(folder, 12))
    return Monitor(folder, tmp_path / "out")


@pytest.fixture(scope="module")
def once_watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``cats`` and ``out`` after one run, of which there was nothing to tell."""
    place = tmp_path_factory.mktemp("once")
    monitor = Monitor(place / "now" / "cats", place / "now" / "out")
    age(*write_photographs(monitor.folder, 12))
    with Receiver() as receiver:
        monitor.notify = receiver.address
        assert monitor.state().is_completed()
        assert receiver.posted == []
    copy_with_links(place / "now", place / "saved")
    return place


@pytest.fixture
def watched(once_watched: Path) -> Monitor:
    """Photographs and work dir after their first run, each time anew."""
    now = once_watched / "now"
    shutil.rmtree(now)
    copy_with_links(once_watched / "saved", now)
    return Monitor(now / "cats", now / "out")


def test_an_alarm_and_its_all_clear_are_told_once_and_the_report_shows_them(
    watched: Monitor,
) -> None:
    page = watched.work.report / "alarms.html"
    with Receiver() as receiver:
        watched.notify = receiver.address
        watched.spoil()
        bad = watched.state()
        assert (bad.is_completed(), bad.name) == (True, "ChecksFailed")
        assert "check:invalid_rate" in (bad.message or "")
        (message,) = receiver.posted
        assert message["title"] == "cats: 2 alarms: invalid rate and checks"
        text = str(message["message"])
        assert "ALARM: check failed: invalid files" in text
        assert "33.3 %, allowed is at most 1 %" in text
        assert "invalid rate jumped from 0 % to 100 % among new images" in text
        assert "See: bad0.jpg, bad1.jpg, bad2.jpg" in text
        assert f"Report: {page.as_uri()}" in text
        assert f"Look closer: imgvet explore {watched.work.path}" in text
        assert message["type"] == "failure"
        require_alarms_on(page, watched.work)
        number = len(receiver.posted)
        watched.state()
        assert len(receiver.posted) == number
        watched.repair()
        watched.state()
        watched.state()
        clear = [entry for entry in receiver.posted if entry["type"] == "success"]
        assert [entry["title"] for entry in clear] == [
            "cats: 2 all-clears: invalid rate and checks"
        ]
    assert len(read_history(watched.work)) == 5
    assert "5 runs" in (watched.work.report / "history.html").read_text().replace("\u00a0", " ")


def require_alarms_on(page: Path, work: WorkDir) -> None:
    """The page shows the spoilt images that the alarm counted, also when it is built again."""
    table = read_table(work.table("alarms")).set_index("id")["alarm"]
    items = read_table(work.table("items")).set_index("id")["filename"]
    listed = sorted(Path(items[item]).name for item in table.index[table == "invalid_rate"])
    assert listed == [f"bad{number}.jpg" for number in range(6)]
    text = page.read_text()
    assert "Of 6 new images, 6 are invalid" in text
    assert all(name in text for name in listed)
    report_of(work)
    assert page.read_text() == text


def test_images_that_are_gone_are_told_and_so_is_their_return(monitor: Monitor) -> None:
    outdoor = monitor.folder / "outdoor"
    for number, path in enumerate(write_photographs(outdoor, 12) * 2):
        (outdoor / f"{number}.jpg").write_bytes(path.read_bytes() + bytes([number]))
    age(*outdoor.iterdir())
    with Receiver() as receiver:
        monitor.notify = receiver.address
        monitor.state()
        number = len(receiver.posted)
        away = monitor.folder.with_name("away")
        outdoor.rename(away)
        assert "lost:folder:outdoor" in monitor.state().result().run.alarms
        (message,) = receiver.posted[number:]
        assert "images are lost: folder outdoor" in str(message).lower()
        assert "Lost: folder outdoor" in (monitor.work.report / "alarms.html").read_text()
        away.rename(outdoor)
        assert "lost:folder:outdoor" not in monitor.state().result().run.alarms
        assert len(receiver.posted) == number + 2


def test_what_a_killed_run_did_not_tell_is_told_by_the_next(watched: Monitor) -> None:
    watched.spoil()
    watched.state()
    # As if it had been killed between the history and the messages.
    last = read_history(watched.work)[-1]
    save_run(watched.work, last.model_copy(update={"told": False, "deliveries": ()}))
    with Receiver() as receiver:
        watched.notify = receiver.address
        watched.state()
        assert receiver.titles() == ["cats: 2 alarms: invalid rate and checks"]
    assert all(run.told for run in read_history(watched.work))


def test_a_dead_receiver_fails_nothing_and_the_logs_tell_the_run(
    monitor: Monitor,
) -> None:
    monitor.spoil()
    monitor.notify = f"json://127.0.0.1:{free_port()}/x"
    state = monitor.state()
    assert state.is_completed()
    (problem,) = state.result().problems
    assert "not delivered to json://127.0.0.1" in problem
    assert problem in str(state.message)
    APILogWorker.instance().drain_all()
    with get_client(sync_client=True) as client:
        of_run = LogFilterFlowRunId(any_=[state.state_details.flow_run_id])
        found = client.read_logs(log_filter=LogFilter(flow_run_id=of_run))
    told = [(log.level, log.message) for log in found if log.name == "imgvet.run"]
    infos = [message for level, message in told if level == logging.INFO]
    warnings = [message for level, message in told if level == logging.WARNING]
    assert 15 <= len(told) <= 25
    assert [line for line in infos if re.match("compute_stats: 18 computed in .* 0 reused", line)]
    assert "Valid             12 images (66.67 %)" in infos
    assert monitor.work.report_index.as_uri() in " ".join(infos)
    assert "Check failed: Invalid files: 33.3 %, allowed is at most 1 %" in warnings
    assert "cats: check failed: invalid files" in warnings
    assert [line for line in warnings if "1 message was not delivered to json" in line]
    assert not [log for log in found if log.name == "imgvet.progress"]
    logger = logging.getLogger("imgvet")
    assert (logger.handlers, logger.propagate, logger.level) == ([], True, logging.NOTSET)
    monitor.repair()
    again = monitor.state(fail_on="warning")
    assert (again.is_failed(), again.name) == (True, "Warnings")


def test_an_alarm_makes_it_a_failure_if_asked_for(watched: Monitor) -> None:
    watched.spoil()
    state = watched.state(fail_on_alarm=True)
    assert (state.is_failed(), state.name) == (True, "ChecksFailed")
    watched.repair()
    assert watched.state(fail_on_alarm=True).is_completed()


def test_a_run_whose_bucket_goes_away_fails_judges_nothing_and_is_told_until_runs_work_again(
    monitor: Monitor, proxy: FaultProxy, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put({path.name: path.read_bytes() for path in monitor.folder.iterdir()})
    monkeypatch.setattr(compute_stats, "retries", 0)
    proxy.faults.append(Fault("photo03.jpg", "answer", 10**6))
    with Receiver() as receiver:
        monitor.notify = receiver.address
        state = monitor.state(input_dir=f"s3://{bucket.name}")
        with pytest.raises(TransportError, match=r"photo03\.jpg does not answer"):
            state.result()
        (row,) = read_history(monitor.work)
        assert (row.status, row.alarms) == ("failed", ("run",))
        assert kept_baselines(monitor.work) == frozenset()
        assert not monitor.work.is_finished()
        (failed,) = receiver.posted
        assert "photo03.jpg does not answer" in str(failed["message"])
        proxy.faults.clear()
        assert monitor.state(input_dir=f"s3://{bucket.name}").name == "Completed"
        name = bucket.name
        assert receiver.titles() == [f"{name}: the run failed", f"{name}: runs finish again"]


def test_a_run_that_fails_before_the_analysis_is_told_and_writes_nothing(monitor: Monitor) -> None:
    lost = monitor.work.path.with_name("file")
    lost.touch()
    inside = monitor.folder / "out"
    with Receiver() as receiver:
        monitor.notify = receiver.address
        assert monitor.state(work_dir=lost / "out").is_failed()
        assert monitor.state(work_dir=inside).is_failed()
        assert receiver.titles() == ["cats: the run failed"] * 2
        assert "can't be written to" in str(receiver.posted[0]["message"])
        assert "lies inside the input" in str(receiver.posted[1]["message"])
    assert not inside.exists()


def test_an_address_that_is_none_is_refused_before_anything(monitor: Monitor) -> None:
    monitor.notify = "http://x"
    with pytest.raises(InvalidParameterError, match="json://"):
        monitor.state().result()
    assert not monitor.work.path.exists()


def test_the_server_shows_names_artifacts_and_a_form(monitor: Monitor) -> None:
    monitor.spoil()
    metrics = monitor.work.path.with_name("cats.prom")
    state = monitor.state(dataset_name="My Cats", metrics_file=metrics)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        shown = {
            artifact.key: str(artifact.data)
            for artifact in client.read_artifacts(artifact_filter=of_run)
        }
    assert run.name.startswith("My Cats 20")
    assert {"imgvet-my-cats-rates", "imgvet-my-cats-report"} <= shown.keys()
    assert '"Dataset": "My Cats"' in shown["imgvet-overview"]
    page = shown["imgvet-my-cats-summary"].replace("\\", "")
    assert page.startswith("# My Cats: failed: a critical check is over its limit")
    assert "1 alarm on" in page
    assert "- My Cats: check failed: invalid files" in page
    assert "data:image/svg+xml;base64," in page
    assert "| \u2717 failed | Invalid files | critical | 33.3 % | at most 1 % |" in page
    assert "bad0.jpg" in page
    numbers = metrics.read_text()
    assert 'imgvet_alarm{alarm="check:invalid_rate",dataset="My Cats"} 1.0' in numbers
    assert 'imgvet_run_failed{dataset="My Cats"} 0.0' in numbers
    with monitor.lost_folder():
        assert monitor.state(dataset_name="My Cats", metrics_file=metrics).is_failed()
    assert 'imgvet_run_failed{dataset="My Cats"} 1.0' in metrics.read_text()
    schema = monitor_dataset.parameters.model_dump()["definitions"]["MonitorOptions"]["properties"]
    assert [name for name, field in schema.items() if "description" not in field] == []
    assert {"threshold", "min_drift", "notify"} <= set(schema)
    assert list(schema)[:5] == [
        "input_dir", "work_dir", "dataset_name", "annotations", "threshold",
    ]  # fmt: skip
    assert [field["position"] for field in schema.values()] == list(range(len(schema)))


def test_a_retry_has_one_row_and_says_only_what_is_new(watched: Monitor) -> None:
    with Receiver() as receiver:
        watched.notify = receiver.address
        with watched.lost_folder():
            failed = watched.state()
            assert receiver.titles() == ["cats: the run failed"]
            assert watched.retry(failed).is_failed()
            assert receiver.titles() == ["cats: the run failed"]
        assert watched.retry(failed).is_completed()
        assert receiver.titles()[1:] == ["cats: runs finish again"]
    rows = read_history(watched.work)
    assert [(row.status, row.alarms) for row in rows] == [("finished", ())] * 2


def test_a_retry_after_repair_gives_the_all_clear(watched: Monitor) -> None:
    with Receiver() as receiver:
        watched.notify = receiver.address
        watched.spoil()
        bad = watched.state(fail_on="critical")
        assert (bad.is_failed(), bad.name) == (True, "ChecksFailed")
        with pytest.raises(ChecksFailedError, match="critical check is over its limit"):
            bad.result()
        assert watched.work.report_index.is_file()
        number = len(receiver.posted)
        assert number
        assert watched.retry(bad, fail_on="critical").is_failed()
        assert len(receiver.posted) == number
        watched.repair()
        assert watched.retry(bad, fail_on="critical").is_completed()
        assert {entry["type"] for entry in receiver.posted[number:]} == {"success"}
        assert len(receiver.posted) == 2 * number
    rows = read_history(watched.work)
    assert [row.alarms for row in rows] == [(), ()]
