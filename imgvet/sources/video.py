"""Videos as inputs: wanted frames are decoded once, into the store, and then read like members.

Decoded with OpenCV and the FFmpeg in it, in one pass from start to end; frames between those that
are wanted are decoded, which other frames need, but neither converted nor kept. Wanted ones lie as
JPEG of quality 95 in a few large files under ``store/frames``, with an index for each state of a
video and each choice of frames. An interrupted video is continued after the last complete part.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imgvet.images.decode import silence_decoders
from imgvet.options import VideoOptions
from imgvet.reasons import Failure, Reason
from imgvet.sources.entry import Entry
from imgvet.sources.local import walk_file
from imgvet.sources.packed import FILE_ITSELF, Member, Packed, PackedReport, PartWriter, start_parts
from imgvet.sources.packed_reader import PackedReader

FRAME_QUALITY = 95
"""JPEG quality of stored frames, 1 to 100."""

FRAMES_VERSION = 3
"""Raised when other frames are chosen, or they are stored or judged in another way."""

OPEN_VIDEOS = 64
"""Videos of which a reader keeps the index in memory."""

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
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        reason = Reason.MISSING if isinstance(error, FileNotFoundError) else Reason.UNREADABLE
        yield Failure(reason, error.strerror or str(error))
        return
    if empty:
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


def packed_video(path: Path, store: Path, options: VideoOptions) -> Packed:
    """Where index and frames of the present state of a video lie.

    Args:
        path: the video, an absolute path.
        store: where frames are kept, ``store/frames`` of a work dir.
        options: which frames are wanted.

    Raises:
        OSError: the video can't be looked at.
    """
    return Packed.of(path, store, f"{FRAMES_VERSION} {options.model_dump_json()}")


def frame_reader(store: Path, options: VideoOptions) -> PackedReader:
    """Reads frames as JPEG, by video and milliseconds; arguments as for :func:`packed_video`."""
    return PackedReader(lambda path: packed_video(path, store, options), OPEN_VIDEOS)


def extract_frames(
    path: Path, store: Path, options: VideoOptions, threads: int = 1, *, resume: bool = False
) -> PackedReport:
    """Decode a video and keep its wanted frames.

    Args:
        path: the video, an absolute path.
        store: where frames are kept, ``store/frames`` of a work dir.
        options: which frames are wanted.
        threads: threads of the decoder.
        resume: continue an extraction that was interrupted instead of starting again.

    Returns:
        what it gave. A damaged, empty or unreadable video is a row, not an error.

    Raises:
        OSError: ``store`` can't be written to.
    """
    if walk_file(path, "").status is not Reason.OK:
        return PackedReport(path=str(path), items=0, failed=1)
    packed = packed_video(path, store, options)
    known = packed.members()
    if known is not None:
        return PackedReport.of(packed, known, reused=True)
    before = start_parts(packed, resume=resume)
    members = list(before.members)
    # A part is closed with the time of its last frame; 0 as "nothing done" is the time of a frame.
    after_ms = before.done if before.number else -1
    with PartWriter(packed, before.number) as writer:
        for frame in read_frames(path, options, after_ms, threads):
            if isinstance(frame, Failure):
                members.append(Member(FILE_ITSELF, status=frame.reason, detail=frame.detail))
                continue
            members.append(writer.add(Member(str(frame.time_ms)), [_encoded(frame)]))
            if writer.full:
                writer.close_part(frame.time_ms)
        writer.close_part(0)
    packed.write(members)
    return PackedReport.of(packed, members, resumed=len(before.members))


def _encoded(frame: Frame) -> bytes:
    done, jpeg = cv2.imencode(".jpg", frame.pixels, [cv2.IMWRITE_JPEG_QUALITY, FRAME_QUALITY])
    if not done:
        raise ValueError(f"a frame of shape {frame.pixels.shape} can't be encoded")
    return jpeg.tobytes()


def video_entries(path: Path, source: str, store: Path, options: VideoOptions) -> Iterator[Entry]:
    """The frames of a video that :func:`extract_frames` has seen, in order of time.

    A damaged video has an entry of its own, beside those of the frames that could be read.

    Args:
        path: the video, an absolute path.
        source: the input it was found through, as the user wrote it.
        store: where frames are kept, ``store/frames`` of a work dir.
        options: which frames are wanted.
    """
    itself = walk_file(path, source)
    if itself.status is not Reason.OK:
        yield itself
        return
    members = packed_video(path, store, options).members()
    if members is None:
        detail = "the video has changed since it was decoded"
        yield replace(itself, status=Reason.MISSING, detail=detail)
        return
    for member in members:
        is_frame = member.name != FILE_ITSELF
        yield replace(
            itself,
            file_size=member.size if is_frame else itself.file_size,
            status=member.status,
            detail=member.detail,
            time_ms=int(member.name) if is_frame else None,
        )
