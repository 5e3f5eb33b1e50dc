"""Many runs, in one process and on one work dir, take no more than a few."""

from __future__ import annotations

import gc
import resource
import threading
from pathlib import Path

import pytest
from flows.conftest import Runner, write_planted
from torture.conftest import Torture

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
    write_planted(tmp_path / "photos")
    runner, runs = Runner(tmp_path / "photos", tmp_path / "out"), max(8, torture.count)
    seen: list[tuple[int, int, int]] = []
    for number in range(runs):
        changed = runner.photos / "changed.jpg"
        changed.write_bytes(jpeg(photograph(0), quality=10 + number % 90))
        age(changed)
        runner.run()
        assert runner.computed()["compute_stats"] == (13 + 3 if number == 0 else 1)
        gc.collect()
        files = len(list(Path("/proc/self/fd").iterdir()))
        seen.append((resident_bytes(), files, threading.active_count()))
    memory, files, threads = zip(*seen, strict=True)
    if max(files[SETTLED:]) > files[SETTLED] + 2:
        torture.wrong.append(f"open files {files}")
    if max(threads[SETTLED:]) > threads[SETTLED] + 2:
        torture.wrong.append(f"threads {threads}")
    if memory[-1] - memory[SETTLED] > GROWTH_BYTES * (runs - 1 - SETTLED):
        torture.wrong.append(f"memory {memory}")
    first, last = (f"{memory[at] // 10**6} MB, {files[at]} files" for at in (SETTLED, -1))
    torture.found("runs in one process", f"{runs}: {first} after {SETTLED + 1}, {last} at the end")


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
        rest = size_of(out) - size_of(store)
        files = sum(path.is_file() for path in out.rglob("*"))
        seen.append(
            {"store": sum(sizes.values()), "server": database, "rest": rest, "files": files}
        )
    settled, last = seen[10], seen[-1]
    for name in ("store", "server", "rest"):
        if last[name] - settled[name] > OF_A_RUN * (runs - 11) + 200_000:
            torture.wrong.append(f"{name} {[one[name] for one in seen]}")
    told = "; ".join(
        f"{one['store'] / 10**6:.1f} MB of store, {one['server'] / 10**6:.1f} of the server's home, "
        f"{one['rest'] / 10**6:.1f} of results, {one['files']} files"
        for one in (settled, last)
    )
    torture.found("monitored runs on one work dir", f"{runs}; after 11 and at the end: {told}")
