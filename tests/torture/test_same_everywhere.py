"""The tables are the same to the byte, whatever the machine, its clock and how busy it is."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torture.conftest import Torture
from torture.test_killed import Case, Killed, pack_up, wrong_end

from support.command import command as words
from support.pictures import age, jpeg, scene, write_scenes
from support.torture import Ended, Trouble, copy_folder, results_of, run_here

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

VARIANTS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "1 thread": (("--num-threads", "1"), {}),
    "2 threads": (("--num-threads", "2"), {}),
    "8 threads": (("--num-threads", "8"), {}),
    "another locale": ((), {"LC_ALL": "C", "LANG": "C"}),
    "a time zone of +14 hours": ((), {"TZ": "Pacific/Kiritimati"}),
    "another seed of hashes": ((), {"PYTHONHASHSEED": "7"}),
    "Dask": (("--runner", "dask"), {}),
}


def shuffle_folders() -> None:
    """Let folders tell what is in them in another order each time."""
    scandir = os.scandir

    class Shuffled:
        def __init__(self, entries: list[Any]) -> None:
            self._entries = iter(entries)

        def __iter__(self) -> Iterator[Any]:
            return self

        def __next__(self) -> Any:
            return next(self._entries)

        def __enter__(self) -> Iterator[Any]:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def close(self) -> None:
            pass

    def shuffled(*path: Any) -> Any:
        with scandir(*path) as entries:
            found = list(entries)
        random.shuffle(found)
        return Shuffled(found)

    os.scandir = shuffled  # type: ignore[assignment]


def test_same_everywhere(
    torture: Torture, at_server: dict[str, str], tmp_path: Path, log: Path
) -> None:
    photos = tmp_path / "photos"
    for number, label in enumerate(("cat", "dog")):
        folder = photos / label
        first, *_ = write_scenes(folder, 20, 20 * number)
        shutil.copy2(first, folder / "a copy.jpg")
        (folder / "near.jpg").write_bytes(jpeg(scene(20 * number + 1), quality=70))
    pack_up(photos / "dog")
    age(*(path for path in photos.rglob("*") if path.is_file()))
    options = ("--run-advanced-stats", "--labels-from", "folders", "--threshold", "0.5")
    command = ("run", photos, "--work-dir")

    def compare(name: str, out: Path, ended: Ended, wanted: dict[str, bytes]) -> None:
        found = results_of(out)
        if ended.code != 0:
            torture.wrong.append(f"{name}: {ended}")
        differing = [file for file in wanted | found if found.get(file) != wanted.get(file)]
        torture.wrong.extend(f"{name}: {file} differs" for file in sorted(differing))

    calm = tmp_path / "calm"
    assert run_here((*command, calm, *options), at_server, log).code == 0, log.read_text()
    wanted = results_of(calm)
    assert len(wanted) > 8
    for number, (name, (more, variables)) in enumerate(VARIANTS.items()):
        out = tmp_path / f"out {number}"
        ended = subprocess.run(
            words(*command, out, *options, *more),
            env={**at_server, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        compare(name, out, Ended(ended.returncode, ended.stderr), wanted)
    for number in range(torture.count):
        out = tmp_path / "deep" / f"shuffled-{number}"
        given = (*command, out, *options)
        ended_here = run_here(given, at_server, log, Trouble(before=shuffle_folders))
        compare(f"folders shuffled, {number}", out, ended_here, wanted)
    tried = ", ".join(VARIANTS)
    torture.found(f"the same run with {tried}; folders shuffled", f"7, {torture.count} shuffled")


@pytest.mark.skipif(shutil.which("faketime") is None, reason="the program faketime is not there")
@pytest.mark.parametrize("before", [0, 1])
def test_clock_goes_back(
    before: int, torture: Torture, environment: dict[str, str], at_server: dict[str, str],
    tmp_path: Path,
) -> None:  # fmt: skip
    """A run, with a server of its own, when all that is there lies two days ahead."""
    run = Killed(tmp_path, Case(before=before), at_server)
    copy_folder(run.saved, run.out)
    for number in range(2):
        ended = subprocess.run(
            ("faketime", "-f", "-2d", *words(*run.command)),
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        wrong = wrong_end(ended.returncode, ended.stderr) + run.differences()
        torture.wrong += [f"run {number + 1} two days earlier: {what}" for what in wrong]
    torture.wrong += [f"the run at the time again: {what}" for what in run.again()]
    what = ("photos", "photos and a work dir")[before]
    torture.found(f"a clock two days before {what}, then right again", "3 runs")
