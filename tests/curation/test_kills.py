"""Killed at any moment, applying and undoing go on where they were: no file is lost or changed.

A child process is killed before each of its calls that change something on the disk, one
after the other, until it gets to its end.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from curation.conftest import Dataset, state_of

from imgvet.curation import apply as module
from imgvet.curation.apply import apply, undo

CHANGES = ("link", "rename", "unlink", "fsync")
"""Calls of ``os`` after which a file, or what is written of it, may be otherwise."""


class Killer:
    """Counts calls, and kills its own process before or after one of them."""

    def __init__(self, moment: int, *, across: bool) -> None:
        self.left, self.across = moment, across

    def step(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def watched(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **rest: Any) -> Any:
            self.step()
            ends = [("quarantine" in str(path)) for path in given[:2]]
            if self.across and name in ("link", "rename") and ends[0] != ends[-1]:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            return act(*given, **rest)

        return call

    def install(self) -> None:
        for name in CHANGES:
            setattr(os, name, self.watched(name, getattr(os, name)))
        copy = shutil.copyfileobj

        def half_copied(source: Any, target: Any, *rest: Any) -> None:
            target.write(source.read(10))
            target.flush()
            self.step()
            copy(source, target, *rest)

        shutil.copyfileobj = half_copied


def killed_at(moment: int, act: Callable[[], object], *, across: bool) -> bool:
    """Do something in a child that is killed at a moment; whether it was."""
    child = os.fork()
    if child == 0:
        try:
            Killer(moment, across=across).install()
            act()
        except BaseException:  # noqa: BLE001 - told by the exit status
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "an error, not a kill"
    return os.WIFSIGNALED(status)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # of no use to a process that is killed


@pytest.fixture
def plan(plan: pd.DataFrame) -> pd.DataFrame:
    """Two files go, a copy and another: more than a batch."""
    return plan.head(3)


def contents(*folders: Path) -> set[bytes]:
    return {data for folder in folders for data, _, _ in state_of(folder).values()}


@pytest.mark.parametrize(
    ("across", "link"), [(False, True), (True, False)], ids=["linking", "across"]
)
def test_a_killed_apply_loses_nothing_and_is_undone_or_goes_on(
    dataset: Dataset, plan: pd.DataFrame, tmp_path: Path, across: bool, link: bool
) -> None:
    quarantine = tmp_path / "quarantine"
    wanted = contents(dataset.folder)
    moment = 0
    while killed_at(moment, lambda: apply(plan, quarantine, link=link), across=across):
        assert wanted <= contents(dataset.folder, quarantine), moment
        if moment % 2:
            outcome = apply(plan, quarantine, link=link)
            assert (outcome.refused, len(outcome.moved) + outcome.already) == ({}, 2), moment
        if (quarantine / "journal.jsonl").exists():
            assert undo(quarantine).refused == {}, moment
        assert dataset.state() == dataset.before, moment
        shutil.rmtree(quarantine, ignore_errors=True)
        moment += 1
    assert moment > 8


def test_a_killed_undo_loses_nothing_and_goes_on(
    dataset: Dataset, plan: pd.DataFrame, tmp_path: Path
) -> None:
    quarantine = tmp_path / "quarantine"
    wanted = contents(dataset.folder)
    moment, was_killed = 0, True
    while was_killed:
        apply(plan, quarantine, link=True)
        was_killed = killed_at(moment, lambda: undo(quarantine), across=True)
        assert wanted <= contents(dataset.folder, quarantine), moment
        if moment % 2:
            apply(plan, quarantine, link=True)
        assert undo(quarantine).refused == {}, moment
        assert dataset.state() == dataset.before, moment
        shutil.rmtree(quarantine)
        moment += 1
    assert moment > 8


def test_kills_in_a_row_lose_nothing(dataset: Dataset, plan: pd.DataFrame, tmp_path: Path) -> None:
    quarantine = tmp_path / "quarantine"
    wanted = contents(dataset.folder)
    for moment in range(4, 28):
        is_there = (quarantine / "journal.jsonl").exists()
        back = is_there and moment // 3 % 2
        act = partial(undo, quarantine) if back else partial(apply, plan, quarantine)
        killed_at(moment, act, across=True)
        assert wanted <= contents(dataset.folder, quarantine), moment
    assert undo(quarantine).refused == {}
    assert dataset.state() == dataset.before


def test_a_killed_delete_deletes_only_what_was_confirmed(
    dataset: Dataset, plan: pd.DataFrame, tmp_path: Path
) -> None:
    quarantine = tmp_path / "quarantine"
    apply(plan, quarantine)
    moment = 0
    while killed_at(moment, lambda: apply(plan, quarantine, delete=2), across=False):
        held = len(state_of(quarantine / "files"))
        outcome = undo(quarantine)
        assert (held + outcome.deleted) >= 2
        assert outcome.deleted in (0, 2), "all that were confirmed, or none"
        for path, (data, mode, _) in dataset.before.items():
            Path(path).write_bytes(data)
            Path(path).chmod(mode)
        shutil.rmtree(quarantine)
        apply(plan, quarantine)
        moment += 1
    assert moment > 2
