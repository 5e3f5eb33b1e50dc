"""Listing many items: local files, members of archives, objects; and mirroring objects.

How fast, and in how much memory?

Each step runs in a process of its own, whose memory is what it adds at its peak to what the
program takes once everything is imported.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.archives import ENDINGS, write_archive
from benchmarks.process import high_water_bytes, run
from benchmarks.rows import Row, only
from benchmarks.s3 import filled_bucket
from benchmarks.settings import Settings

COUNTS, QUICK_COUNTS = (100_000, 1_000_000), (1000, 2000)
MEMBERS, QUICK_MEMBERS = 100_000, 1000
OBJECTS, QUICK_OBJECTS = 10_000, 50
MEMBER_BYTES = 2000
PER_FOLDER = 1000
OPEN, LIST, MIRROR = "open", "list", "mirror"


@dataclass(frozen=True)
class Step:
    """What one step needed.

    Attributes:
        items: how many items it dealt with.
        seconds: time on the clock, without the start of the process.
        added_bytes: peak of resident memory beyond that of the imported program.
        table_bytes: size of the table that it made; 0 if it made none.
    """

    items: int
    seconds: float
    added_bytes: int
    table_bytes: int = 0

    @property
    def rate(self) -> float:
        """Items a second."""
        return self.items / self.seconds


def listing(settings: Settings) -> list[Row]:
    """Rates and peak memory of listing each kind of input."""
    counts = QUICK_COUNTS if settings.quick else COUNTS
    files = [_listed_files(settings, count) for count in counts]
    rows = [row for step in files for row in _rows(f"list {step.items:,} files", step)]
    rows += growth(files[0], files[-1])
    rows += _archive_rows(settings, settings.size(MEMBERS, QUICK_MEMBERS))
    return rows + _object_rows(settings, settings.size(OBJECTS, QUICK_OBJECTS))


def _rows(what: str, step: Step) -> list[Row]:
    return [
        only(f"{what}: a second", step.rate),
        only(f"{what}: memory added", step.added_bytes / 1e6, " MB"),
    ]


def growth(few: Step, many: Step) -> list[Row]:
    """What one more file adds to the peak, beside its row of the table."""
    more = many.items - few.items
    return [
        only("list files: memory for one more", (many.added_bytes - few.added_bytes) / more, " B"),
        only("list files: its row in the table", (many.table_bytes - few.table_bytes) / more, " B"),
    ]


def _listed_files(settings: Settings, count: int) -> Step:
    with settings.scratch() as scratch:
        write_files(scratch / "files", count)
        return _checked(_in_new_process(LIST, scratch / "files", scratch), count)


def write_files(folder: Path, count: int) -> None:
    """Files of one byte, a thousand in a folder; the byte is a hole and takes no room on disk."""
    for start in range(0, count, PER_FOLDER):
        part = folder / f"{start // PER_FOLDER:05d}"
        part.mkdir(parents=True)
        for number in range(start, min(start + PER_FOLDER, count)):
            descriptor = os.open(part / f"{number:08d}.jpg", os.O_CREAT | os.O_WRONLY, 0o644)
            os.ftruncate(descriptor, 1)
            os.close(descriptor)


def _archive_rows(settings: Settings, count: int) -> list[Row]:
    rows = []
    for ending in ENDINGS:
        with settings.scratch() as scratch:
            path = scratch / f"a{ending}"
            write_archive(path, _members(count))
            for step in (OPEN, LIST):
                found = _checked(_in_new_process(step, path, scratch), count)
                rows += _rows(f"{step} {ending.removeprefix('.')} of {count:,} members", found)
    return rows


def _members(count: int) -> Iterator[tuple[str, bytes]]:
    """Members of random bytes, which do not shrink, in a hundred nested folders."""
    block = os.urandom(MEMBER_BYTES + count)
    for number in range(count):
        name = f"train/class{number % 100:02d}/{number:07d}.jpg"
        yield name, block[number : number + MEMBER_BYTES]


def _object_rows(settings: Settings, count: int) -> list[Row]:
    objects = ((f"photos/{number // 1000:03}/{number:06}.jpg", b"x") for number in range(count))
    with filled_bucket(objects) as bucket, settings.scratch() as scratch:
        rows = []
        for step in (LIST, MIRROR):
            found = _in_new_process(step, bucket.uri, scratch, bucket.environment)
            rows += _rows(f"{step} {count:,} objects of S3", _checked(found, count))
        return rows


def _checked(step: Step, count: int) -> Step:
    if step.items != count:
        raise RuntimeError(f"{step.items} of {count} items")
    return step


def _in_new_process(
    step: str, source: Path | str, scratch: Path, environment: Mapping[str, str] | None = None
) -> Step:
    result = scratch / "result.json"
    command = [sys.executable, "-m", "benchmarks.listing", step, str(source), str(scratch)]
    run([*command, str(result)], environment or {}, scratch / "log")
    return Step(**json.loads(result.read_text(encoding="utf-8")))


def measured(step: str, source: str, scratch: Path) -> Step:
    """Do one step in this process."""
    from imgvet.options import SourceOptions, VideoOptions
    from imgvet.sources.inputs import list_items, remote_files
    from imgvet.sources.kinds import Kind
    from imgvet.sources.reading import containers_in
    from imgvet.sources.s3_mirror import sync_to_local
    from imgvet.workdir import WorkDir

    work, options = WorkDir(scratch / "work"), SourceOptions(input_dir=(source,))
    if step == OPEN:
        archives = containers_in(work, VideoOptions())[Kind.ARCHIVE]
        return _timed(lambda: (archives.prepare(Path(source)), 0))

    if step == MIRROR:
        objects = (entry for entry, _ in remote_files(source, options))
        return _timed(lambda: (sync_to_local(objects, work.mirror, "benchmark").downloaded, 0))

    def list_all() -> tuple[int, int]:
        table = list_items(options, work)
        return table.num_rows, table.nbytes

    return _timed(list_all)


def _timed(work: Callable[[], tuple[int, int]]) -> Step:
    """Time and memory of work that returns how many items, and the bytes of their table."""
    before, started = high_water_bytes(os.getpid()), time.perf_counter()
    items, table_bytes = work()
    seconds = time.perf_counter() - started
    return Step(items, seconds, high_water_bytes(os.getpid()) - before, table_bytes)


def main() -> None:
    """Do one step and write what it needed to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=(OPEN, LIST, MIRROR))
    parser.add_argument("source")
    parser.add_argument("scratch", type=Path)
    parser.add_argument("result", type=Path)
    arguments = parser.parse_args()
    step = measured(arguments.step, arguments.source, arguments.scratch)
    arguments.result.write_text(json.dumps(vars(step)), encoding="utf-8")


if __name__ == "__main__":
    main()
