"""Decode the frames of a video that are to be looked at, in one pass from start to end.

With OpenCV and the FFmpeg in it. Frames between those that are wanted are decoded, which other
frames need, but neither converted nor kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imgvet.images.decoders import silence_decoders
from imgvet.options import VideoOptions
from imgvet.reasons import Failure, Reason

_KEY_FRAME = ord("I")
_LEAST_SHARE = 0.9
"""A video of whose stated frames fewer than this share can be decoded is damaged; containers
often state a number that is estimated from the duration."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame.

    Attributes:
        time_ms: presentation time from the start of the video, in milliseconds.
        pixels: blue, green, red; uint8, shape (h, w, 3); as shown, rotation applied.
    """

    time_ms: int
    pixels: NDArray[np.uint8]


def read_frames(
    path: Path, options: VideoOptions, after_ms: int = -1, threads: int = 1
) -> Iterator[Frame | Failure]:
    """The wanted frames in order of time; a failure, if there is one, comes last.

    Time is cut into pieces of ``1 / video_fps`` seconds, and the first frame of each piece that
    has one is wanted; with ``video_keyframes_only`` the first keyframe.

    Args:
        path: the video.
        options: which frames are wanted.
        after_ms: frames up to this time are passed over, as they are known already.
        threads: threads of the decoder.
    """
    try:
        size = path.stat().st_size
        path.open("rb").close()
    except OSError as error:
        reason = Reason.MISSING if isinstance(error, FileNotFoundError) else Reason.UNREADABLE
        yield Failure(reason, error.strerror or str(error))
        return
    if size == 0:
        yield Failure(Reason.EMPTY_FILE, "0 bytes")
        return
    _silence()
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    try:
        if not capture.isOpened():
            yield Failure(Reason.VIDEO_DAMAGED, "FFmpeg finds no video in it that it can decode")
            return
        yield from _wanted(capture, options, after_ms)
    finally:
        capture.release()


def _wanted(
    capture: cv2.VideoCapture, options: VideoOptions, after_ms: int
) -> Iterator[Frame | Failure]:
    rate = capture.get(cv2.CAP_PROP_FPS)
    piece, grabbed, last_ms = -1, 0, -1
    while capture.grab():
        time_ms = _time_of(capture, grabbed, rate)
        grabbed += 1
        current = int(time_ms * options.video_fps / 1000 + 1e-9)
        if current <= piece or time_ms <= last_ms:
            continue
        if options.video_keyframes_only and not _is_key_frame(capture):
            continue
        if time_ms > after_ms:
            decoded, pixels = capture.retrieve()
            if not decoded:
                continue  # The next frame of the piece takes its place.
            yield Frame(time_ms, np.asarray(pixels, dtype=np.uint8))
        piece, last_ms = current, time_ms
    if piece < 0:
        yield Failure(Reason.VIDEO_DAMAGED, "no frame can be decoded")
        return
    stated = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    if grabbed < _LEAST_SHARE * stated:
        yield Failure(
            Reason.VIDEO_DAMAGED, f"ends after {grabbed} of {int(stated)} frames; those are kept"
        )


def _time_of(capture: cv2.VideoCapture, number: int, rate: float) -> int:
    """Time of the frame just grabbed; of streams without times it follows from the frame rate."""
    time_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
    if time_ms <= 0 and number and rate > 0:
        time_ms = 1000 * number / rate
    return max(0, round(time_ms))


def _is_key_frame(capture: cv2.VideoCapture) -> bool:
    return int(capture.get(cv2.CAP_PROP_FRAME_TYPE)) == _KEY_FRAME


@cache
def _silence() -> None:
    """Keep FFmpeg from writing to standard error; OpenCV takes its level from the environment."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    silence_decoders()
