"""The steady rate of the work on pictures, without anything that a run does once.

Ours: the shard functions of the stages compute_stats and embed, one after the other, on as many
threads as there are cores, after a first shard to warm up. The peer's: the difference in pictures
of two whole runs on sets of different size, divided by the difference of their times, so that what
it does once cancels out.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from benchmarks.peer import peer_python, run_peer
from benchmarks.pictures import picture_set
from benchmarks.rows import Row, at_least, only
from benchmarks.settings import Settings
from benchmarks.stages import measure_and_embed
from imgvet.models.model import Model, builtin_model

COUNTS, QUICK_COUNTS = (1000, 4000), (20, 60)
TIMES_TO_MEET = 5.0


def steady(settings: Settings) -> list[Row]:
    """Pictures a second, ours beside the peer's."""
    few, many = QUICK_COUNTS if settings.quick else COUNTS
    small, large = picture_set(settings, few), picture_set(settings, many)
    model = builtin_model()
    interpreter = peer_python(settings)
    rates, ratios, peers = [], [], []
    for _ in range(settings.size(settings.repeats, 1)):
        rates.append(_our_rate(small, large, model, settings))
        if interpreter is not None:
            peers.append(_peer_rate(interpreter, small, large, settings))
            ratios.append(rates[-1] / peers[-1])
    what = "steady images/s (stats, thumbnails, embedding)"
    rows = [only(what, median(rates))]
    if peers:
        rows += [
            only(f"{what}: fastdup", median(peers)),
            at_least(f"{what}: ratio to fastdup", median(ratios), TIMES_TO_MEET, " x"),
        ]
    return rows


def _our_rate(small: Path, large: Path, model: Model, settings: Settings) -> float:
    warm, timed = files_of(small), files_of(large)
    with settings.scratch() as scratch:
        measure_and_embed(warm, scratch / "warm", model)
        started = time.perf_counter()
        measure_and_embed(timed, scratch / "timed", model)
        return len(timed) / (time.perf_counter() - started)


def _peer_rate(interpreter: Path, small: Path, large: Path, settings: Settings) -> float:
    seconds = []
    for pictures in (small, large):
        with settings.scratch() as scratch:
            seconds.append(run_peer(interpreter, pictures, scratch, settings).seconds)
    return (len(files_of(large)) - len(files_of(small))) / (seconds[1] - seconds[0])


def files_of(folder: Path) -> list[Path]:
    """The pictures of a set, by name."""
    return sorted(folder.rglob("*.jpg"))
