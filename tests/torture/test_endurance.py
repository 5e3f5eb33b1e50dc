"""Many runs, in one process and on one work dir, take no more than a few."""

from __future__ import annotations

import gc
import resource
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)
from torture.conftest import Torture

from imgvet.dataset import Dataset
from imgvet.engine.server import TemporaryServer
from imgvet.flows.analyze_dataset import analyze_dataset
from imgvet.flows.monitor_dataset import monitor_dataset
from imgvet.monitor.history import history_path
from imgvet.monitor.options import make_monitor_options
from imgvet.options import make_options
from imgvet.workdir import WorkDir
from support.pictures import age, jpeg, photograph, write_photographs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

SETTLED = 4
"""Runs after which caches and pools of threads have their size."""

GROWTH_BYTES = 3_000_000
"""Resident memory that each further run may add; 1.2 MB was measured, of 595, in ten runs."""

OF_A_RUN = {
    "events on the server": 800_000,
    "its other rows": 80_000,
    "history": 1_000,
    "baselines": 0,
    "store": 5_000,
    "report and tables": 5_000,
}
"""Bytes that each monitored run may add.

A server forgets events after seven days by itself. The report shows the latest 500 runs; the store
holds its pages by hard links.
"""


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts files as Linux tells them")
def test_runs_in_one_process(torture: Torture, prefect_server: None, tmp_path: Path) -> None:
    photos, dataset, runs = tmp_path / "photos", Dataset(work_dir=tmp_path / "out"), torture.count
    age(*write_photographs(photos, 12))
    given = make_options({"input_dir": photos, "work_dir": dataset.work_dir})
    seen: list[tuple[int, int, int]] = []
    for number in range(max(SETTLED + 4, runs)):
        changed = photos / "changed.jpg"
        changed.write_bytes(jpeg(photograph(0), quality=10 + number % 90))
        age(changed)
        analyze_dataset(given)
        measured = next(one for one in dataset.record().stages if one.stage == "compute_stats")
        assert measured.computed == (13 if number == 0 else 1)
        gc.collect()
        files = len(list(Path("/proc/self/fd").iterdir()))
        seen.append((resident_bytes(), files, threading.active_count()))
    memory, files, threads = zip(*seen, strict=True)
    if max(files[SETTLED:]) > files[SETTLED] + 2:
        torture.wrong.append(f"open files {files}")
    if max(threads[SETTLED:]) > threads[SETTLED] + 2:
        torture.wrong.append(f"threads {threads}")
    if memory[-1] - memory[SETTLED] > GROWTH_BYTES * (len(seen) - 1 - SETTLED):
        torture.wrong.append(f"memory {memory}")
    first, last = (f"{memory[at] // 10**6} MB, {files[at]} files" for at in (SETTLED, -1))
    torture.found(
        "runs in one process", f"{len(seen)}: {first} after {SETTLED + 1}, {last} at the end"
    )


@dataclass(frozen=True)
class Taken:
    """What this process holds, and the bytes in each place of a work dir and a server."""

    memory: int
    files: int
    sizes: dict[str, int]

    def __str__(self) -> str:
        sizes = ", ".join(f"{name} {size / 10**6:.2f} MB" for name, size in self.sizes.items())
        return f"{self.memory // 10**6} MB, {self.files} files, {sizes}"


def taken(work: WorkDir, server: Path) -> Taken:
    """What is taken now."""
    gc.collect()
    with closing(sqlite3.connect(server / "prefect.db")) as database:
        pages = dict(database.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    sizes = {
        "events on the server": sum(size for name, size in pages.items() if "event" in name),
        "its other rows": sum(size for name, size in pages.items() if "event" not in name),
        "history": history_path(work).stat().st_size,
        "baselines": size_of(work.path / "baselines"),
        "store": size_of(work.store),
    }
    in_work_dir = sum(sizes[name] for name in ("history", "baselines", "store"))
    sizes["report and tables"] = size_of(work.path) - in_work_dir
    return Taken(resident_bytes(), len(list(Path("/proc/self/fd").iterdir())), sizes)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_monitored_runs(torture: Torture, tmp_path: Path) -> None:
    """Monitored runs of pictures that come and go, in one process and at one real server."""
    photos, work, runs = tmp_path / "photos", WorkDir(tmp_path / "out"), max(16, torture.count)
    write_photographs(photos, 8)
    options = make_monitor_options({"input_dir": photos, "work_dir": work.path})
    server = TemporaryServer()
    server.start(tmp_path / "server")
    server.wait()
    at_server = {PREFECT_API_URL: server.url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    seen: list[Taken] = []
    try:
        with temporary_settings(at_server):
            for number in range(runs):
                changed = photos / "changed.jpg"
                changed.write_bytes(jpeg(photograph(8), quality=(50, 60, 70)[number % 3]))
                age(*photos.iterdir())
                assert monitor_dataset(options, return_state=True).is_completed()
                seen.append(taken(work, server.home))
    finally:
        server.stop()
    settled, last, more = seen[10], seen[-1], runs - 11
    for name, size in last.sizes.items():
        if size - settled.sizes[name] > OF_A_RUN[name] * more + 200_000:
            torture.wrong.append(f"{name} {[one.sizes[name] for one in seen]}")
    if last.files > settled.files + 2 or last.memory - settled.memory > GROWTH_BYTES * more:
        torture.wrong.append(f"{[(one.memory, one.files) for one in seen]}")
    torture.found(
        "monitored runs on one work dir, in one process and at one server that stays",
        f"{runs}: {settled} after 11; {last} then",
    )
