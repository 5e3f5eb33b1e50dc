"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """A computer, as far as it decides how fast programs run.

    Attributes:
        cores: processor cores that this process may use.
        processor: name of the model.
        memory_gb: main memory, in units of 10^9 bytes.
        load: processes that wanted a core in the last minute, before the first benchmark.
    """

    cores: int
    processor: str
    memory_gb: float
    load: float

    @property
    def description(self) -> str:
        """One line."""
        return (
            f"{self.cores} cores of {self.processor}, {self.memory_gb:.0f} GB,"
            f" Python {platform.python_version()}, load before the start {self.load:.1f}"
        )


def this_machine() -> Machine:
    """The machine that this runs on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(cores(), _processor(), memory / 1e9, os.getloadavg()[0])


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
