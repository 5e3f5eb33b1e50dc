"""The stages of a run as plain functions: read, measure, embed; without Prefect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import cores
from imgvet.embedding.compute import collect_embeddings, embed, thumbnail_reader
from imgvet.measures.compute_stats import measure_files
from imgvet.models.model import Model
from imgvet.options import VideoOptions
from imgvet.store.files import FileToRead
from imgvet.store.packs import DIGEST, PACK_ITEMS, THUMBNAIL_PLACE, places_in
from imgvet.store.store import Store
from imgvet.workdir import WorkDir


def measure_and_embed(
    paths: Sequence[Path], work_dir: Path, model: Model
) -> tuple[list[str], NDArray[np.float32]]:
    """Read, measure and embed files into the store of a work dir, shard by shard.

    Returns:
        the content digest of each file, and its embedding, float32 (files, width).

    Raises:
        ValueError: a file is no valid picture.
    """
    store = Store(WorkDir(work_dir))
    digests: list[str] = []
    for start in range(0, len(paths), PACK_ITEMS):
        part = paths[start : start + PACK_ITEMS]
        files = [
            FileToRead(start + row, str(path), path.stat().st_size, None)
            for row, path in enumerate(part)
        ]
        reads = measure_files(files, store, VideoOptions(), cores())
        digests += reads[DIGEST].to_pylist()
    measured = store.measures.read(["status", DIGEST, *THUMBNAIL_PLACE])
    if set(measured["status"].to_pylist()) != {"ok"}:
        raise ValueError("a file is no valid picture")
    places = places_in(measured)
    read = thumbnail_reader(places, store)
    for start in range(0, len(places), PACK_ITEMS):
        held = [place.digest for place in places[start : start + PACK_ITEMS]]
        embed(held, read, store, model, threads=cores())
    packs = store.embeddings(model.card.sha256)
    return digests, collect_embeddings(digests_once(digests), packs, model.card.width)[
        rows_of(digests)
    ]


def digests_once(digests: Sequence[str]) -> list[str]:
    """Each digest once, in order of its first appearance."""
    return list(dict.fromkeys(digests))


def rows_of(digests: Sequence[str]) -> list[int]:
    """For each digest its row among the digests once."""
    row = {digest: number for number, digest in enumerate(digests_once(digests))}
    return [row[digest] for digest in digests]
