"""A refused request writes nothing: neither among the user's photos nor into a work dir.

Those of the command ``run`` are in tests/test_wrong_requests.py.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd
import pytest

from imgvet.cli.main import main
from imgvet.dataset import Dataset
from imgvet.errors import ImgvetError, MachineError
from support.command import command, tree
from support.pictures import write_photographs

LABELS = pd.DataFrame({"filename": ["photo00.jpg", "photo01.jpg"], "label": ["a", "b"]})
VECTORS = (["photo00.jpg", "photo01.jpg"], np.eye(2, dtype=np.float32))
BOX = "row_y=0,col_x=0,height=9,width=9"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photos, finished work dirs, and files that are of no use."""
    write_photographs(tmp_path / "photos", 2)
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.csv").write_text("colour\nred\n")
    for finished in ("done", "done/crops"):
        (tmp_path / finished).mkdir()
        (tmp_path / finished / "run.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "bad value": ("threshold", {"threshold": 7}),
    "missing input": ("does not exist", {"input_dir": "nowhere"}),
    "work dir inside input, vectors": (
        "lies inside", {"work_dir": "photos/out", "embeddings": VECTORS},
    ),
    "overwrite off, crops": (
        "overwrite is off", {"work_dir": "done", "overwrite": False, "bounding_box": BOX},
    ),
    "input that is not UTF-8": ("is not UTF-8", {"input_dir": "photos\udcff"}),
    "work dir that is not UTF-8": ("is not UTF-8", {"work_dir": "out\udcff"}),
    "annotations without names": ("filename", {"annotations": pd.DataFrame({"label": ["a"]})}),
    "annotations of no file": (
        "annotations", {"annotations": LABELS.assign(filename=["x.jpg", "y.jpg"])},
    ),
    "file of annotations": ("filename", {"annotations": "no.csv"}),
    "embeddings without names": (
        "which image", {"embeddings": VECTORS[1], "annotations": None},
    ),
    "too few embeddings": ("rows", {"embeddings": (VECTORS[0], VECTORS[1][:1])}),
    "embeddings of another width": ("2 values", {"embeddings": VECTORS, "d": 3}),
    "embeddings and a model": ("exclude", {"embeddings": VECTORS, "model_path": "clip"}),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_python(case: str, place: Path) -> None:
    said, wrong = REFUSED[case]
    parameters = {"annotations": LABELS, **wrong}
    name, work_dir = parameters.pop("input_dir", "photos"), parameters.pop("work_dir", "out")
    before = tree(place)
    with pytest.raises(ImgvetError, match=said):
        Dataset(name, work_dir).run(**parameters)
    assert tree(place) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("nowhere",),
        ("empty",),
        ("photos", "--work-dir", "photos/out"),
        ("photos", "--d", "3"),
        ("photos", "--annotations", "no.csv"),
        ("photos", "--embeddings", "no.npy"),
    ],
)
def test_monitor(arguments: tuple[str, ...], place: Path) -> None:
    before = tree(place)
    assert main(["monitor", *arguments]) == 2
    assert tree(place) == before


def test_a_server_that_does_not_answer(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    before = tree(place)
    with pytest.raises(ImgvetError, match="does not answer"):
        Dataset("photos", "out").run(annotations=LABELS)
    assert tree(place) == before


def test_a_server_that_a_notebook_named_no_more(place: Path) -> None:
    code = (
        "import os, imgvet.engine.server as server\n"
        "os.environ['PREFECT_API_URL'] = 'http://127.0.0.1:9/api'\n"
        "import prefect\n"
        "del os.environ['PREFECT_API_URL']\n"
        "assert server.configured_url() is None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_work_dir_in_use(place: Path) -> None:
    store = place / "out" / "store"
    store.mkdir(parents=True)
    with filelock.FileLock(store / "lock"):
        before = set(tree(place))
        with pytest.raises(ImgvetError, match="Another run is writing"):
            Dataset("photos", "out").run(annotations=LABELS)
        assert set(tree(place)) == before


def test_a_machine_that_allows_few_open_files(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (100, 100))
    before = tree(place)
    with pytest.raises(MachineError, match=r"up to 128\. Allow more"):
        Dataset("photos", "out").run()
    assert tree(place) == before


def test_a_machine_that_allows_few_addresses(place: Path) -> None:
    """Libraries would end the process, or never return: it is refused before."""
    before = tree(place)
    ended = subprocess.run(
        command("run", "photos", "--work-dir", "out"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.startswith("imgvet: Only 1.0 GB of addresses")
    assert ended.stderr.count("\n") == 1
    assert tree(place) == before
