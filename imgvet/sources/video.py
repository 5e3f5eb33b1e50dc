"""Videos as inputs: wanted frames are decoded once, as JPEG into the store, and read like members.

Decoded with OpenCV and the FFmpeg in it, in one pass from start to end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2

from imgvet.images.decode import silence_decoders
from imgvet.images.isolation import each_isolated, renew_limits
from imgvet.options import VideoOptions
from imgvet.reasons import Failure, Reason
from imgvet.sources.containers import FILE_ITSELF, Container, Containers, Member, Parts
from imgvet.sources.kinds import split_ending
from imgvet.workdir import draft_in

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]

FRAMES_VERSION = 3
"""Raised when other frames are chosen, or they are stored or judged in another way."""

MOST_FRAMES = 1_000_000
"""Kept of one video: eleven days at one a second."""

_KEY_FRAME = ord("I")
_LEAST_SHARE = 0.9
"""A video of whose stated frames fewer than this share can be decoded is damaged; containers
often state a number that is estimated from the duration."""


Frame = tuple[int, bytes]
"""One frame: its presentation time in milliseconds from the start of the video, and a JPEG."""


def jpeg_frames(
    path: Path, options: VideoOptions, after_ms: int = -1, threads: int = 1
) -> Iterator[Frame | Failure]:
    """The wanted frames in order of time; a failure, if there is one, comes last.

    Time is cut into pieces of ``1 / video_fps`` seconds, and the first frame of each piece that
    has one is wanted; with ``video_keyframes_only`` the first keyframe. Frames up to ``after_ms``
    are passed over. ``threads`` are those of the decoder.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # It writes to standard error.
    silence_decoders()
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
        renew_limits()
        time_ms = _time_of(capture, grabbed, rate)
        grabbed += 1
        current = int(time_ms * options.video_fps / 1000 + 1e-9)
        if current <= piece or time_ms <= last_ms:
            continue
        if options.video_keyframes_only and capture.get(cv2.CAP_PROP_FRAME_TYPE) != _KEY_FRAME:
            continue
        if time_ms > after_ms:
            decoded, pixels = capture.retrieve()
            if not decoded:
                continue  # The next frame of the piece takes its place.
            done, jpeg = cv2.imencode(".jpg", pixels, _JPEG)
            if not done:
                raise ValueError(f"a frame of shape {pixels.shape} can't be encoded")
            yield time_ms, jpeg.tobytes()
        piece, last_ms = current, time_ms
    stated = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    if piece < 0:
        yield Failure(Reason.VIDEO_DAMAGED, "no frame can be decoded")
    elif grabbed < _LEAST_SHARE * stated:
        yield Failure(
            Reason.VIDEO_DAMAGED, f"ends after {grabbed} of {int(stated)} frames; those are kept"
        )


def _time_of(capture: cv2.VideoCapture, number: int, rate: float) -> int:
    """Time of the frame just grabbed; of streams without times it follows from the frame rate."""
    time_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
    if time_ms <= 0 and number and rate > 0:
        time_ms = 1000 * number / rate
    return max(0, round(time_ms))


class Videos(Containers):
    """Videos of which the wanted frames lie in ``store/frames``, named by their milliseconds."""

    def __init__(self, store: Path, options: VideoOptions, threads: int = 1) -> None:
        super().__init__(store, f"{FRAMES_VERSION} {options.model_dump_json()}")
        self._options, self._threads = options, threads

    def place(self, path: str, name: str) -> dict[str, Any]:  # noqa: ARG002
        """The time of a frame."""
        return {"time_ms": int(name) if name else None}

    def prepare_member(self, archive: Path, name: str, read: Callable[[], bytes | Failure]) -> int:
        """As :meth:`prepare`, of a video in an archive; ``read`` gives its bytes.

        FFmpeg needs a file, which is there only while the video is decoded.
        """
        container = self.find(archive, name)

        def open_up() -> list[Member] | Failure:
            data = read()
            if isinstance(data, Failure):
                return data
            self._store.mkdir(parents=True, exist_ok=True)
            with draft_in(self._store) as folder:
                film = Path(folder, f"film{split_ending(name)[1]}")
                film.write_bytes(data)
                return self.open_up(replace(container, path=str(film)))

        return self.prepared(container, open_up)

    def open_up(self, container: Container) -> list[Member]:
        """Decode a video."""
        parts = Parts(container)
        after_ms = int(parts.members[-1].name) if parts.members else -1
        damage: list[Member] = []
        inputs = (Path(container.path), self._options, after_ms, self._threads)
        for frame in each_isolated(jpeg_frames, *inputs):
            if isinstance(frame, Failure):
                damage.append(Member(FILE_ITSELF, status=frame.reason, detail=frame.detail))
                break
            if len(parts.members) == MOST_FRAMES:
                detail = f"it has more than {MOST_FRAMES}; so many are kept"
                damage.append(Member(FILE_ITSELF, status=Reason.TOO_LARGE, detail=detail))
                break
            time_ms, jpeg = frame
            parts.add(Member(str(time_ms), size=len(jpeg)), jpeg)
            if parts.full:
                parts.close_part()
        parts.close_part()
        return parts.members + damage
