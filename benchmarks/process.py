"""Run a command and learn how long it took and how much memory it and its children had."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Finished:
    """What a command needed.

    Attributes:
        seconds: time on the clock, from its start to its end.
        peak_bytes: the most resident memory that it and its descendants had at one time, seen ten
            times a second; at least its own peak, as the system counted it until it was last seen.
        processor_seconds: time of all cores together that it and its descendants took; other
            programs disturb it less than the time on the clock.
    """

    seconds: float
    peak_bytes: int
    processor_seconds: float


def run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Finished:
    """Run a command to its end; what it prints goes to a file.

    Raises:
        RuntimeError: it failed; the message ends with what it printed last.
    """
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT
        )
        watch = _Watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    sampled = watch.stop()
    if process.returncode != 0:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
    # Where it is known, not ru_maxrss: Linux begins to count that with the size of the parent.
    peak_bytes = sampled or usage.ru_maxrss * 1024
    return Finished(seconds, peak_bytes, usage.ru_utime + usage.ru_stime)


class _Watch:
    """Looks at the memory of a process and its descendants until it is stopped."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._peak = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Stop, and return the greatest sum that was seen, in bytes."""
        self._stopped.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._stopped.wait(_SAMPLE_SECONDS):
            now = max(resident_bytes(self._root), high_water_bytes(self._root))
            self._peak = max(self._peak, now)


def high_water_bytes(process: int) -> int:
    """The most resident memory that a process has had, in bytes; 0 if /proc does not tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (OSError, UnicodeDecodeError):
        return 0
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def resident_bytes(root: int) -> int:
    """Resident memory of a process and its descendants, in bytes."""
    found = 0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(root)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # it has just ended
                found += one.memory_info().rss
    return found
