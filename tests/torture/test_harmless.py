"""No command touches the data: ``curate apply`` alone moves files, which ``undo`` brings back."""

from __future__ import annotations

import argparse
import hashlib
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from torture.conftest import Torture

from imgvet.cli.commands import parser
from support.pictures import age, write_photographs
from support.torture import Trouble, run_here
from support.videos import write_video

pytestmark = pytest.mark.timeout(0)

Command = tuple[object, ...]
APPLY = ("curate apply", "curate undo")
UNTIL_STOPPED = {"explore": 8.0, "serve": 20.0}
"""Commands that go on until they are stopped, and the seconds after which they are killed."""


def commands_of(made: argparse.ArgumentParser, name: str = "") -> Iterator[str]:
    """Every command that the command line knows."""
    kinds = [one for one in made._actions if isinstance(one, argparse._SubParsersAction)]
    for kind in kinds:
        for word, command in kind.choices.items():
            yield from commands_of(command, f"{name} {word}".strip())
    if not kinds:
        yield name


def calls(photos: Path, folder: Path) -> dict[str, Command]:
    """How each command is called, in an order in which each finds what it needs."""
    out, old = folder / "out", folder / "fastdup"
    run = (photos, "--work-dir", out, "--delete-img", "--delete-tar", "--run-advanced-stats")
    config = folder / "datasets.toml"
    watched = (photos, "--work-dir", folder / "watched")
    return {
        "run": run,
        "summary": (out,),
        "report": (out, "--single-file"),
        "explore": (out, "--no-browser"),
        "search": (out, photos / "photo00.jpg"),
        "subset": (out, 3),
        "demo": ("--work-dir", folder / "demo"),
        "export": (out, folder / "exported", "--format", "coco"),
        "import-fastdup": (old, "--work-dir", folder / "imported"),
        "compare": (out, photos),
        "curate plan": (out, "--replace"),
        "curate learn": (out,),
        "monitor": watched,
        "baseline": (folder / "watched", "--set", "first"),
        "serve": (*watched, "--cron", "0 6 * * *"),
        "automations apply": (),
        "status": (config,),
        "datasets check": (config,),
        "deployments init": (folder / "examples",),
        "models list": (),
        "models pull": ("no-such-model",),
        "models path": (),
        "store info": (out,),
        "store verify": (out,),
        "store gc": (out,),
        "curate apply": (out / "plan.csv", "--to", folder / "quarantine", "--yes"),
        "curate undo": (folder / "quarantine",),
    }


def test_every_command_is_tried(tmp_path: Path) -> None:
    assert set(commands_of(parser())) == set(calls(tmp_path, tmp_path))


def data_in(photos: Path) -> dict[str, tuple[object, ...]]:
    """What files are: their bytes, modes and times of change."""
    files = {path: path.stat() for path in photos.rglob("*") if path.is_file()}
    return {
        str(path): (digest(path), status.st_mode, status.st_mtime_ns)
        for path, status in files.items()
    }


def traces_in(photos: Path) -> dict[str, tuple[object, ...]]:
    """The same, with all that the system tells of files and folders, except when they were read."""
    found = {}
    for path in (photos, *photos.rglob("*")):
        status = path.lstat()
        told = status.st_ino, status.st_nlink, status.st_uid, status.st_ctime_ns
        found[str(path)] = (status.st_mode, status.st_mtime_ns, *told, digest(path))
    return found


def digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photographs and copies, an archive, a video, a list, what is no picture, odd modes."""
    folder = tmp_path / "photos"
    first, second, *_ = write_photographs(folder, 6)
    deep = folder / "deep" / "er"
    deep.mkdir(parents=True)
    for number, path in enumerate((folder / "copy.jpg", deep / "copy 2.jpg")):
        path.write_bytes(first.read_bytes())
        path.chmod(0o600 + number)
    (folder / "broken.jpg").write_bytes(second.read_bytes()[:2000])
    (folder / "list.txt").write_text(f"{first}\n")
    (folder / "link.jpg").symlink_to(second)
    with zipfile.ZipFile(folder / "some.zip", "w") as packed:
        packed.write(second, "inside.jpg")
    write_video(folder / "film.avi", 5)
    age(*(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()))
    return folder


@pytest.mark.slow
def test_harmless(
    torture: Torture, photos: Path, at_server: dict[str, str], tmp_path: Path, log: Path
) -> None:
    given, before = calls(photos, tmp_path), traces_in(photos)
    (tmp_path / "datasets.toml").write_text(f'[datasets.a]\ninput_dir = "{photos}"\n')
    old = ("export", tmp_path / "out", tmp_path / "fastdup", "--format", "fastdup")
    for name, arguments in given.items():
        if name in APPLY:
            continue
        if name == "import-fastdup":
            assert run_here(old, at_server, log).code == 0, log.read_text()
        trouble = Trouble(kill_after=UNTIL_STOPPED.get(name))
        ended = run_here((*name.split(), *arguments), at_server, log, trouble)
        if ended.code not in (0, 2, -signal.SIGKILL):
            torture.wrong.append(f"{name} {ended}")
        if traces_in(photos) != before:
            torture.wrong.append(f"{name} touched the data")
            before = traces_in(photos)
    torture.found("every command but `curate apply` and `undo`: data touched", len(given) - 2)


@pytest.mark.slow
def test_undone(
    torture: Torture, photos: Path, at_server: dict[str, str], tmp_path: Path, log: Path
) -> None:
    given, before, quarantine = calls(photos, tmp_path), data_in(photos), tmp_path / "quarantine"

    def call(name: str, kill_at: int = 0, *more: str) -> tuple[int | None, int]:
        trouble = Trouble(r"/(quarantine|photos)\b", kill_at)
        ended = run_here((*name.split(), *given[name], *more), at_server, log, trouble)
        return ended.code, ended.changes

    def killed(name: str, changes: int, *more: str) -> bool:
        return call(name, torture.chance.randint(1, changes), *more)[0] == -signal.SIGKILL

    assert call("run")[0] == 0
    assert call("curate plan")[0] == 0
    assert len(pd.read_csv(tmp_path / "out" / "plan.csv").query("action == 'remove'")) > 1
    code, changes = call("curate apply")
    assert code == 0
    assert data_in(photos) != before
    kept = {state[0] for state in before.values()}
    undoing = call("curate undo")[1]
    kills = 0
    while kills < torture.count:
        more = torture.chance.choice(((), ("--leave-link",)))
        kills += killed("curate apply", changes, *more)
        if torture.chance.random() < 0.5:
            assert call("curate apply", 0, *more)[0] == 0
        if (quarantine / "journal.jsonl").exists():
            kills += killed("curate undo", undoing)
            found = data_in(photos) | data_in(quarantine)
            if not kept <= {state[0] for state in found.values()}:
                torture.wrong.append(f"after {kills} kills, a file is nowhere")
            assert call("curate undo")[0] == 0, log.read_text()
        if data_in(photos) != before:
            torture.wrong.append(f"after {kills} kills and undo, the data are not as they were")
            break
    torture.found("SIGKILL of `curate apply` and of `undo`; then undo", f"{kills} kills")
