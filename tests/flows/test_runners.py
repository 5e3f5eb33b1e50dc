"""Shards computed by Dask and Ray: the same tables, also when workers or the scheduler die."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing import active_children, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from prefect import task
from prefect.task_runners import ThreadPoolTaskRunner

from imgvet.cli.main import main
from imgvet.dataset import Dataset
from imgvet.errors import EngineError, InvalidParameterError
from imgvet.flows import runners
from imgvet.flows.runners import (
    PROCESSES_FROM,
    Runners,
    check_runner,
    is_elsewhere,
    runner_of_command,
    started_runners,
)
from imgvet.options import ExecutionOptions
from support.dask_cluster import Cluster
from support.pictures import age, jpeg, photograph

from .conftest import Runner

PHOTOS, DISTINCT, SHARD = 18, 13, 3


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and two workers; each is a process that takes seconds to start."""
    started = Cluster(tmp_path)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PHOTOS):
        path = folder / f"{number:02}.jpg"
        path.write_bytes(jpeg(photograph(number % DISTINCT)))  # the last ones are copies
        age(path)
    return folder


@pytest.fixture(scope="module")
def expected(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    local = Runner(photos, tmp_path_factory.mktemp("local") / "out")
    local.run()
    return local.table_bytes()


@pytest.fixture
def runner(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs in many small shards, which this process is not able to compute."""
    monkeypatch.setattr("imgvet.tasks.shards.PACK_ITEMS", SHARD)
    for name in ("measures.compute_stats.read_each", "embedding.compute.embed_pictures"):
        monkeypatch.setattr(f"imgvet.{name}", None)
    return Runner(photos, tmp_path / "out")


def when_the_first_shard_is_done(
    monkeypatch: pytest.MonkeyPatch, strike: Callable[[], None]
) -> None:
    """Do something once a run has the result of one shard of several, and others are under way."""
    told: list[int] = []

    def progress(_stage: str, done: int, _total: int) -> None:
        if not told:
            strike()
        told.append(done)

    monkeypatch.setattr("imgvet.flows.stages.report_progress", progress)


def test_a_dask_cluster_gives_the_same_tables_also_when_parts_of_it_die(
    runner: Runner,
    cluster: Cluster,
    expected: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with monkeypatch.context() as patch:  # a worker that is killed costs its shard alone
        when_the_first_shard_is_done(patch, cluster.workers[0].kill)
        runner.run(runner="dask", address=cluster.address)
    assert cluster.workers[0].wait(1) == -signal.SIGKILL
    assert runner.table_bytes() == expected
    assert runner.computed()["embed"] == DISTINCT

    # A scheduler that is killed is told in one line and costs a restart.
    monkeypatch.setattr(runners, "PATIENCE", 2)
    when_the_first_shard_is_done(monkeypatch, cluster.stop)
    second = Runner(runner.photos, tmp_path / "second")
    with pytest.raises(EngineError, match=r"The dask cluster at tcp://.* failed"):
        second.run(runner="dask", address=cluster.address)
    monkeypatch.undo()
    second.run()
    assert second.table_bytes() == expected
    assert second.computed()["compute_stats"] < PHOTOS


def test_an_address_where_nobody_answers(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "PATIENCE", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(EngineError, match=f"No dask scheduler answers at {address}"):
            runner.run(runner="dask", address=address)


def test_processes_of_ray_give_the_same_tables(runner: Runner, expected: dict[str, bytes]) -> None:
    runner.run(runner="ray", num_threads=2)
    assert runner.table_bytes() == expected


@task
def sleeping(seconds: float) -> None:
    time.sleep(seconds)


def run_that_is_interrupted() -> None:
    with started_runners(ExecutionOptions(runner="processes", num_threads=1)) as started:
        assert started.others is not None
        started.others.submit(sleeping, {"seconds": 600})
        while len(active_children()) < 2:
            time.sleep(0.05)
        raise KeyboardInterrupt


def kill(process: BaseProcess) -> None:
    process.kill()


def test_a_killed_process_is_told_in_one_line_and_costs_a_restart(
    runner: Runner, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    when_the_first_shard_is_done(monkeypatch, lambda: kill(active_children()[0]))
    with pytest.raises(EngineError, match="The pool of processes of this run failed"):
        runner.run(runner="processes", num_threads=2)
    assert not active_children()
    monkeypatch.undo()  # Fewer shards may be left than there are processes: then threads compute.
    runner.run(runner="processes", num_threads=2)
    assert runner.table_bytes() == expected
    assert runner.computed()["compute_stats"] < PHOTOS


def test_an_interrupt_ends_the_processes_of_the_run_alone() -> None:
    theirs = get_context("spawn").Process(target=time.sleep, args=(600,))
    theirs.start()
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_that_is_interrupted()
        assert active_children() == [theirs]
        assert time.monotonic() - began < 300
    finally:
        theirs.kill()
        theirs.join()


def test_a_runner_that_can_not_be_had_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_runner(ExecutionOptions(runner="dask"))
    with pytest.raises(InvalidParameterError, match="of no use to threads"):
        check_runner(ExecutionOptions(address="tcp://host:8786"))
    monkeypatch.setattr(runners, "find_spec", lambda _: None)
    with pytest.raises(InvalidParameterError, match=r"pip install 'imgvet\[ray\]'"):
        check_runner(ExecutionOptions(runner="ray"))


def test_processes_that_can_not_talk_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("multiprocessing.Lock", refuse)
    options = ExecutionOptions(runner="processes", num_threads=1)
    with pytest.raises(EngineError, match="Give --runner threads"), started_runners(options):
        pass


def test_processes_compute_only_what_is_enough_for_all_of_them() -> None:
    here, others = ThreadPoolTaskRunner(1), ThreadPoolTaskRunner(2)
    assert Runners(here, 8).of(100) == (here, 8)
    of_this_machine = Runners(here, 8, others, processes=8)
    assert of_this_machine.of(7) == (here, 8)
    assert of_this_machine.of(8) == (others, 1)
    assert Runners(here, 8, others).of(1) == (others, 8)


def test_the_command_takes_processes_where_there_are_many_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert runner_of_command(PROCESSES_FROM - 1) == "threads"
    assert runner_of_command(PROCESSES_FROM) == "processes"
    asked: list[object] = []
    monkeypatch.setattr(Dataset, "run_at", lambda _self, _server, given: asked.append(given))
    monkeypatch.setattr(Dataset, "fails", lambda _self: False)
    for more in ([], ["--num-threads", "2"], ["--runner", "dask"]):
        monkeypatch.setattr("os.cpu_count", lambda: 64)
        assert main(["run", "photos", *more]) == 0
    assert [given["runner"] for given in asked] == ["processes", "threads", "dask"]


@pytest.mark.parametrize(
    ("address", "elsewhere"),
    [
        (None, False),
        ("tcp://127.0.0.1:8786", False),
        ("ray://localhost:10001", False),
        ("tcp://[::1]:8786", False),
        ("tcp://10.0.0.2:8786", True),
        ("tls://scheduler.example:8786", True),
    ],
)
def test_workers_elsewhere_need_a_server_that_they_reach(
    address: str | None, elsewhere: bool
) -> None:
    assert is_elsewhere(address) is elsewhere
