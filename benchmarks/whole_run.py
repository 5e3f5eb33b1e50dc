"""Whole runs, from the command to the report on disk, beside the peer's on the same files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.edited_pictures import edited_files
from benchmarks.imgvet_run import run_imgvet
from benchmarks.peer import peer_python, run_peer
from benchmarks.pictures import photographs, picture_set
from benchmarks.process import Finished
from benchmarks.rows import Row, at_most, only
from benchmarks.settings import Settings

FEW, MANY, DISTINCT, EDITED, QUICK = 10, 1_000, 400, 300, 3
FEW_SECONDS, FEW_PROCESSOR_SECONDS = 5.5, 7.0
SHARE_OF_MANY, SHARE_OF_EDITED = 0.7, 0.33


@dataclass(frozen=True)
class Pair:
    """Two runs, one after the other."""

    ours: Finished
    peers: Finished | None


def whole_run(settings: Settings) -> list[Row]:
    """Time and memory of whole runs, imgvet and peer in turn."""
    few, many = settings.size(FEW, QUICK), settings.size(MANY, 10 * QUICK)
    what, pairs = f"{few} photos", _pairs(settings, picture_set(settings, few))
    busy = median(pair.ours.processor_seconds for pair in pairs)
    rows = [
        at_most(what, median(pair.ours.seconds for pair in pairs), FEW_SECONDS, " s"),
        at_most(f"{what}: processor time", busy, FEW_PROCESSOR_SECONDS, " s"),
        *_beside_peer(what, pairs),
    ]
    for what, folder, share in (
        (f"{many:,} photos of 500x375", picture_set(settings, many), SHARE_OF_MANY),
        ("photos and 17 edits of some", _with_edits(settings), SHARE_OF_EDITED),
    ):
        pairs = _pairs(settings, folder)
        peak = max(pair.ours.peak_bytes for pair in pairs)
        rows += [
            only(what, median(pair.ours.seconds for pair in pairs), " s"),
            only(f"{what}: peak memory", peak / 1e9, " GB"),
            *_beside_peer(what, pairs, share),
        ]
    return rows


def _with_edits(settings: Settings) -> Path:
    """Parts of photographs, and photographs with their edits: 5,800 pictures."""
    parts = picture_set(settings, settings.size(DISTINCT, QUICK))
    photos = photographs(settings.photos)[: settings.size(EDITED, QUICK)]
    folder = parts.with_name(f"{parts.name}-and-{len(photos)}-edited")
    if not folder.is_dir():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(parts, unfinished / "parts")
        edited_files(photos, unfinished / "edited")
        unfinished.rename(folder)
    return folder


def _pairs(settings: Settings, pictures: Path) -> list[Pair]:
    interpreter, pairs = peer_python(settings), []
    for _ in range(settings.size(settings.repeats, 1)):
        with settings.scratch() as scratch:
            ours = run_imgvet(pictures, scratch / "imgvet")
            peers = run_peer(interpreter, pictures, scratch, settings) if interpreter else None
            pairs.append(Pair(ours, peers))
    return pairs


def _beside_peer(what: str, pairs: list[Pair], limit: float | None = None) -> Iterator[Row]:
    both = [(pair.ours, pair.peers) for pair in pairs if pair.peers is not None]
    if not both:
        return
    share = median(ours.seconds / peers.seconds for ours, peers in both)
    name = f"{what}: share of fastdup's time"
    yield only(f"{what}: fastdup", median(peers.seconds for _, peers in both), " s")
    yield only(f"{what}: fastdup's peak memory", max(p.peak_bytes for _, p in both) / 1e9, " GB")
    yield only(name, share) if limit is None else at_most(name, share, limit)
