"""Videos as inputs: their frames are decoded once, into the store, and then read like members.

Frames lie as JPEG of quality 95 in a few large files under ``store/frames``, with an index made for
each state of a video and each choice of frames. An interrupted video is continued after the last
complete part: the frames before it are decoded again, as later ones need them, but neither
converted, encoded nor written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
from pydantic import BaseModel, ConfigDict

from imgvet.options import VideoOptions
from imgvet.reasons import Failure, Reason
from imgvet.sources.archive_index import FileState, known_members, write_members
from imgvet.sources.archive_member import ARCHIVE_ITSELF, Member
from imgvet.sources.archive_parts import PartWriter, start_parts
from imgvet.sources.archive_reader import Packed, PackedReader
from imgvet.sources.entry import Entry
from imgvet.sources.local import walk_file
from imgvet.sources.video import Frame, read_frames
from imgvet.store.references import digest_bytes

FRAME_QUALITY = 95
"""JPEG quality of stored frames, 1 to 100."""

FRAMES_VERSION = 3
"""Raised when other frames are chosen, or they are stored or judged in another way."""

OPEN_VIDEOS = 64
"""Videos of which a reader keeps the index in memory."""

_INDEX = "index.parquet"


class VideoReport(BaseModel):
    """What extracting the frames of one video gave.

    Attributes:
        path: the video.
        frames: number of frames that can be read.
        failed: 1 if the video is damaged, else 0.
        resumed: frames that an interrupted run had already written.
        reused: whether nothing had to be done, as video and choice of frames are the same.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    frames: int
    failed: int
    resumed: int = 0
    reused: bool = False


def packed_video(path: Path, folder: Path, options: VideoOptions) -> Packed:
    """Where index and frames of the present state of a video lie.

    Args:
        path: the video, an absolute path.
        folder: where frames are kept, ``store/frames`` of a work dir.
        options: which frames are wanted.

    Raises:
        OSError: the video can't be looked at.
    """
    chosen = f"{FileState.of(path).digest} {FRAMES_VERSION} {options.model_dump_json()}"
    own = folder / digest_bytes(chosen.encode())
    return Packed(str(path), own, own / _INDEX)


def extract_frames(
    path: Path, folder: Path, options: VideoOptions, threads: int = 1, *, resume: bool = False
) -> VideoReport:
    """Decode a video and keep its wanted frames.

    Args:
        path: the video, an absolute path.
        folder: where frames are kept, ``store/frames`` of a work dir.
        options: which frames are wanted.
        threads: threads of the decoder.
        resume: continue an extraction that was interrupted instead of starting again.

    Returns:
        what it gave. A damaged, empty or unreadable video is a row, not an error.

    Raises:
        OSError: ``folder`` can't be written to.
    """
    if walk_file(path, "").status is not Reason.OK:
        return VideoReport(path=str(path), frames=0, failed=1)
    packed = packed_video(path, folder, options)
    known = known_members(packed.index)
    if known is not None:
        return _report(path, known).model_copy(update={"reused": True})
    before = start_parts(packed.folder, resume=resume)
    members = list(before.members)
    # A part is closed with the time of its last frame; 0 as "nothing done" is the time of a frame.
    after_ms = before.done if before.parts else -1
    with PartWriter(packed.folder, before.parts) as writer:
        for found in read_frames(path, options, after_ms, threads):
            if isinstance(found, Failure):
                members.append(Member(ARCHIVE_ITSELF, status=found.reason, detail=found.detail))
                continue
            members.append(writer.add(Member(str(found.time_ms)), [_encoded(found)]))
            if writer.full:
                writer.close_part(found.time_ms)
        writer.close_part(0)
    write_members(packed.index, members)
    return _report(path, members).model_copy(update={"resumed": len(before.members)})


def _report(path: Path, members: list[Member]) -> VideoReport:
    frames = sum(member.status is Reason.OK for member in members)
    return VideoReport(path=str(path), frames=frames, failed=len(members) - frames)


def _encoded(frame: Frame) -> bytes:
    done, jpeg = cv2.imencode(".jpg", frame.pixels, [cv2.IMWRITE_JPEG_QUALITY, FRAME_QUALITY])
    if not done:
        raise ValueError(f"a frame of shape {frame.pixels.shape} can't be encoded")
    return jpeg.tobytes()


def video_entries(path: Path, source: str, folder: Path, options: VideoOptions) -> Iterator[Entry]:
    """The frames of a video that :func:`extract_frames` has seen, in order of time.

    A damaged video has an entry under its own name, beside those of the frames that could be read.

    Args:
        path: the video, an absolute path.
        source: the input it was found through, as the user wrote it.
        folder: where frames are kept, ``store/frames`` of a work dir.
        options: which frames are wanted.
    """
    itself = walk_file(path, source)
    if itself.status is not Reason.OK:
        yield itself
        return
    state = FileState.of(path)
    members = known_members(packed_video(path, folder, options).index)
    if members is None:
        detail = "the video has changed since it was decoded"
        yield replace(itself, status=Reason.MISSING, detail=detail)
        return
    for member in members:
        yield _entry(member, state, source)


def _entry(member: Member, state: FileState, source: str) -> Entry:
    is_frame = member.name != ARCHIVE_ITSELF
    return Entry(
        state.path,
        source,
        member.size if is_frame else state.size,
        state.mtime_ns,
        status=member.status,
        detail=member.detail,
        time_ms=int(member.name) if is_frame else None,
    )


class FrameReader:
    """Reads frames, in any order, as JPEG; may be used from several threads.

    Args:
        folder: where frames are kept, ``store/frames`` of a work dir.
        options: which frames are wanted.
    """

    def __init__(self, folder: Path, options: VideoOptions) -> None:
        self._reader = PackedReader(
            lambda path: packed_video(Path(path), folder, options), OPEN_VIDEOS
        )

    def read_frame(self, path: str, time_ms: int) -> bytes | Failure:
        """One frame as JPEG, or why it can't be had."""
        return self._reader.read(path, str(time_ms))
