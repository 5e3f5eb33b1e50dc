"""The nearest neighbours of a million vectors: time, memory, recall, in a process of its own."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import cores
from benchmarks.process import run
from benchmarks.recall import edited_vectors
from benchmarks.rows import Row, at_least, at_most
from benchmarks.settings import Settings
from benchmarks.synthetic_vectors import draw, model_of
from imgvet.options import NeighborOptions
from imgvet.similarity.neighbors import find_neighbors

COUNT, QUICK_COUNT = 1_000_000, 5_000
MINUTES, GIGABYTES, RECALL = 5.0, 8.0, 0.98


def neighbors(settings: Settings) -> list[Row]:
    """Two neighbours of each of a million vectors, with the default options."""
    count = settings.size(COUNT, QUICK_COUNT)
    with settings.scratch() as scratch:
        vectors = scratch / "vectors.npy"
        np.save(vectors, draw(model_of(edited_vectors(settings)), count))
        return _rows_of(NeighborOptions().nnf_mode, count, vectors)


def _rows_of(mode: str, count: int, vectors: Path) -> list[Row]:
    result = vectors.with_name("result.json")
    command = [sys.executable, "-m", "benchmarks.neighbors", str(vectors), str(result), mode]
    finished = run(command, {}, vectors.with_name("log"))
    found = json.loads(result.read_text(encoding="utf-8"))
    what = f"neighbours of {count:,} x {found['width']}, k=2, {mode}"
    return [
        at_most(f"{what}: time", found["seconds"] / 60, MINUTES, " min"),
        at_most(f"{what}: peak memory", finished.peak_bytes / 1e9, GIGABYTES, " GB"),
        at_least(f"{what}: recall", found["recall"], RECALL),
    ]


def main() -> None:
    """Find the neighbours of the vectors in one file; write time and recall to another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("mode")
    arguments = parser.parse_args()
    vectors = np.load(arguments.vectors)
    options = NeighborOptions(nearest_neighbors_k=2, nnf_mode=arguments.mode)
    started = time.perf_counter()
    found = find_neighbors(vectors, options, cores())
    seconds = time.perf_counter() - started
    content = {"seconds": seconds, "recall": found.recall, "width": vectors.shape[1]}
    arguments.result.write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    main()
