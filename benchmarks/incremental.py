"""Runs after the first one: unchanged, 1 % new, 1 % gone, 1 % changed, and more.

One work dir goes through all changes, one after the other; each run is compared with the first. The
pictures are small (64x48), so that making and reading them is not what is measured; embedding
costs the same as for large ones. The start of Prefect is that of an empty flow, run as imgvet runs
its own: a new process, a temporary server with a ready-made database in a folder that it has used
before.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.imgvet_run import run_imgvet
from benchmarks.pictures import SMALL, photographs, picture_set, write_pictures
from benchmarks.process import Finished, run
from benchmarks.rows import Row, at_most, only
from benchmarks.settings import Settings

COUNT, QUICK_COUNT = 20_000, 100
CHANGED_SHARE = 0.01
UNCHANGED_SECONDS, SHARE_OF_FIRST = 3.0, 0.15
_EMPTY_FLOW = """
import sys
from pathlib import Path
from imgvet.engine.server import QUIET, TemporaryServer, environment
server = TemporaryServer(Path(sys.argv[1]))
with environment({**QUIET, "PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_HOME": sys.argv[1]}):
    server.start()
    import prefect
    from prefect.settings import PREFECT_API_URL, temporary_settings
    server.wait()
    with temporary_settings({PREFECT_API_URL: server.url}):
        prefect.flow(lambda: None, name="empty")()
    server.stop()
"""


def incremental(settings: Settings) -> list[Row]:
    """The first run, and one after each change."""
    count = settings.size(COUNT, QUICK_COUNT)
    made = picture_set(settings, count, SMALL)
    with settings.scratch() as scratch:
        pictures, work = scratch / "pictures", scratch / "imgvet"
        shutil.copytree(made, pictures)
        first = run_imgvet(pictures, work)
        starts = [_empty_flow(scratch) for _ in range(settings.size(3, 1))]
        later = [
            (what, run_imgvet(folder, work, *options))
            for what, folder, options in _changes(settings, count, pictures)
        ]
    # The first start had to make the database; those of imgvet's later runs do not.
    start = median(starts[1:] or starts)
    size = f"{count:,} images"
    rows = [
        only(f"{size}: first run", first.seconds, " s"),
        only(f"{size}: first run, processor time", first.processor_seconds, " s"),
        only("an empty Prefect flow", start, " s"),
    ]
    for what, finished in later:
        rows += _rows_of(f"{size}: {what}", finished, first, start)
    return rows


def _rows_of(what: str, finished: Finished, first: Finished, start: float) -> Iterator[Row]:
    yield only(what, finished.seconds, " s")
    share = finished.processor_seconds / first.processor_seconds
    yield only(f"{what}, share of the first run's processor time", share)
    if what.endswith("nothing changed"):
        beyond = finished.seconds - start
        yield at_most(f"{what}, beyond an empty flow", beyond, UNCHANGED_SECONDS, " s")
    elif "%" in what:
        of_first = finished.seconds / first.seconds
        yield at_most(f"{what}, share of the first run", of_first, SHARE_OF_FIRST)


def _changes(
    settings: Settings, count: int, pictures: Path
) -> Iterator[tuple[str, Path, tuple[str, ...]]]:
    """Make one change after the other: what it is, the folder to vet, and options."""
    few = max(1, round(count * CHANGED_SHARE))
    photos, percent = photographs(settings.photos), f"{CHANGED_SHARE:.0%}"
    yield "nothing changed", pictures, ()
    write_pictures(photos, range(count, count + few), SMALL, pictures)
    yield f"{percent} new", pictures, ()
    files = sorted(pictures.rglob("*.jpg"))
    for path in files[:: count // few][:few]:
        path.unlink()
    yield f"{percent} deleted", pictures, ()
    files = sorted(pictures.rglob("*.jpg"))
    for path, other in zip(files[:few], files[-few:], strict=True):
        path.write_bytes(other.read_bytes() + b"changed")
    yield f"{percent} changed in place", pictures, ()
    renamed = pictures.rename(pictures.with_name("renamed"))
    yield "folder renamed", renamed, ()
    yield "advanced stats switched on", renamed, ("--run-advanced-stats",)
    yield "another model", renamed, ("--high-accuracy",)


def _empty_flow(scratch: Path) -> float:
    command = [sys.executable, "-c", _EMPTY_FLOW, str(scratch / "engine")]
    return run(command, {}, scratch / "empty-flow.log").seconds
