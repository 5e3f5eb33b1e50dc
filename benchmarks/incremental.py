"""A second run with nothing changed, and one with 1 % of new images, beyond the start of Prefect.

The pictures are small (64x48), so that making and reading them is not what is measured; embedding
costs the same as for large ones. The start of Prefect is that of an empty flow, run as imgvet runs
its own: a new process, a temporary server with a ready-made database in a folder that it has used
before.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from statistics import median

from benchmarks.imgvet_run import run_imgvet
from benchmarks.pictures import SMALL, photographs, picture_set, write_pictures
from benchmarks.process import run
from benchmarks.rows import Row, at_most, only
from benchmarks.settings import Settings

COUNT, QUICK_COUNT = 20_000, 100
NEW_SHARE = 0.01
UNCHANGED_SECONDS, NEW_SHARE_OF_FIRST = 3.0, 0.10
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
    """First run, second run, and a run with new pictures."""
    count = settings.size(COUNT, QUICK_COUNT)
    made = picture_set(settings, count, SMALL)
    with settings.scratch() as scratch:
        pictures, work = scratch / "pictures", scratch / "imgvet"
        shutil.copytree(made, pictures)
        first = run_imgvet(pictures, work).seconds
        starts = [_empty_flow(scratch) for _ in range(settings.size(3, 1))]
        second = run_imgvet(pictures, work).seconds
        new = range(count, count + max(1, round(count * NEW_SHARE)))
        write_pictures(photographs(settings.photos), new, SMALL, pictures)
        third = run_imgvet(pictures, work).seconds
    # The first start had to make the database; those of imgvet's later runs do not.
    start = median(starts[1:] or starts)
    what = f"{count:,} images"
    return [
        only(f"{what}: first run", first, " s"),
        only("an empty Prefect flow", start, " s"),
        at_most(f"{what}: nothing changed, beyond that", second - start, UNCHANGED_SECONDS, " s"),
        at_most(f"{what}: {len(new):,} new, beyond that, share of the first run beyond that",
                (third - start) / (first - start), NEW_SHARE_OF_FIRST),
    ]  # fmt: skip


def _empty_flow(scratch: Path) -> float:
    command = [sys.executable, "-c", _EMPTY_FLOW, str(scratch / "engine")]
    return run(command, {}, scratch / "empty-flow.log").seconds
