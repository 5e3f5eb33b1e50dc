"""Compute over many items with a few threads; decoding, OpenCV and ONNX Runtime release the GIL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """The results of ``function`` for each item, in order.

    When it is interrupted, items that no thread has begun are not computed.

    Args:
        function: computes one item; may be called from several threads at once.
        items: what to compute.
        threads: how many items are computed at a time.
    """
    with ThreadPoolExecutor(threads) as pool:
        try:
            yield from pool.map(function, items)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
