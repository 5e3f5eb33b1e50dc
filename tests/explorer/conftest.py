"""A real server over a small finished run, and a client that has its key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from imgvet.explorer.server import Explorer
from imgvet.workdir import WorkDir
from support.finished_run import finish_run
from support.pictures import jpeg, photograph, write_photographs

HOSTILE = "<img src=x onerror=alert(1)> & 'quoted'.jpg"


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs, a copy, a near copy with a hostile name, and a file of text."""
    folder = tmp_path_factory.mktemp("explored") / "photos"
    write_photographs(folder, 6)
    (folder / HOSTILE).write_bytes(jpeg(photograph(1), quality=85))
    (folder / "copy of 0.jpg").write_bytes((folder / "photo00.jpg").read_bytes())
    (folder / "text.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="session")
def work(photos: Path) -> WorkDir:
    """A finished run on the photographs, with crops beside it and a page for a report."""
    work = finish_run(photos, photos.parent / "out")
    finish_run(photos, work.path, bounding_box="row_y=10,col_x=20,height=60,width=80")
    (work.report / "data").mkdir(parents=True)
    work.report_index.write_text("<html><head></head><body>The report</body></html>")
    (work.report / "data" / "a.js").write_text("let a = 1;")
    (photos.parent / "secret.txt").write_text("secret")
    (work.report / "link.txt").symlink_to(photos.parent / "secret.txt")
    return work


@pytest.fixture(scope="session")
def explorer(work: WorkDir) -> Iterator[Explorer]:
    """The server."""
    with Explorer(work.path) as running:
        yield running


@pytest.fixture(scope="session")
def base(explorer: Explorer) -> str:
    """Its address without the key."""
    return f"http://127.0.0.1:{explorer.port}"


@pytest.fixture(scope="session")
def client(explorer: Explorer, base: str) -> Iterator[httpx.Client]:
    """A client that opened the address with the key, and knows the token of the page."""
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as opened:
        page = opened.get(explorer.url, follow_redirects=True)
        token = page.text.split('name="imgvet-token" content="')[1].split('"')[0]
        opened.headers["x-imgvet-token"] = token
        yield opened
