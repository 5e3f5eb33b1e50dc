"""A full disk, no more open files, no memory, a disk that can't be written: a line that says so.

What was there stays, and a run that follows gives what one gives that lacked nothing: nothing
wrong was kept.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from torture.conftest import Torture
from torture.test_killed import Case, Killed, pack_up

from imgvet.workdir import WorkDir
from support.torture import Ended, Trouble, copy_folder, results_of, run_here

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

CASES = {
    "fresh": Case(),
    "the second on other pictures": Case(before=1),
    "of archives and a video": Case(prepare=pack_up),
}
PATIENCE = 180.0


def _mount(disk: Path, *options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(disk)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 64 MB; skips where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        _mount(folder, "size=64m")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk may be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def used(disk: Path) -> int:
    status = os.statvfs(disk)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def wrong_refusal(ended: Ended, allowed: set[int]) -> list[str]:
    """What is wrong with the end of a command that could not be carried out."""
    lines = [line for line in ended.said.splitlines() if line.startswith("imgvet: ")]
    if ended.code in allowed or (ended.code == 2 and lines and "Traceback" not in ended.said):
        return []
    return [f"{ended.code}: {ended.said}"]


class Lacking(Killed):
    """One work dir whose runs lack something."""

    def left(self, ended: Ended, allowed: set[int]) -> list[str]:
        """What is wrong after a run that lacked something."""
        wrong, found = wrong_refusal(ended, allowed), results_of(self.out)
        if WorkDir(self.out).is_finished() and found not in (self.old, self.wanted):
            wrong.append("the results are those of no run")
        if self.old and not WorkDir(self.out).is_finished():
            wrong.append("the results of the run before are gone")
        return wrong


@pytest.mark.parametrize("name", CASES)
def test_disk_full(
    name: str, torture: Torture, at_server: dict[str, str], tmp_path: Path, disk: Path
) -> None:
    run = Lacking(disk, CASES[name], at_server)
    copy_folder(run.saved, run.out)
    begin = used(disk)
    assert run_here(run.command, at_server, run.log).code == 0
    need = used(disk) - begin
    stopped = 0
    for _ in range(torture.count):
        copy_folder(run.saved, run.out)
        room = torture.chance.randint(4096, need)
        _mount(disk, "remount", f"size={used(disk) + room}")
        ended = run_here(run.command, at_server, tmp_path / "log")
        stopped += ended.code != 0
        wrong = run.left(ended, {0})
        _mount(disk, "remount", "size=64m")
        wrong += run.again()
        torture.wrong += [f"{name}, {room} of {need} bytes left: {what}" for what in wrong]
    torture.found(f"disk that fills up in a run, {name} (tmpfs)", f"{stopped} of {torture.count}")


LIMITS = {
    "open files": (resource.RLIMIT_NOFILE, 12, 260, {0}),
    "memory": (resource.RLIMIT_AS, 10_000_000, 2_000_000_000, {0}),
    "bytes in a file": (resource.RLIMIT_FSIZE, 1_000, 300_000, {0}),
}


@pytest.mark.parametrize("what", LIMITS)
def test_limit(what: str, torture: Torture, at_server: dict[str, str], tmp_path: Path) -> None:
    limit, least, most, allowed = LIMITS[what]
    run = Lacking(tmp_path, CASES["the second on other pictures"], at_server)
    codes = []
    for _ in range(torture.count):
        copy_folder(run.saved, run.out)
        room = torture.chance.randint(least, most)
        ended = run_here(
            run.command, at_server, run.log, Trouble(limits={limit: room}, kill_after=PATIENCE)
        )
        codes.append(ended.code)
        wrong = run.left(ended, allowed) + run.again()
        torture.wrong += [f"{what}, {room} left: {one}" for one in wrong]
    ends = ", ".join(f"{codes.count(code)} x {code}" for code in sorted(set(codes)))
    torture.found(f"too few or too little: {what}", f"{torture.count} (exit codes {ends})")


def test_read_only(torture: Torture, at_server: dict[str, str], tmp_path: Path, disk: Path) -> None:
    run, log = Lacking(disk, CASES["the second on other pictures"], at_server), tmp_path / "log"
    copy_folder(run.saved, run.out)
    _mount(disk, "remount", "ro")
    for command in (run.command, ("report", run.out), ("curate", "plan", run.out)):
        ended = run_here(command, at_server, log)
        torture.wrong += [f"{command[0]}: {what}" for what in run.left(ended, set())]
    _mount(disk, "remount", "rw")
    torture.wrong += run.again()
    torture.found("work dir on a disk that can only be read", "3 commands")
