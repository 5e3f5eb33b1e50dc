"""Memory, processor time and disk of a whole run, with its server, over the number of images."""

from __future__ import annotations

import numpy as np

from benchmarks.imgvet_run import run_imgvet, stage_seconds
from benchmarks.pictures import SMALL, picture_set
from benchmarks.rows import Row, at_most, only
from benchmarks.settings import Settings
from imgvet.models.model import builtin_model

COUNTS, QUICK_COUNTS, FULL_COUNT = (2_000, 10_000), (40,), 100_000
LIMIT_BYTES = 2e9


def memory(settings: Settings) -> list[Row]:
    """Peak memory at each size, and how much one more image adds."""
    counts = list(QUICK_COUNTS if settings.quick else COUNTS)
    if settings.full:
        counts.append(FULL_COUNT)
    measured = [_measured(settings, count) for count in counts]
    rows = [row for rows, _ in measured for row in rows]
    return rows if settings.quick else rows + _growth(counts, [peak for _, peak in measured])


def _growth(counts: list[int], peaks: list[int]) -> list[Row]:
    """What one more image adds, and where that leads."""
    slope = float(np.polyfit(counts, peaks, 1)[0])
    vector = builtin_model().card.width * 4 / 1024
    at_full = peaks[-1] + slope * (FULL_COUNT - counts[-1])
    how = "measured" if counts[-1] == FULL_COUNT else "by that slope"
    return [
        only(f"peak memory, per image (its vector is {vector:g} KiB)", slope / 1024, " KiB"),
        at_most(
            f"peak memory, {FULL_COUNT:,} images, {how}", at_full / 1e9, LIMIT_BYTES / 1e9, " GB"
        ),
    ]


def _measured(settings: Settings, count: int) -> tuple[list[Row], int]:
    """What a run on so many images needs, and its peak memory in bytes."""
    pictures = picture_set(settings, count, SMALL)
    with settings.scratch() as scratch:
        run = run_imgvet(pictures, scratch / "imgvet")
        # A file may have several names in a work dir; its blocks count once.
        states = {file.stat().st_ino: file.stat() for file in scratch.rglob("*") if file.is_file()}
        disk = sum(state.st_blocks * 512 for state in states.values())
        stages = stage_seconds(scratch / "imgvet")
    rows = [
        only(f"peak memory, {count:,} images", run.peak_bytes / 1e9, " GB"),
        only(f"whole run, {count:,} images", run.seconds, " s"),
        only(f"processor time, {count:,} images", run.processor_seconds, " s"),
        only(f"disk, {count:,} images", disk / 1e9, " GB"),
    ]
    long = {stage: seconds for stage, seconds in stages.items() if seconds >= run.seconds / 50}
    rows += [only(f"{stage}, {count:,} images", seconds, " s") for stage, seconds in long.items()]
    return rows, run.peak_bytes
