"""Small finished runs with planted truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgvet.workdir import WorkDir
from support.finished_run import finish_run
from support.pictures import jpeg, photograph, write_photographs


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs, a copy of the first, the second re-encoded, and a file of text."""
    folder = tmp_path_factory.mktemp("search") / "photos"
    write_photographs(folder, 6)
    (folder / "copy of 0.jpg").write_bytes((folder / "photo00.jpg").read_bytes())
    (folder / "near 1.jpg").write_bytes(jpeg(photograph(1), quality=85))
    (folder / "text.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="session")
def work(photos: Path) -> WorkDir:
    """A finished run on the photographs."""
    return finish_run(photos, photos.parent / "out")
