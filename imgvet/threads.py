"""Do things to many items in threads, the results in order.

Computing takes a few threads, as decoding, OpenCV and ONNX Runtime release the GIL; waiting for a
network takes many, with bounded memory.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pyarrow as pa

from imgvet.environment import environment

Item = TypeVar("Item")
Result = TypeVar("Result")

READ_WORKERS = 32
"""Objects read at a time: the waiting is for the network, so this does not depend on cores."""
MAX_BYTES, UNKNOWN_BYTES = 256 * 1024 * 1024, 8 * 1024 * 1024
"""Bytes read ahead at most, and what an item of unknown size is taken for."""

_IMPORTED_BY = os.getpid()


def in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """The results of ``function`` for each item, in order.

    When it is interrupted, items that no thread has begun are not computed.
    """
    with one_thread_of_opencv(), ThreadPoolExecutor(threads) as pool:
        try:
            yield from pool.map(function, items)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def library_threads(threads: int) -> Iterator[None]:
    """Keep OpenCV, Arrow, FAISS and NumPy's OpenBLAS to so many threads of their own.

    What is imported later, and child processes, are told by environment variables.
    """
    before = [(limit, limit(threads)) for limit in (_opencv, _arrow, _faiss, _openblas)]
    try:
        with environment(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))):
            yield
    finally:
        for limit, number in before:
            limit(number)


def _opencv(threads: int) -> int:
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    return before


def _arrow(threads: int) -> int:
    before = pa.cpu_count()
    pa.set_cpu_count(threads)
    return before


def _faiss(threads: int) -> int:
    if "faiss" not in sys.modules:  # importing it takes a fifth of a second
        return threads
    return threads_of_faiss(threads)


def threads_of_faiss(threads: int) -> int:
    """Let FAISS use so many threads when it is called by this thread; how many it used before.

    In a forked process it is one: OpenMP would wait for the threads of the process it came from.
    """
    import faiss

    before = int(faiss.omp_get_max_threads())
    faiss.omp_set_num_threads(threads if os.getpid() == _IMPORTED_BY else 1)
    return before


def _openblas(threads: int) -> int:
    """Through the library's own functions: its file lies in NumPy's wheel, where it has one."""
    files = Path(np.__file__).parents[1].glob("numpy.libs/*openblas*")
    for library in map(ctypes.CDLL, map(str, files)):
        if not hasattr(library, "scipy_openblas_set_num_threads64_"):
            continue
        before = int(library.scipy_openblas_get_num_threads64_())
        library.scipy_openblas_set_num_threads64_(threads)
        return before
    return threads


@contextmanager
def one_thread_of_opencv() -> Iterator[None]:
    """Keep OpenCV to the thread that calls it: ours are as many as the cores already."""
    before = _opencv(1)
    try:
        yield
    finally:
        _opencv(before)


def read_ahead(
    items: Iterable[Item],
    read: Callable[[Item], Result],
    *,
    workers: int = READ_WORKERS,
    max_bytes: int = MAX_BYTES,
    size_of: Callable[[Item], int | None] = lambda _: None,
) -> Iterator[Result]:
    """Read items ahead in threads and yield what reading them gave, in their order.

    Items are taken as they are needed, so their iterable may be long or slow. An item counts from
    the start of its reading until the one after it is asked for; at most ``2 * workers`` items and
    ``max_bytes`` (by ``size_of``, None if unknown) count at a time, except that a single larger
    item is read alone. What ``read`` raises is raised here at the item's turn, after which nothing
    more is read.
    """
    waiting: deque[tuple[Future[Result], int]] = deque()
    held = 0
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read-ahead")
    try:
        for item in items:
            size = size_of(item)
            weight = UNKNOWN_BYTES if size is None else size
            while waiting and (len(waiting) >= 2 * workers or held + weight > max_bytes):
                yield waiting[0][0].result()
                held -= waiting.popleft()[1]
            waiting.append((pool.submit(read, item), weight))
            held += weight
        while waiting:
            yield waiting[0][0].result()
            waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)
