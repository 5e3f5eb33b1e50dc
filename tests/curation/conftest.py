"""A folder of files with their times and modes, and a plan that takes some of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from imgvet.store.references import digest_file
from imgvet.tables import PLAN, conform, to_frame

Row = dict[str, object]


def plan_of(rows: Sequence[Row]) -> pd.DataFrame:
    """A plan of rows that name what matters to a test."""
    full = [
        {"action": "remove", "list": "invalid", "reason": "a test", "place": "file", **row}
        for row in rows
    ]
    return to_frame(conform(pd.DataFrame(full), PLAN))


def remove(path: Path, **row: object) -> Row:
    """A row of a file that is there."""
    return {"filename": str(path), "digest": digest_file(path), "file_size": 1, **row}


def keep(path: Path) -> Row:
    """The row of a file that stays for others."""
    return remove(path, action="keep", kept=str(path))


def state_of(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Bytes, mode and time of change of every file, hidden ones too, by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in files
    }


@dataclass(frozen=True)
class Dataset:
    """Files in folders, with how they were."""

    folder: Path
    before: dict[str, tuple[bytes, int, int]]

    def path(self, name: str) -> Path:
        return self.folder / name

    def state(self) -> dict[str, tuple[bytes, int, int]]:
        return state_of(self.folder)


NAMES = ("a.jpg", "copy of a.jpg", "deep/er/b.jpg", 'deep/c\n,"=1.jpg', "d.jpg", "é.jpg")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Six files; the second has the bytes of the first, each has a time and a mode of its own."""
    folder = tmp_path / "photos"
    for number, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a" if number < 2 else name.encode() * 100)
        path.chmod(0o600 + number)
        os.utime(path, ns=(10**18 + number, 10**18 + 123_456_789 * number))
    return Dataset(folder, state_of(folder))


@pytest.fixture
def plan(dataset: Dataset) -> pd.DataFrame:
    """A plan that takes four files, one of them as a copy of one that stays."""
    first = dataset.path(NAMES[0])
    copy = remove(dataset.path(NAMES[1]), list="exact", kept=str(first), similarity=1.0)
    return plan_of([keep(first), copy, *(remove(dataset.path(name)) for name in NAMES[2:5])])
