"""Runs that are killed at a chosen moment: forked where everything is imported, so they are quick.

A moment is a number of changes on the disk (files opened for writing, renamed, linked, removed),
which is the same on a fast machine and on a slow one, or a time.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

_CHANGES = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_MARK = "IMGVET_TORTURE"

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "imgvet.flows.analyze_dataset", "imgvet.engine.run", "imgvet.cli.runs", "imgvet.dataset",
        "great_expectations", "imgvet.reports.build", "support.torture",
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: that of its end, negative for a signal.
        said: what it printed.
        changes: how many of its changes on the disk were counted.
        peak_bytes: the most memory that it held; 0 if it was killed.
    """

    code: int | None
    said: str
    changes: int = 0
    peak_bytes: int = 0


@dataclass(frozen=True)
class Trouble:
    """What happens to a command.

    Attributes:
        within: an expression; only changes of paths that match it count.
        kill_at: its process group is killed before the change of this number.
        kill_after: or after so many seconds.
        limits: those of ``resource.setrlimit``; that of memory is beyond what is held at the start.
        before: called in the process first.
    """

    within: str = ""
    kill_at: int = 0
    kill_after: float | None = None
    limits: Mapping[int, int] = field(default_factory=dict)
    before: Callable[[], None] | None = None


CALM = Trouble()


def run_here(
    arguments: Sequence[object],
    environment: Mapping[str, str],
    log: Path,
    trouble: Trouble = CALM,
) -> Ended:
    """Run a command in a process of its own, with its output in ``log``."""
    counted, peak = _forks.Value("i", 0, lock=False), _forks.Value("q", 0, lock=False)
    given = [str(one) for one in arguments]
    around = marked(environment, str(log))
    process = _forks.Process(
        target=_run, args=(given, around, log, trouble, counted, peak), daemon=True
    )
    process.start()
    process.join(600 if trouble.kill_after is None else trouble.kill_after)
    if process.is_alive():
        with suppress(ProcessLookupError):  # it has only begun, and is no group yet
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.kill()
        process.join()
    said = log.read_text() if log.exists() else ""
    return Ended(process.exitcode, said, counted.value, peak.value)


def _run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    trouble: Trouble,
    counted: Synchronized[int],
    peak: Synchronized[int],
) -> None:
    os.setsid()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    matches = re.compile(trouble.within).search

    def watch(event: str, given: tuple[object, ...]) -> None:
        if event not in _CHANGES or not any(matches(str(one)) for one in given[:2]):
            return
        if event == "open" and not int(str(given[2] or 0)) & _TO_WRITE:
            return
        counted.value += 1
        if counted.value == trouble.kill_at:
            os.killpg(0, signal.SIGKILL)

    from prefect.settings import PREFECT_API_URL, temporary_settings

    from imgvet.cli.main import main

    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs"):  # as the command does
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if trouble.before is not None:
        trouble.before()
    sys.addaudithook(watch)
    for limit, value in trouble.limits.items():
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        held = pages * resource.getpagesize() if limit == resource.RLIMIT_AS else 0
        resource.setrlimit(limit, (held + value, held + value))
    # Prefect has read its settings where this process was forked.
    with temporary_settings({PREFECT_API_URL: os.environ.get("PREFECT_API_URL")}):
        try:
            sys.exit(main(arguments))
        finally:
            peak.value = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def left_running(mark: str, patience: float = 10.0) -> list[int]:
    """The processes with a mark in their environment that do not end within some seconds.

    What was killed is still there while the system takes its memory back.
    """
    deadline = time.monotonic() + patience
    while (found := _running(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _running(mark: str) -> list[int]:
    wanted, found = f"{_MARK}={mark}\0".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (process / "environ").read_bytes() + b"\0":
                found.append(int(process.name))
    return found


def marked(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """An environment by which :func:`left_running` finds processes and their children."""
    return {**environment, _MARK: mark}


def copy_folder(source: Path, target: Path) -> None:
    """Put a copy of a folder, with its times and hard links, in the place of another."""
    subprocess.run(["rm", "-rf", str(target)], check=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def results_of(work_dir: Path) -> dict[str, bytes]:
    """The bytes of all results that are the same wherever and whenever they are computed."""
    patterns = ("tables/*.parquet", "embeddings.npy", "summary.json", "checks.json")
    homes = (work_dir, work_dir / "crops")
    files = sorted(path for home in homes for name in patterns for path in home.glob(name))
    return {path.relative_to(work_dir).as_posix(): path.read_bytes() for path in files}


def drafts_in(work_dir: Path) -> list[Path]:
    """What is half written in a work dir."""
    return [path for path in work_dir.rglob("*") if path.name.startswith(".")]
