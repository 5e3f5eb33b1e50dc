"""Decoders with planted faults: what the end of a file asks for happens to the process."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from imgvet.images.decode import decode
from imgvet.images.measure import Measured, measured_content
from imgvet.images.picture import Picture
from imgvet.options import VideoOptions
from imgvet.reasons import Failure
from imgvet.sources.video import jpeg_frames

FAULTS = {
    b"segfault": lambda: ctypes.string_at(0),
    b"abort": os.abort,
    b"exit": lambda: os._exit(3),
    b"killed": lambda: os.kill(os.getpid(), signal.SIGKILL),  # as the system does for want of room
    b"spin": lambda: [None for _ in iter(int, 1)],
    b"wait": lambda: time.sleep(1000),
    b"eat": lambda: bytes(1 << 40),
    b"raise": lambda: 1 / 0,
}
"""What may stand behind a picture, where its decoder stumbles."""


def _stumble(data: bytes) -> None:
    for fault, happens in FAULTS.items():
        if data.endswith(fault):
            happens()


def planted_content(data: bytes) -> Measured:
    """As measured_content, with the faults."""
    _stumble(data)
    return measured_content(data)


def planted_decode(data: bytes, *, full_size: bool = False) -> Picture | Failure:
    """As decode, with the faults."""
    _stumble(data)
    return decode(data, full_size=full_size)


def planted_frames(
    path: Path, options: VideoOptions, after_ms: int, threads: int
) -> Iterator[tuple[int, bytes] | Failure]:
    """As jpeg_frames, with the faults after two frames."""
    for number, frame in enumerate(jpeg_frames(path, options, after_ms, threads)):
        if number == 2:
            _stumble(path.read_bytes())
        yield frame


def numbers(count: int) -> Iterator[int]:
    """So many numbers."""
    yield from range(count)
