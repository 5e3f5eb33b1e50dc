"""How fast many pictures are looked up among a million: made-up embeddings, exact and by the index.

python -m benchmarks.look_up [--vectors 1000000] [--queries 1000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from imgvet.search.index import SearchIndex
from imgvet.similarity.distances import Metric
from imgvet.similarity.search import nearest_among

WIDTH, CLUSTERS, BLOCK, NOISE = 384, 2000, 50_000, 0.01
Result = TypeVar("Result")


def main() -> None:
    """Print how long the index takes to be made and asked, and how often it finds the nearest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(options.vectors, options.queries, Path(folder))


def measure(count: int, asked: int, folder: Path) -> None:
    """The same for so many vectors and queries, each a stored vector and a little noise."""
    vectors = _made_up(count, folder / "vectors.npy")
    random = np.random.default_rng(1)
    noise = random.normal(size=(asked, WIDTH)).astype(np.float32)
    queries = vectors[random.integers(0, count, asked)] + NOISE * noise
    kept = folder / "whole-index.faiss"
    items = pd.DataFrame({"id": range(count), "embedding_row": range(count)})
    made = partial(SearchIndex, vectors, items, Metric(), kept)
    _timed("index made", lambda: made().nearest_rows(queries[:1], 1))
    search = _timed("opened again", made)
    search.nearest_rows(queries, 1)
    rows, _ = _timed(f"{asked} pictures", lambda: search.nearest_rows(queries, 1), asked)
    alone = queries[: min(asked, 50)]
    _timed(
        "one at a time", lambda: [search.nearest_rows(one[None], 1) for one in alone], len(alone)
    )
    space = search._space  # noqa: SLF001 - what it compares exactly
    few = np.arange(min(asked, 200))
    true = [int(np.argmax(space.data @ (one / np.linalg.norm(one)))) for one in queries[few]]
    share = np.mean(rows[few, 0] == np.array(true))
    print(f"the nearest is found for {share:.1%} of {len(few)}")
    _timed("exact, all at once", lambda: nearest_among(space, space.data, few, 1), len(few))


def _made_up(count: int, path: Path) -> np.ndarray:
    random = np.random.default_rng(0)
    centres = random.normal(size=(CLUSTERS, WIDTH)).astype(np.float32)
    vectors = np.lib.format.open_memmap(path, "w+", np.float32, (count, WIDTH))
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        noise = random.normal(size=(size, WIDTH)).astype(np.float32)
        part = centres[random.integers(0, CLUSTERS, size)] + 0.8 * noise
        vectors[start : start + size] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return np.load(path, mmap_mode="r")


def _timed(what: str, do: Callable[[], Result], parts: int = 1) -> Result:
    wall, processor = time.perf_counter(), time.process_time()
    result = do()
    taken = (time.process_time() - processor, time.perf_counter() - wall)
    each = "" if parts == 1 else f", {1000 * taken[0] / parts:.2f} ms each"
    print(f"{what}: {taken[0]:.2f} s of processor time ({taken[1]:.2f} s){each}", flush=True)
    return result


if __name__ == "__main__":
    main()
