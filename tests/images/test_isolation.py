"""Workers: what happens in them costs one answer, and never more."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from imgvet.images import isolation
from imgvet.images.decode import decode
from imgvet.images.isolation import decoded, each_isolated, isolated
from imgvet.images.picture import Picture
from imgvet.reasons import Failure, Reason
from support.planted_decoders import FAULTS, numbers, planted_decode

ENDS = {
    b"segfault": (Reason.DECODER_CRASHED, "SIGSEGV"),
    b"abort": (Reason.DECODER_CRASHED, "SIGABRT"),
    b"exit": (Reason.DECODER_CRASHED, "exit status 3"),
    b"killed": (Reason.DECODER_CRASHED, "SIGKILL, as where memory is short"),
    b"spin": (Reason.DECODER_TIMEOUT, "processor time"),
    b"wait": (Reason.DECODER_TIMEOUT, "in all"),
    b"eat": (Reason.TOO_LARGE, "GiB of memory"),
}


@pytest.fixture(autouse=True)
def little_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(isolation, "DECODE_SECONDS", 0.2)
    monkeypatch.setattr(isolation, "DECODE_PATIENCE", 1)
    yield
    end_idle_workers()


def end_idle_workers() -> list[int]:
    idle = isolation._idle_workers(os.getpid())
    return [idle.pop().end() for _ in range(len(idle))]


def test_every_fault_is_told(files):
    assert {*ENDS, b"raise"} == FAULTS.keys()
    for fault, (reason, words) in ENDS.items():
        found = isolated(planted_decode, files["png"] + fault)
        assert isinstance(found, Failure)
        assert (found.reason, words in found.detail) == (reason, True), found


def test_an_error_of_ours_is_raised_and_the_worker_stays(files):
    with pytest.raises(ZeroDivisionError):
        isolated(planted_decode, files["png"] + b"raise")
    before = list(isolation._idle_workers(os.getpid()))
    with pytest.raises(FileNotFoundError):
        isolated(os.stat, "/there/is/no/such/file")
    assert list(isolation._idle_workers(os.getpid())) == before


@pytest.mark.skipif(sys.platform != "linux", reason="others have no order of who is ended")
def test_where_memory_is_short_workers_are_ended_before_the_run():
    assert isolated(Path.read_text, Path("/proc/self/oom_score_adj")) == "1000\n"


def test_pictures_are_those_of_the_decoder(files):
    for name, data in files.items():
        here, there = decode(data), decoded(data)
        assert isinstance(there, Picture), name
        assert np.array_equal(here.pixels, there.pixels)
        assert {**vars(here), "pixels": 0} == {**vars(there), "pixels": 0}


def test_every_format_has_the_same_limit_of_pixels():
    """Pillow alone would refuse a TIFF from 178,956,970 pixels on."""
    tags = [(256, 13_500), (257, 13_500), (258, 1), (259, 1), (262, 1), (273, 8), (279, 100)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    found = decoded(b"II*\0" + struct.pack("<I", 108) + bytes(100) + directory)
    assert isinstance(found, Failure)
    assert found.reason is Reason.TRUNCATED


def test_faults_of_one_thread_cost_the_others_nothing(files):
    faults = [b"segfault", b"killed", b"spin"]
    plan = [b"" if number % 5 else faults[number // 5] for number in range(15)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda end: isolated(planted_decode, files["jpeg"] + end), plan))
    for fault, answer in zip(plan, found, strict=True):
        assert isinstance(answer, Failure if fault else Picture)
    assert len(isolation._idle_workers(os.getpid())) <= 3


def test_a_generator_is_answered_piece_by_piece_and_may_be_left():
    assert list(each_isolated(numbers, 1000)) == list(range(1000))
    end_idle_workers()
    assert list(islice(each_isolated(numbers, 10**9), 3)) == [0, 1, 2]
    assert not isolation._idle_workers(os.getpid())


def test_a_worker_without_work_ends_and_is_replaced(monkeypatch):
    end_idle_workers()
    monkeypatch.setattr(isolation, "_IDLE", struct.pack("ll", 0, 100_000))
    assert isolated(len, "abc") == 3
    (worker,) = isolation._idle_workers(os.getpid())
    assert worker.process.wait() == isolation._WAS_IDLE
    assert isolated(len, "abc") == 3
    assert worker not in isolation._idle_workers(os.getpid())


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent(sign):
    program = (
        "import os, time; from imgvet.images.isolation import isolated; "
        "print(isolated(os.getpid), flush=True); time.sleep(100)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.send_signal(sign)
        parent.wait()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{worker}").exists()


def test_what_lies_in_the_present_folder_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "cv2.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    end_idle_workers()
    assert isolated(len, "abc") == 3


def test_a_worker_that_can_not_begin_is_an_error(monkeypatch):
    end_idle_workers()
    monkeypatch.setattr(isolation, "_PROGRAM", "raise SystemExit(4)")
    with pytest.raises(ChildProcessError, match="ended as it began, with 4"):
        isolated(len, "abc")


def test_nothing_that_dies_is_heard(files, capfd):
    isolated(planted_decode, files["png"] + b"abort")
    assert capfd.readouterr() == ("", "")
