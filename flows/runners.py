"""Where shards are computed: by threads or processes of this machine, or by Dask or Ray.

All are Prefect's task runners. Workers read and write the work dir, so all of them see it
at the same path; only references travel. If it lies in a bucket, workers on other machines read and
write there what they need of it and what came of it.
"""

from __future__ import annotations

import ipaddress
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from imgvet.errors import EngineError, InvalidParameterError, failing_as
from imgvet.options import ExecutionOptions

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

PATIENCE = 30
"""Seconds to wait for a scheduler."""

PROCESSES_FROM = 8
"""Cores from which on processes are taken to compute more than threads, which share one
interpreter: computed from what was measured on two (README)."""

_ENGINES = {"dask": ("prefect_dask", "distributed"), "ray": ("prefect_ray", "ray")}


def runner_of_command(cores: int) -> str:
    """What computes the shards of a command, unless it is told.

    Scripts get threads unless they say otherwise: each new process imports the main module, which
    would start a second run where a script does not guard against that.
    """
    return "processes" if cores >= PROCESSES_FROM else "threads"


def check_runner(options: ExecutionOptions) -> None:
    """InvalidParameterError if the runner is not installed, or can't do what is asked of it."""
    runner, address = options.runner, options.address
    if runner not in _ENGINES:
        if address is not None:
            raise InvalidParameterError(
                f"address = {address!r} is of no use to {runner}", "Give --runner dask or ray too"
            )
        return
    if not all(map(find_spec, _ENGINES[runner])):
        raise InvalidParameterError(
            f"runner = {runner!r} is not installed", f"pip install 'imgvet[{runner}]'"
        )


def is_elsewhere(address: str | None) -> bool:
    """Whether workers at this address may be on other machines than this."""
    host = urlsplit(address or "").hostname
    if host in (None, "localhost"):
        return False
    try:
        return not ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return True


@dataclass(frozen=True)
class Runners:
    """The started runners of a run, and how many threads a shard may use."""

    here: TaskRunner[Any]
    """One shard at a time, whose threads use every core."""
    threads: int
    others: TaskRunner[Any] | None = None
    """Processes of this machine, or workers at an address."""
    processes: int = 0
    """How many of this machine; 0 at an address."""

    def of(self, shards: int) -> tuple[TaskRunner[Any], int]:
        """What computes so many shards soonest, and the threads of each."""
        if self.others is None or shards < self.processes:
            return self.here, self.threads
        return self.others, 1 if self.processes else self.threads


@contextmanager
def started_runners(options: ExecutionOptions) -> Iterator[Runners]:
    """What computes the shards; without an address, processes that end with it.

    EngineError if no scheduler answers there, or it or a process was lost.
    """
    from prefect.task_runners import ThreadPoolTaskRunner

    threads, address = options.num_threads, options.address
    with ExitStack() as stack:
        here: TaskRunner[Any] = stack.enter_context(ThreadPoolTaskRunner(max_workers=1))
        if options.runner == "threads":
            yield Runners(here, threads)
            return
        others, lost = _others(options)
        try:
            with others as started, _ended_if_interrupted():
                yield Runners(here, threads, started, 0 if address else threads)
        except lost as error:
            where = f"at {address}" if address else "of this run"
            is_ours = options.runner == "processes"
            kind = "pool of processes" if is_ours else f"{options.runner} cluster"
            raise EngineError(
                f"The {kind} {where} failed ({error or type(error).__name__})",
                "Check that it runs, then run again: what was computed is not computed anew",
            ) from error


def _others(options: ExecutionOptions) -> tuple[TaskRunner[Any], tuple[type[Exception], ...]]:
    """The runner, and what it raises when the cluster, or one of the processes, is lost."""
    if options.runner == "dask":
        return _dask(options)
    if options.runner == "ray":
        return _ray(options)
    from concurrent.futures.process import BrokenProcessPool

    from prefect.task_runners import ProcessPoolTaskRunner

    count = options.num_threads
    with failing_as(EngineError, "Processes have no way to talk here", "Give --runner threads"):
        multiprocessing.Lock()  # as where there is no /dev/shm
    runner = ProcessPoolTaskRunner(max_workers=count, initializer=_follow_parent)
    return runner, (BrokenProcessPool,)


@contextmanager
def _ended_if_interrupted() -> Iterator[None]:
    """End the pool's processes, which begin with its shards, at once if this one is interrupted."""
    others = multiprocessing.active_children()  # as of the program that uses this package
    try:
        yield
    except KeyboardInterrupt:
        for process in multiprocessing.active_children():
            if process not in others:
                process.kill()
        raise


def _follow_parent() -> None:
    """End this process with the one that started it, however that ends, and on no interrupt."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        if (parent := multiprocessing.parent_process()) is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _dask(options: ExecutionOptions) -> tuple[TaskRunner[Any], tuple[type[Exception], ...]]:
    from distributed import Client, KilledWorker
    from distributed.client import FutureCancelledError
    from distributed.comm.core import CommClosedError
    from prefect_dask.task_runners import DaskTaskRunner

    if not options.verbose:
        logging.getLogger("distributed").setLevel(logging.ERROR)
    if options.address is None:
        cluster = {"n_workers": options.num_threads, "threads_per_worker": 1}
        runner = DaskTaskRunner(cluster_kwargs={**cluster, "dashboard_address": None})
    else:
        try:
            Client(options.address, timeout=PATIENCE, set_as_default=False).close()
        except (OSError, ValueError) as error:
            raise EngineError(
                f"No dask scheduler answers at {options.address} "
                f"({str(error).strip() or type(error).__name__})",
                "Start it, or correct the address",
            ) from None
        runner = DaskTaskRunner(address=options.address, client_kwargs={"timeout": PATIENCE})
    return runner, (KilledWorker, FutureCancelledError, CommClosedError)


def _ray(options: ExecutionOptions) -> tuple[TaskRunner[Any], tuple[type[Exception], ...]]:
    from prefect_ray.task_runners import RayTaskRunner
    from ray.exceptions import RayError

    settings: dict[str, Any] = {"log_to_driver": options.verbose, "logging_level": "ERROR"}
    if options.address is None:
        settings |= {"num_cpus": options.num_threads, "include_dashboard": False}
    runner = RayTaskRunner(address=options.address, init_kwargs=settings)
    return runner, (RayError,)
