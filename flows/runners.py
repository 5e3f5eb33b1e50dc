"""Where shards are computed: in threads of the run's own process, or by Dask or Ray.

The engines are Prefect's task runners. Workers read and write the work dir, so all of them see it
at the same path; only references travel. If it lies in a bucket, workers on other machines read and
write there what they need of it and what came of it.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from imgvet.errors import EngineError, InvalidParameterError
from imgvet.options import ExecutionOptions

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

PATIENCE = 30
"""Seconds to wait for a scheduler."""

_ENGINES = {"dask": ("prefect_dask", "distributed"), "ray": ("prefect_ray", "ray")}


def check_runner(options: ExecutionOptions) -> None:
    """InvalidParameterError if the runner is not installed, or can't do what is asked of it."""
    runner, address = options.runner, options.address
    if runner == "threads":
        if address is not None:
            raise InvalidParameterError(
                f"address = {address!r} is of no use to threads", "Give --runner dask or ray too"
            )
        return
    if not all(map(find_spec, _ENGINES[runner])):
        raise InvalidParameterError(
            f"runner = {runner!r} is not installed", f"pip install 'imgvet[{runner}]'"
        )


def shard_threads(options: ExecutionOptions) -> int:
    """How many threads one shard may use: one where each core has a process of its own."""
    is_local_cluster = options.runner != "threads" and options.address is None
    return 1 if is_local_cluster else options.num_threads


def is_elsewhere(address: str | None) -> bool:
    """Whether workers at this address may be on other machines than this."""
    host = urlsplit(address or "").hostname
    if host in (None, "localhost"):
        return False
    try:
        return not ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return True


@contextmanager
def shard_runner(options: ExecutionOptions) -> Iterator[TaskRunner[Any]]:
    """The started runner of the shards; without an address, processes that end with it.

    EngineError if no scheduler answers there, or it was lost.
    """
    if options.runner == "threads":
        from prefect.task_runners import ThreadPoolTaskRunner

        # One shard at a time: a shard's own threads already use every core.
        threads: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=1)
        with threads:
            yield threads
        return
    cluster, lost = _dask(options) if options.runner == "dask" else _ray(options)
    try:
        with cluster as started:
            yield started
    except lost as error:
        where = f"at {options.address}" if options.address else "of this run"
        raise EngineError(
            f"The {options.runner} cluster {where} failed ({error or type(error).__name__})",
            "Check that it runs, then run again: what was computed is not computed anew",
        ) from error


def _dask(options: ExecutionOptions) -> tuple[TaskRunner[Any], tuple[type[Exception], ...]]:
    """The runner, and what it raises when the cluster is lost."""
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
