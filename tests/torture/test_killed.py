"""Killed at any moment, and run again: the results are those of a run that nothing disturbed."""

from __future__ import annotations

import signal
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from torture.conftest import Torture

from support import videos
from support.command import command
from support.pictures import age, jpeg, scene, write_scenes
from support.torture import (
    Trouble,
    copy_folder,
    drafts_in,
    left_running,
    marked,
    results_of,
    run_here,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

PICTURES = 16
ANYWHERE = r"/out\b"


def change(photos: Path, number: int = 0) -> None:
    """One picture more, one that is another, one less."""
    age(*write_scenes(photos, 1, 100 + number))
    changed = sorted(photos.iterdir())[number]
    changed.write_bytes(jpeg(scene(200 + number)))
    age(changed)
    (photos / f"scene{PICTURES - 1 - number:04d}.jpg").unlink()


def pack_up(photos: Path) -> None:
    """Some pictures in a zip, some in a tar that is compressed, and a video of others."""
    files = sorted(photos.iterdir())
    with zipfile.ZipFile(photos / "some.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in files[:6]:
            packed.write(path, path.name)
    with tarfile.open(photos / "more.tar.gz", "w:gz") as tar:
        for path in files[6:12]:
            tar.add(path, path.name)
    frames = [scene(300 + number) for number in range(4)]
    videos.write_scenes(photos / "film.avi", frames, 2, (320, 240))
    videos.write_scenes(photos / "clip.mp4", frames[::-1], 2, (320, 240))
    with zipfile.ZipFile(photos / "some.zip", "a") as packed:
        packed.write(photos / "clip.mp4", "clips/clip.mp4")
    for path in (photos / "clip.mp4", *files[:12]):
        path.unlink()
    age(*photos.iterdir())


@dataclass(frozen=True)
class Case:
    """A run to be killed: how it is asked for, the runs before it, and where it is killed."""

    options: tuple[str, ...] = ()
    within: str = ANYWHERE
    before: int = 0
    prepare: Callable[[Path], None] = lambda _: None


CASES = {
    "fresh": Case(),
    "the second on other pictures": Case(before=1),
    "on crops": Case(("--bounding-box", "row_y=10,col_x=20,height=90,width=100")),
    "of archives and a video": Case(prepare=pack_up),
    "while its report is built": Case(before=1, within=r"/report\b"),
    "while packs are merged": Case(before=8, within=r"/store/(measures|embeddings|places|last-)"),
}


class Killed:
    """One work dir whose runs are killed, and what a calm run gives."""

    def __init__(self, folder: Path, case: Case, environment: dict[str, str]) -> None:
        self.environment, self.case = environment, case
        self.photos, self.out, self.log = folder / "photos", folder / "out", folder / "log"
        self.saved, self.calm = folder / "saved", folder / "calm"
        age(*write_scenes(self.photos, PICTURES))
        case.prepare(self.photos)
        self.command = ("run", self.photos, "--work-dir", self.out, *case.options)
        for number in range(case.before):
            assert run_here(self.command, environment, self.log).code == 0, self.log.read_text()
            change(self.photos, number)
        self.old = results_of(self.out)
        self.out.mkdir(exist_ok=True)
        copy_folder(self.out, self.saved)
        started = time.monotonic()
        whole = run_here(self.command, environment, self.log, Trouble(within=case.within))
        self.lasts, self.changes = time.monotonic() - started, whole.changes
        assert whole.code == 0, whole.said
        self.out.rename(self.calm)
        self.wanted = results_of(self.calm)

    def kill(self, at: int, after: float | None) -> tuple[bool, list[str]]:
        """Kill a run at a change or after a time; whether it was, and what is wrong then."""
        trouble = Trouble(self.case.within, at, after)
        ended = run_here(self.command, self.environment, self.log, trouble)
        wrong = [] if ended.code in (0, -signal.SIGKILL) else [str(ended)]
        if (self.out / "run.json").exists() and results_of(self.out) not in (self.old, self.wanted):
            wrong.append("the results are those of no run")
        if left := left_running(str(self.log)):
            wrong.append(f"still running: {left}")
        return ended.code == -signal.SIGKILL, wrong

    def again(self) -> list[str]:
        """Run to the end; what is wrong then."""
        ended = run_here(self.command, self.environment, self.log)
        return [*wrong_end(ended.code, ended.said), *self.differences()]

    def differences(self) -> list[str]:
        """What is otherwise than after the calm run."""
        found = results_of(self.out)
        files = sorted(found.keys() | self.wanted.keys())
        wrong = [f"{file} differs" for file in files if found.get(file) != self.wanted.get(file)]
        if _names_in(self.out / "report") != _names_in(self.calm / "report"):
            wrong.append("the report holds other files")
        return wrong + [f"left: {path}" for path in drafts_in(self.out)]


def wrong_end(code: int | None, said: str) -> list[str]:
    """What is wrong with the end of a command that should succeed without a word of damage."""
    is_well = code == 0 and "Traceback" not in said and "damaged" not in said
    return [] if is_well else [f"{code}: {said}"]


def _names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("name", CASES)
def test_killed(name: str, torture: Torture, at_server: dict[str, str], tmp_path: Path) -> None:
    run, chance = Killed(tmp_path, CASES[name], at_server), torture.chance
    kills = 0
    while kills < torture.count:
        copy_folder(run.saved, run.out)
        moments = []
        for _ in range(chance.choice((1, 1, 2, 3))):
            at, after = chance.randint(1, run.changes), None
            if run.case.within == ANYWHERE and chance.random() < 0.25:
                at, after = 0, chance.uniform(0.1, run.lasts)
            was_killed, wrong = run.kill(at, after)
            kills += was_killed
            moments.append(at or after)
            torture.wrong += [f"{name}, killed at {moments}: {what}" for what in wrong]
        torture.wrong += [f"{name}, killed at {moments}, run again: {x}" for x in run.again()]
    torture.found(f"SIGKILL of a run, {name}; then run again", f"{kills} kills")


def test_killed_with_its_server(
    torture: Torture, environment: dict[str, str], tmp_path: Path
) -> None:
    """The whole command as a person starts it, with the server that it starts itself."""
    run = Killed(tmp_path, Case(), environment)
    for _ in range(torture.count):
        copy_folder(run.saved, run.out)
        after = torture.chance.uniform(0.5, run.lasts)
        process = subprocess.Popen(
            command(*run.command),
            env=marked(environment, str(run.log)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(after)
        process.kill()
        process.wait()
        if left := left_running(str(run.log), patience=30):
            torture.wrong.append(f"killed after {after}: {left} still run")
        torture.wrong += [f"killed after {after}, run again: {what}" for what in run.again()]
    torture.found("SIGKILL of the command alone, its server ends itself", f"{torture.count} kills")
