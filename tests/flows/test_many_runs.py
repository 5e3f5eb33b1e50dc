"""Many runs in one process leave nothing behind in it."""

from __future__ import annotations

import gc
import resource
import threading
from pathlib import Path

import pytest

from support.pictures import age, jpeg, photograph

from .conftest import Runner

RUNS, SETTLED = 10, 4
"""Runs, and after how many of them caches and pools of threads have their size."""

GROWTH_BYTES = 3_000_000
"""Resident memory that each further run may add; 1.2 MB was measured, of 595, in ten runs."""


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts files as Linux tells them")
def test_ten_runs_add_no_memory_no_open_files_and_no_threads(runner: Runner) -> None:
    seen: list[tuple[int, int, int]] = []
    for number in range(RUNS):
        changed = runner.photos / "changed.jpg"
        changed.write_bytes(jpeg(photograph(0), quality=60 + number))
        age(changed)
        runner.run()
        assert runner.computed()["compute_stats"] == (13 + 3 if number == 0 else 1)
        gc.collect()
        files = len(list(Path("/proc/self/fd").iterdir()))
        seen.append((resident_bytes(), files, threading.active_count()))
    memory, files, threads = zip(*seen, strict=True)
    print(f"MB {[size // 1_000_000 for size in memory]}, files {files}, threads {threads}")
    assert max(files[SETTLED:]) <= files[SETTLED] + 2
    assert max(threads[SETTLED:]) <= threads[SETTLED] + 2
    assert memory[-1] - memory[SETTLED] <= GROWTH_BYTES * (RUNS - 1 - SETTLED)
