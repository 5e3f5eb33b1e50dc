"""Runs whose work dir lies in a bucket, on machines that share nothing else."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from imgvet.cli.main import main
from imgvet.flows.monitor_dataset import monitor_dataset
from imgvet.measures.compute_stats import measure_files
from imgvet.monitor.history import read_history
from imgvet.monitor.options import make_monitor_options
from imgvet.opening import open_finished
from imgvet.parameters import place_in
from imgvet.store.store import Store
from support.fault_proxy import Fault, FaultProxy
from support.pictures import jpeg, photograph
from support.receiver import Receiver
from support.s3_server import Bucket

from .conftest import FinishedRun, Runner

pytest_plugins = ("support.s3_fixtures",)

Machine = Callable[[str], Runner]
LOOKING = {
    "sync_s3_to_local",
    "list_items",
    "compute_stats",
    "collect_items",
    "compute_advanced_stats",
    "embed",
}


@pytest.fixture
def machine(
    first_run: FinishedRun,
    bucket: Bucket,
    proxy: FaultProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Machine:
    """Gives a runner on a machine of that name, with photographs and work dir in one bucket."""
    photos = (first_run.saved / "photos").iterdir()
    bucket.put({f"photos/{path.name}": path.read_bytes() for path in photos})
    name = f"s3://{bucket.name}"

    def on(machine: str) -> Runner:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / machine))
        return Runner(Path(f"{name}/photos"), Path(f"{name}/out"))

    return on


def run(on: Runner, **parameters: object) -> dict[str, bytes]:
    """Run, and give the bytes of the tables."""
    on.run(input_dir=place_in(on.photos), **parameters)
    tables = open_finished(on.dataset.work_dir).tables
    return {path.name: path.read_bytes() for path in tables.iterdir()}


def test_another_machine_goes_on_where_one_ended(
    machine: Machine, proxy: FaultProxy, first_run: FinishedRun, tmp_path: Path
) -> None:
    first = machine("a")
    tables = run(first)
    assert first.computed()["compute_stats"] == 15
    assert first.dataset.record().parameters["work_dir"] == place_in(first.dataset.work_dir)
    proxy.requests.clear()
    second = machine("b")
    assert run(second) == tables
    assert set(second.computed().values()) == {0}
    assert second.stages_run() == LOOKING
    assert [one for one in proxy.gets() if "/photos/" in one.path] == []
    work = machine("c").dataset
    assert len(work.annotations()) == first_run.summary.counts.valid
    assert not list(open_finished(work.work_dir).store.glob("*/*"))
    assert work.search(0)["id"].size > 0
    address, quarantine = place_in(work.work_dir), str(tmp_path / "quarantine")
    assert main(["curate", "plan", address]) == 0
    machine("d")
    assert main(["curate", "apply", f"{address}/plan.csv", "--to", quarantine, "--yes"]) == 0
    assert (tmp_path / "quarantine" / "bucket.sh").is_file()


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_what_a_killed_run_had_measured_is_there_for_another_machine(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("imgvet.embedding.compute.embeddings_in", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(machine("a"))
    second = machine("b")
    run(second)
    assert set(second.computed().values()) == {0}


def test_alarms_are_told_when_their_results_are_in_the_bucket(
    machine: Machine, bucket: Bucket, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgvet.sources.s3.FIRST_WAIT", 0.001)
    on = machine("a")
    proxy.faults.append(Fault("/files.json", "answer", 99, method="PUT"))
    with Receiver() as receiver:
        given = {"input_dir": place_in(on.photos), "work_dir": f"s3://{bucket.name}/out"}
        options = make_monitor_options({**given, "notify": receiver.address})
        state = monitor_dataset(options, return_state=True)
        assert state.is_failed()
        assert "does not answer" in str(state.message)
        assert receiver.titles() == ["photos: the run failed"]
        proxy.faults[:] = [Fault("/files.json", "answer", 99)]
        assert monitor_dataset(options, return_state=True).is_failed()
        assert receiver.titles() == ["photos: the run failed"] * 2  # nothing can be noted

        # One that is killed when it has told of its results is not told of by another machine.
        proxy.faults.clear()
        with monkeypatch.context() as patch:
            patch.setattr("imgvet.flows.monitor_dataset.end", interrupt)
            with pytest.raises(KeyboardInterrupt):
                monitor_dataset(options)
        told = receiver.titles()[2:]
        assert len(told) == 1
        machine("b")
        assert monitor_dataset(options, return_state=True).is_completed()
        assert receiver.titles()[2:] == told


def test_shards_are_computed_without_the_work_dir(
    machine: Machine, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "more.tar", "w") as archive:
        for number in (11, 12):
            data = jpeg(photograph(number))
            member = tarfile.TarInfo(f"{number}.jpg")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    bucket.put({"photos/more.tar": (tmp_path / "more.tar").read_bytes()})
    tables = run(machine("a"), run_advanced_stats=True)
    monkeypatch.setattr("imgvet.tasks.shards.PACK_ITEMS", 6)
    places: list[Path] = []

    def seen(files: object, store: Store, *others: Any) -> pa.Table:
        places.append(store.work.path)
        return measure_files(files, store, *others)

    monkeypatch.setattr("imgvet.tasks.measuring.measure_files", seen)
    monkeypatch.setattr("imgvet.flows.analyze_dataset.is_elsewhere", lambda _: True)
    other = machine("b")
    other.dataset.work_dir = other.dataset.work_dir.with_name("other")
    assert run(other, run_advanced_stats=True) == tables
    computed = other.computed()
    assert (computed["compute_stats"], computed["embed"]) == (17, 14)
    here = open_finished(other.dataset.work_dir, stored=True).path
    assert [place == here for place in places] == [True, False, False]  # members of archives here
    assert not any(place.exists() for place in places[1:])
    listed = bucket.client.list_objects_v2(Bucket=bucket.name, Prefix="other/objects/")
    state = json.loads((here / "store" / "files.json").read_text())
    assert {row["Key"].rpartition("/")[2] for row in listed["Contents"]} == set(
        state["files"].values()
    )


@pytest.mark.slow
def test_processes_of_this_machine_compute_shards(machine: Machine) -> None:
    tables = run(machine("a"))
    other = machine("b")
    other.dataset.work_dir = other.dataset.work_dir.with_name("other")
    assert run(other, runner="dask", num_threads=2) == tables
    assert other.computed()["compute_stats"] == 15


@pytest.mark.slow
def test_a_watched_dataset_has_one_history(
    machine: Machine, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"s3://{bucket.name}"
    with Receiver() as receiver:
        options = make_monitor_options(
            {
                "input_dir": f"{address}/photos",
                "work_dir": f"{address}/out",
                "notify": receiver.address,
            }
        )
        machine("a")
        monitor_dataset(options)
        told = len(receiver.posted)
        machine("b")
        state = monitor_dataset(options, return_state=True)
        assert state.is_completed()
        assert len(receiver.posted) == told
        for row in bucket.client.list_objects_v2(Bucket=bucket.name, Prefix="photos/")["Contents"]:
            bucket.delete(row["Key"])
        machine("c")
        assert monitor_dataset(options, return_state=True).is_failed()
        assert len(receiver.posted) == told + 1
    machine("d")
    runs = read_history(open_finished(Path(f"{address}/out")))
    assert [one.status for one in runs] == ["finished", "finished", "failed"]
    assert runs[1].baseline == runs[0].run_id
    assert main(["baseline", f"{address}/out", "--set", runs[1].run_id]) == 0
    machine("e")
    capsys.readouterr()
    assert main(["baseline", f"{address}/out"]) == 0
    assert f"Run        {runs[1].run_id}" in capsys.readouterr().out
