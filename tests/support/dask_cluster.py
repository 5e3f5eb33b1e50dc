"""A Dask scheduler and two workers, each a process of its own, on this machine or seemingly not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path


class Cluster:
    """A started cluster; each worker is told where it listens, and by what it is started."""

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        workers: Sequence[tuple[str, tuple[str, ...]]] = (("127.0.0.1", ()), ("127.0.0.1", ())),
    ) -> None:
        file = folder / "scheduler.json"
        named = ("--scheduler-file", str(file), "--no-dashboard", "--host")
        self.scheduler = _start((), "scheduler", *named, host, "--port", "0")
        wait(lambda: file.is_file() and file.stat().st_size)
        self.address = json.loads(file.read_text())["address"]
        alone = ("--no-nanny", "--nthreads", "1")
        self.workers = [
            _start(prefix, "worker", *named, place, *alone) for place, prefix in workers
        ]

    def stop(self) -> None:
        """Kill what is left of it."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def _start(prefix: Sequence[str], *arguments: str) -> subprocess.Popen[bytes]:
    command = [*prefix, sys.executable, "-m", "dask", *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    silent = subprocess.DEVNULL
    return subprocess.Popen(command, env=kept, stdout=silent, stderr=silent)


def wait(until: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)
