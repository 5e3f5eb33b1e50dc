"""Frames of videos."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from imgvet.options import VideoOptions
from imgvet.progress import Progress, listening
from imgvet.reasons import Failure, Reason
from imgvet.sources import video
from imgvet.sources.containers import Parts
from imgvet.sources.listing import Entry
from imgvet.sources.local import walk_file
from imgvet.sources.video import Videos, jpeg_frames
from support.videos import CODECS, gray_level, interlace_mpeg2, rotate_mp4, write_video

EACH_SECOND = VideoOptions()


class Frame(NamedTuple):
    time_ms: int
    pixels: np.ndarray


def frames(path: Path, **options: object) -> list[Frame]:
    found = jpeg_frames(path, VideoOptions(**options))  # type: ignore[arg-type]
    whole = (frame for frame in found if isinstance(frame, tuple))
    return [Frame(time, cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)) for time, jpeg in whole]


def times(path: Path, **options: object) -> list[int]:
    return [frame.time_ms for frame in frames(path, **options)]


def failure(path: Path) -> Failure:
    found = listed(path)[-1]
    return Failure(found.status, found.detail)


def listed(path: Path, options: VideoOptions = EACH_SECOND) -> list[Entry]:
    videos = Videos(path.parent / "store", options)
    videos.prepare(path)
    return list(videos.entries(walk_file(path, "in")))


@pytest.mark.parametrize("ending", sorted(CODECS))
def test_one_frame_a_second_of_every_container(tmp_path: Path, ending: str) -> None:
    path = write_video(tmp_path / f"film{ending}", frames=35)
    found = frames(path)
    assert [frame.time_ms for frame in found] == [0, 1000, 2000, 3000]
    for frame in found:
        level = gray_level(frame.time_ms // 100)
        assert abs(float(frame.pixels[40:, 40:].mean()) - level) < 6
        assert frame.pixels.shape == (64, 96, 3)


def test_the_rate_can_be_chosen(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4", frames=20, rate=10)
    assert times(path, video_fps=2) == [0, 500, 1000, 1500]
    assert times(path, video_fps=0.5) == [0]
    assert times(path, video_fps=1000) == [100 * number for number in range(20)]


def test_frames_that_do_not_fall_on_the_second(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4", frames=100, rate=30000 / 1001)
    assert times(path) == [0, 1001, 2002, 3003]


def test_keyframes_only(tmp_path: Path) -> None:
    """The encoder makes every twelfth frame a keyframe."""
    path = write_video(tmp_path / "film.mp4", frames=28, rate=10)
    assert times(path, video_keyframes_only=True, video_fps=1000) == [0, 1200, 2400]
    assert times(path, video_keyframes_only=True, video_fps=0.5) == [0, 2400]
    motion_jpeg = write_video(tmp_path / "film.avi", frames=25, rate=10)
    assert times(motion_jpeg, video_keyframes_only=True) == [0, 1000, 2000]


def test_rotation_is_applied(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4", frames=2, size=(96, 64))
    upright = frames(path)[0].pixels
    rotate_mp4(path)
    turned = frames(path)[0].pixels
    assert turned.shape == (96, 64, 3)
    assert np.abs(turned.astype(int) - np.rot90(upright, -1)).mean() < 2


def test_bad_videos_have_a_reason(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", frames=30).read_bytes()
    cases = {
        "empty.mp4": (b"", Reason.EMPTY_FILE),
        "text.mkv": (b"no video at all" * 50, Reason.VIDEO_DAMAGED),
        "cut.mp4": (whole[: len(whole) // 2], Reason.VIDEO_DAMAGED),
    }
    for name, (content, reason) in cases.items():
        (tmp_path / name).write_bytes(content)
        (entry,) = listed(tmp_path / name)
        assert (entry.filename, entry.status) == (str(tmp_path / name), reason)
    assert failure(tmp_path / "gone.avi").reason is Reason.MISSING


def test_a_video_without_pictures_is_a_row(tmp_path: Path) -> None:
    """A WAV file under the name of a video: FFmpeg opens it and finds only sound."""
    path = tmp_path / "sound.avi"
    sound = b"\0" * 16000
    head = b"RIFF" + (36 + len(sound)).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\1\0\1\0"
    head += (8000).to_bytes(4, "little") + (16000).to_bytes(4, "little") + b"\2\0\x10\0"
    path.write_bytes(head + b"data" + len(sound).to_bytes(4, "little") + sound)
    assert failure(path).reason is Reason.VIDEO_DAMAGED


@pytest.mark.parametrize("ending", [".avi", ".mkv"])
def test_the_frames_before_a_cut_are_kept_and_the_cut_is_told(tmp_path: Path, ending: str) -> None:
    path = write_video(tmp_path / f"film{ending}", frames=100, rate=10, size=(320, 240))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    *kept, itself = sorted(listed(path), key=lambda entry: entry.filename == str(path))
    assert itself.status is Reason.VIDEO_DAMAGED
    assert {entry.status for entry in kept} == {Reason.OK}
    assert 2 <= len(kept) <= 8


def test_damage_in_the_middle_is_told(tmp_path: Path) -> None:
    """FFmpeg fills in what it can't decode, and says so only on standard error."""
    path = write_video(tmp_path / "film.avi", frames=60, size=(320, 240), codec="mp4v")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    assert times(path) == [0, 1000, 2000, 3000, 4000, 5000]
    assert failure(path).reason is Reason.VIDEO_DAMAGED
    assert re.search(r"damaged from [234]\.\d+ s on", failure(path).detail)


def test_interlaced_frames_are_no_black_ones(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mpg", frames=30, rate=25, codec="MPG2")
    assert len(frames(path)) == 2
    interlace_mpeg2(path)
    (entry,) = listed(path)
    assert (entry.status, "deinterlace" in entry.detail) == (Reason.UNSUPPORTED, True)


class Stub:
    """What OpenCV makes of a file of so many stated frames, whose frames come at these seconds."""

    def __init__(self, seconds: list[float], stated: int, codec: bytes = b"VP80") -> None:
        self.rest = seconds
        self.known = {
            cv2.CAP_PROP_FPS: 25.0,
            cv2.CAP_PROP_FRAME_COUNT: stated,
            cv2.CAP_PROP_FOURCC: int.from_bytes(codec, "little"),
        }

    def isOpened(self) -> bool:
        return True

    def grab(self) -> bool:
        is_more = bool(self.rest)
        self.known[cv2.CAP_PROP_POS_MSEC] = 1000 * self.rest.pop(0) if is_more else 0
        return is_more

    def get(self, name: int) -> float:
        return self.known.get(name, 0)

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.zeros((16, 16, 3), np.uint8)

    def release(self) -> None:
        pass

    def set(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("seconds", "is_whole"),
    [([*range(12)], False), ([*range(12), 70, 99], True), ([n / 25 for n in range(2490)], True)],
    ids=["cut", "uneven", "even"],
)
def test_a_video_whose_frames_come_at_uneven_times_is_whole(
    monkeypatch: pytest.MonkeyPatch, seconds: list[float], is_whole: bool
) -> None:
    """As recordings of screens: 2,500 frames would come at even times."""
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: Stub(seconds, 2500))
    found = list(jpeg_frames(Path("film.mkv"), EACH_SECOND))
    assert isinstance(found[-1], Failure) is not is_whole


def test_a_codec_without_a_decoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: Stub([], 250, b"AV01"))
    (found,) = jpeg_frames(Path("film.mkv"), EACH_SECOND)
    assert isinstance(found, Failure)
    assert (found.reason, "AV1" in found.detail) == (Reason.UNSUPPORTED, True)


def test_nothing_is_printed(tmp_path: Path) -> None:
    """In a process of its own, as FFmpeg takes its level of logging when it is first used."""
    path = tmp_path / "cut.mp4"
    path.write_bytes(write_video(tmp_path / "whole.mp4", frames=5).read_bytes()[:300])
    program = (
        "import sys; from pathlib import Path; from imgvet.sources.video import *; "
        "found = list(jpeg_frames(Path(sys.argv[1]), VideoOptions())); "
        "sys.exit(len(found) != 1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""


def test_frames_are_read_back_as_jpeg(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film #1!.mp4", frames=25)
    entries = listed(path)
    assert [entry.filename for entry in entries] == [f"{path}#t={n}.0" for n in range(3)]
    reader = Videos(tmp_path / "store", EACH_SECOND)
    for entry, frame in zip(entries, frames(path), strict=True):
        assert entry.time_ms is not None
        data = reader.read(str(path), str(entry.time_ms))
        assert isinstance(data, bytes)
        assert len(data) == entry.file_size
        shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(shown, frame.pixels)
    absent = reader.read(str(path), str(1))
    assert isinstance(absent, Failure)
    assert absent.reason is Reason.MISSING


def test_a_video_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, store = write_video(tmp_path / "film.mp4", frames=25), tmp_path / "store"
    videos, told = Videos(store, EACH_SECOND), list[Progress]()
    with listening(told.append):
        assert videos.prepare(path) == 3
    assert [state.done for state in told] == [1, 2, 3]
    with monkeypatch.context() as patch:
        patch.setattr(video, "each_isolated", None)
        assert videos.prepare(path) == 3
    assert Videos(store, VideoOptions(video_fps=5)).prepare(path) == 13
    os.utime(path, ns=(1, 1))
    (changed,) = videos.entries(walk_file(path, "in"))
    assert (changed.status, "changed" in changed.detail) == (Reason.MISSING, True)
    assert videos.prepare(path) == 3
    assert len(list(videos.entries(walk_file(path, "in")))) == 3


def test_a_video_whose_decoder_crashes_is_tried_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, tries = write_video(tmp_path / "film.mp4", frames=5), []

    def crashing(*_: object) -> list[object]:
        tries.append(1)
        return [(0, b"jpeg"), Failure(Reason.DECODER_CRASHED, "it ended with SIGSEGV")]

    monkeypatch.setattr(video, "each_isolated", crashing)
    for run in range(1, 5):
        first, itself = listed(path)
        assert (first.filename, itself.status) == (f"{path}#t=0.0", Reason.DECODER_CRASHED)
        assert len(tries) == min(run, 2)
    assert "not tried again" in itself.detail
    os.utime(path, ns=(1, 1))
    listed(path)
    assert len(tries) == 3


def test_an_interrupted_video_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, options = write_video(tmp_path / "film.mkv", frames=50), VideoOptions(video_fps=2)
    monkeypatch.setattr("imgvet.sources.containers.PART_MEMBERS", 2)
    added = []
    real, most = Parts.add, 5

    def add(parts: Parts, *values: Any) -> None:
        if len(added) == most:
            raise KeyboardInterrupt
        added.append(values)
        real(parts, *values)

    one, other = (Videos(tmp_path / name, options) for name in ("store", "other"))
    monkeypatch.setattr(Parts, "add", add)
    with pytest.raises(KeyboardInterrupt):
        one.prepare(path)
    assert not one.find(path).index.exists()
    most = 11
    assert one.prepare(path) == 10, "four frames lay in complete parts"
    assert len(added) == most
    one.find(path).index.unlink()
    assert one.prepare(path) == 10, "it was killed as it would have written the index"
    assert len(added) == most
    monkeypatch.undo()
    assert other.prepare(path) == 10
    for frame in frames(path, video_fps=2):
        data = one.read(str(path), str(frame.time_ms))
        assert isinstance(data, bytes)
        assert data == other.read(str(path), str(frame.time_ms))


def test_what_is_no_file_is_a_row(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (entry,) = listed(tmp_path / "pipe.mp4")
    assert (entry.status, entry.detail) == (Reason.UNREADABLE, "not a regular file")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4"))
    write_video(tmp_path / "a.mp4", frames=2).rename(odd)
    (entry,) = listed(odd)
    assert entry.status is Reason.UNREADABLE
