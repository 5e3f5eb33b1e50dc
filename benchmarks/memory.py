"""Peak memory of a run, with its Prefect server, over the number of images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.imgvet_run import run_imgvet
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
    peaks = list(_peaks(settings, counts))
    rows = [
        only(f"peak memory, {count:,} images", peak / 1e9, " GB")
        for count, peak in zip(counts, peaks, strict=True)
    ]
    return rows if settings.quick else rows + _growth(counts, peaks)


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


def _peaks(settings: Settings, counts: list[int]) -> Iterator[int]:
    for count in counts:
        pictures = picture_set(settings, count, SMALL)
        with settings.scratch() as scratch:
            yield run_imgvet(pictures, scratch / "imgvet").peak_bytes
