"""A whole run, from the command to the report on disk, beside the peer's on the same files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.imgvet_run import run_imgvet
from benchmarks.peer import peer_python, run_peer
from benchmarks.pictures import picture_set
from benchmarks.process import Finished
from benchmarks.rows import Row, at_most, only
from benchmarks.settings import Settings

COUNT, QUICK_COUNT = 6100, 60
SHARE_TO_MEET = 0.5


@dataclass(frozen=True)
class Pair:
    """Two runs, one after the other."""

    ours: Finished
    peers: Finished | None


def whole_run(settings: Settings) -> list[Row]:
    """Time and memory of whole runs, imgvet and peer in turn."""
    count = settings.size(COUNT, QUICK_COUNT)
    pairs = list(_pairs(settings, count))
    seconds = median(pair.ours.seconds for pair in pairs)
    what = f"whole run, {count:,} photos of 500x375"
    rows = [
        only(what, seconds, " s"),
        only(f"{what}: images/s", count / seconds),
        only(f"{what}: peak memory", max(pair.ours.peak_bytes for pair in pairs) / 1e9, " GB"),
    ]
    return rows + _beside_peer(what, pairs)


def _pairs(settings: Settings, count: int) -> Iterator[Pair]:
    pictures = picture_set(settings, count)
    interpreter = peer_python(settings)
    for _ in range(settings.size(settings.repeats, 1)):
        with settings.scratch() as scratch:
            ours = run_imgvet(pictures, scratch / "imgvet")
            yield Pair(ours, run_peer(interpreter, pictures, scratch, settings)
                       if interpreter else None)  # fmt: skip


def _beside_peer(what: str, pairs: list[Pair]) -> list[Row]:
    both = [(pair.ours, pair.peers) for pair in pairs if pair.peers is not None]
    if not both:
        return []
    share = median(ours.seconds / peers.seconds for ours, peers in both)
    return [
        only(f"{what}: fastdup", median(peers.seconds for _, peers in both), " s"),
        only(f"{what}: fastdup's peak memory", max(p.peak_bytes for _, p in both) / 1e9, " GB"),
        at_most(f"{what}: share of fastdup's time", share, SHARE_TO_MEET),
    ]
