"""Many runs, in one process and on one work dir, take no more than a few."""

from __future__ import annotations

import gc
import resource
import threading
from pathlib import Path

import pytest
from torture.conftest import Torture

from imgvet.dataset import Dataset
from imgvet.flows.analyze_dataset import analyze_dataset
from imgvet.options import make_options
from support.pictures import age, jpeg, photograph, write_photographs
from support.torture import run_here

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

SETTLED = 4
"""Runs after which caches and pools of threads have their size."""

GROWTH_BYTES = 3_000_000
"""Resident memory that each further run may add; 1.2 MB was measured, of 595, in ten runs."""

OF_A_RUN = 40_000
"""Bytes that each monitored run may add to a work dir: its row of the history, its events."""


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts files as Linux tells them")
def test_runs_in_one_process(torture: Torture, prefect_server: None, tmp_path: Path) -> None:
    photos, dataset, runs = tmp_path / "photos", Dataset(work_dir=tmp_path / "out"), torture.count
    write_photographs(photos, 12)
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


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_monitored_runs(
    torture: Torture, environment: dict[str, str], at_server: dict[str, str], tmp_path: Path,
    log: Path,
) -> None:  # fmt: skip
    """Monitored runs of pictures that come and go, every tenth with a server of its own."""
    photos, out, runs = tmp_path / "photos", tmp_path / "out", max(12, torture.count)
    write_photographs(photos, 8)
    seen: list[dict[str, int]] = []
    for number in range(runs):
        changed = photos / "changed.jpg"
        changed.write_bytes(jpeg(photograph(8), quality=(50, 60, 70)[number % 3]))
        age(*photos.iterdir())
        around = environment if number % 10 == 0 else at_server
        ended = run_here(("monitor", photos, "--work-dir", out), around, log)
        if ended.code != 0:
            torture.wrong.append(f"run {number}: {ended}")
        store = out / "store"
        sizes = {path.name: size_of(path) for path in store.iterdir() if path.is_dir()}
        database = sizes.pop("prefect", 0)
        rest, held = size_of(out) - size_of(store), sum(sizes.values())
        seen.append({"store": held, "server's home": database, "results": rest})
    settled, last = seen[10], seen[-1]
    for name in last:
        if last[name] - settled[name] > OF_A_RUN * (runs - 11) + 200_000:
            torture.wrong.append(f"{name} {[one[name] for one in seen]}")
    told = [
        ", ".join(f"{name} {size / 10**6:.2f} MB" for name, size in one.items())
        for one in (settled, last)
    ]
    torture.found("monitored runs on one work dir", f"{runs}: {told[0]} after 11, {told[1]} then")
