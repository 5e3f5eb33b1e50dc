"""Videos as inputs: wanted frames are decoded once, as JPEG into the store, and read like members.

Decoded with OpenCV and the FFmpeg in it, in one pass from start to end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, cast

import cv2

from imgvet.images.decode import silence_decoders
from imgvet.images.isolation import each_isolated, renew_limits
from imgvet.images.picture import Pixels
from imgvet.options import VideoOptions
from imgvet.progress import report_progress
from imgvet.reasons import Failure, Reason
from imgvet.sources.containers import FILE_ITSELF, Container, Containers, Member, Parts
from imgvet.sources.kinds import split_ending
from imgvet.workdir import draft_in

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]

FRAMES_VERSION = 4
"""Raised when other frames are chosen, or they are stored or judged in another way."""

MOST_FRAMES = 1_000_000
"""Kept of one video: eleven days at one a second."""

_KEY_FRAME = ord("I")
_LEAST_SHARE = 0.9
"""A video that ends before this share of both its stated frames and its stated time is damaged.
Containers often state a number that is estimated from the time, as if frames came at even times."""
_LEVELS = ("OPENCV_FFMPEG_LOGLEVEL", "OPENCV_FFMPEG_DEBUG")
"""Variables by which FFmpeg falls silent, or speaks elsewhere."""


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
    for name in _LEVELS:
        os.environ.pop(name, None)
    silence_decoders()
    with _complaints() as complained:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        try:
            if capture.isOpened():
                yield from _wanted(_Film(capture, complained), options, after_ms)
            else:
                problem = "FFmpeg finds no video in it that it can decode"
                yield Failure(Reason.VIDEO_DAMAGED, problem)
        finally:
            capture.release()


@contextmanager
def _complaints() -> Iterator[Callable[[], bool]]:
    """Whether there were any since this was asked last, none of which is printed.

    What FFmpeg writes to standard error is all that tells of a frame that it decodes in part.
    """
    ours, theirs = os.pipe()
    for end in (ours, theirs):
        os.set_blocking(end, False)
    before = os.dup(2)
    os.dup2(theirs, 2)

    def complained() -> bool:
        try:
            return bool(os.read(ours, 1 << 16))
        except BlockingIOError:
            return False

    try:
        yield complained
    finally:
        os.dup2(before, 2)
        for end in (ours, theirs, before):
            os.close(end)


def _wanted(film: _Film, options: VideoOptions, after_ms: int) -> Iterator[Frame | Failure]:
    piece, last_ms = -1, -1
    for time_ms in film.times():
        current = int(time_ms * options.video_fps / 1000 + 1e-9)
        if current <= piece or time_ms <= last_ms:
            continue
        if options.video_keyframes_only and not film.at_keyframe():
            continue
        if time_ms > after_ms:
            pixels = film.pixels()
            if pixels is None:
                continue  # The next frame of the piece takes its place.
            done, jpeg = cv2.imencode(".jpg", pixels, _JPEG)
            if not done:
                raise ValueError(f"a frame of shape {pixels.shape} can't be encoded")
            yield time_ms, jpeg.tobytes()
        piece, last_ms = current, time_ms
    problem = film.problem()
    if problem is not None:
        yield problem
    elif piece < 0:
        yield Failure(Reason.VIDEO_DAMAGED, "no frame can be decoded")


class _Film:
    """A video that is decoded from start to end, and what turns out to be wrong with it."""

    def __init__(self, capture: cv2.VideoCapture, complained: Callable[[], bool]) -> None:
        self._capture, self._complained = capture, complained
        self._rate = capture.get(cv2.CAP_PROP_FPS)
        self._grabbed, self._end_ms = 0, 0
        self._damaged_ms: int | None = None
        self._refused = False
        complained()  # What it says of the file as a whole does not count.

    def times(self) -> Iterator[int]:
        """The time of each frame in milliseconds, as it is decoded."""
        while self._capture.grab():
            renew_limits()
            time_ms = self._time()
            # The first frames of a recording may refer to some before it.
            if self._complained() and self._grabbed and self._damaged_ms is None:
                self._damaged_ms = time_ms
            self._grabbed, self._end_ms = self._grabbed + 1, max(self._end_ms, time_ms)
            yield time_ms

    def _time(self) -> int:
        """Of streams without times it follows from the frame rate."""
        time_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if time_ms <= 0 and self._grabbed and self._rate > 0:
            time_ms = 1000 * self._grabbed / self._rate
        return max(0, round(time_ms))

    def at_keyframe(self) -> bool:
        """Whether the present frame is one."""
        return bool(self._capture.get(cv2.CAP_PROP_FRAME_TYPE) == _KEY_FRAME)

    def pixels(self) -> Pixels | None:
        """The present frame, BGR; None if there is none of it."""
        decoded, pixels = self._capture.retrieve()
        # In place of a frame that it can't convert OpenCV gives a black one, or the one before.
        refused = self._complained()
        self._refused |= refused
        return cast("Pixels", pixels) if decoded and not refused else None

    def problem(self) -> Failure | None:
        """What is wrong with it, known when all is decoded."""
        if self._refused:
            problem = "interlaced, which OpenCV can't convert: deinterlace it (FFmpeg's yadif)"
            return Failure(Reason.UNSUPPORTED, problem)
        stated = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        codec = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
        if not self._grabbed and codec.lower() == b"av01":
            problem = "AV1, which OpenCV's FFmpeg can't decode: convert it (to H.264, VP9, ...)"
            return Failure(Reason.UNSUPPORTED, problem)
        is_late = self._end_ms * self._rate >= _LEAST_SHARE * 1000 * stated
        if self._grabbed and self._grabbed < _LEAST_SHARE * stated and not is_late:
            problem = f"ends after {self._grabbed} of {int(stated)} frames; those are kept"
            return Failure(Reason.VIDEO_DAMAGED, problem)
        if self._damaged_ms is not None:
            problem = f"damaged from {self._damaged_ms / 1000} s on; frames after it may be wrong"
            return Failure(Reason.VIDEO_DAMAGED, problem)
        return None


class Videos(Containers):
    """Videos of which the wanted frames lie in ``store/frames``, named by their milliseconds."""

    def __init__(self, store: Path, options: VideoOptions, threads: int = 1) -> None:
        super().__init__(store, f"{FRAMES_VERSION} {options.model_dump_json()}")
        self._options, self._threads, self._decoded = options, threads, count(1)

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
            report_progress("decode_videos", next(self._decoded), 0)
        parts.close_part()
        return parts.members + damage
