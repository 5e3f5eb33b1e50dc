"""Reading ahead: in order, many at a time, within bounds."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2
import faiss
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.options import NeighborOptions
from imgvet.similarity.neighbors import find_neighbors
from imgvet.threads import in_threads, library_threads, read_ahead


class Gauge:
    """Counts what is held between the start of reading and the use of the result."""

    def __init__(self) -> None:
        self.lock, self.held, self.most = threading.Lock(), 0, 0

    def add(self, amount: int) -> None:
        with self.lock:
            self.held += amount
            self.most = max(self.most, self.held)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 300), max_size=40),
    st.integers(1, 6),
    st.integers(1, 400),
)
def test_results_come_in_order_within_the_bytes_allowed(
    sizes: list[int], workers: int, max_bytes: int
) -> None:
    gauge = Gauge()

    def read(size: int) -> int:
        gauge.add(size)
        time.sleep(random.random() / 2000)
        return size

    got = []
    for size in read_ahead(
        sizes, read, workers=workers, max_bytes=max_bytes, size_of=lambda size: size
    ):
        got.append(size)
        gauge.add(-size)
    assert got == sizes
    assert gauge.most <= max(max_bytes, *sizes, 0)


def test_many_are_read_at_a_time_and_few_are_taken_ahead() -> None:
    together = threading.Barrier(8, timeout=5)
    taken = []

    def items() -> Iterator[int]:
        for number in range(80):
            taken.append(number)
            yield number

    def read(number: int) -> int:
        together.wait()
        return number

    for number in read_ahead(items(), read, workers=8, size_of=lambda _: 0):
        assert len(taken) <= number + 2 * 8 + 1
    assert len(taken) == 80


def test_an_item_of_unknown_size_counts() -> None:
    gauge = Gauge()

    def read(number: int) -> int:
        gauge.add(1)
        return number

    for _ in read_ahead(range(20), read, workers=8, max_bytes=2 * 8 * 1024 * 1024):
        gauge.add(-1)
    assert gauge.most == 2


def test_an_error_is_raised_at_its_turn_and_stops_the_reading() -> None:
    started = []

    def read(number: int) -> int:
        started.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    reading = read_ahead(range(1000), read, workers=2, size_of=lambda _: 0)
    assert [next(reading), next(reading), next(reading)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(reading)
    assert len(started) < 20


def test_stopping_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    reading = read_ahead(range(1000), lambda number: number, workers=4)
    assert next(reading) == 0
    reading.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_opencv_keeps_to_the_threads_that_call_it_and_is_left_as_it_was() -> None:
    cv2.setNumThreads(3)
    assert list(in_threads(lambda _: cv2.getNumThreads(), range(4), 2)) == [1, 1, 1, 1]
    assert cv2.getNumThreads() == 3
    for _ in in_threads(str, range(4), 2):
        break  # closed in the middle
    assert cv2.getNumThreads() == 3


def test_libraries_keep_to_so_many_threads_and_get_their_own_back():
    def numbers() -> list[object]:
        environment = [os.environ.get(f"{name}_NUM_THREADS") for name in ("OMP", "OPENBLAS")]
        (blas,) = map(ctypes.CDLL, Path(np.__file__).parents[1].glob("numpy.libs/*openblas*"))
        limits = (cv2.getNumThreads(), pa.cpu_count(), faiss.omp_get_max_threads())
        return [*limits, blas.scipy_openblas_get_num_threads64_(), *environment]

    before = numbers()
    with library_threads(1):
        assert numbers() == [1, 1, 1, 1, "1", "1"]
        assert list(in_threads(lambda _: cv2.getNumThreads(), range(3), 2)) == [1, 1, 1]
    assert numbers() == before


def test_runs_of_two_threads_may_end_in_the_order_in_which_they_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    first, second = ExitStack(), ExitStack()
    for stack in (first, second):
        stack.enter_context(library_threads(cv2.getNumThreads()))
    first.close()
    second.close()


def test_a_library_that_is_imported_later_is_told_too():
    code = (
        "from imgvet.threads import library_threads\n"
        "with library_threads(1):\n"
        "    import faiss\n"
        "    print(faiss.omp_get_max_threads())\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert printed.stdout == b"1\n"


def test_a_process_forked_after_a_search_in_threads_searches_too() -> None:
    vectors = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    search = partial(find_neighbors, vectors, NeighborOptions(), 2)
    rows = search().rows
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert np.array_equal(pool.apply_async(search).get(timeout=20).rows, rows)
