"""The comparison of two versions' results tells every planted difference, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pandas as pd
import pytest

from benchmarks.same_inputs import STEPS, make_inputs
from benchmarks.same_results import compare, differences

ITEMS = pd.DataFrame(
    {"id": [0, 1, 2], "filename": ["a", "b", None], "contrast": [0.25, np.nan, 0.5]}
)  # fmt: skip


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """Two sides with a run of the same results, each with ids, times and paths of its own."""
    for side in (tmp_path / "old", tmp_path / "new"):
        work = side / "run" / "work"
        (work / "crops" / "tables").mkdir(parents=True)
        (work / "tables").mkdir()
        copied = str(work / "copies" / "b.jpg")
        items = ITEMS.assign(filename=["a", copied, None])
        items.to_parquet(work / "tables" / "items.parquet")
        items.to_parquet(work / "crops" / "tables" / "items.parquet")
        np.save(work / "embeddings.npy", np.eye(3, dtype=np.float32))
        summary = {"verdict": "passed", "counts": {"images": 3, "dark": 0}}
        (work / "summary.json").write_text(json.dumps(summary))
        checks = [{"name": "dark_rate", "value": 0.0, "examples": [1, 2]}]
        (work / "checks.json").write_text(json.dumps(checks))
        history = {"run_id": [str(uuid4())], "images": [3], "alarms": [["dark_rate"]]}
        pd.DataFrame(history).to_parquet(work / "history.parquet")
        said = f"Compared with run {uuid4()} of 2026-01-02 03:04.\nReport {work}/report\n"
        (side / "run" / "printed.txt").write_text(said)
    return tmp_path / "old", tmp_path / "new"


def test_ids_times_and_work_dirs_are_no_difference(
    sides: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(*sides, "run")
    said = capsys.readouterr().out.splitlines()
    assert sum(line.endswith(": same") for line in said) == 7
    assert "differs" not in "".join(said)


@pytest.mark.parametrize("name", ["items.parquet", "embeddings.npy", "summary.json", "checks.json",
                                  "history.parquet", "printed.txt"])  # fmt: skip
def test_a_change_of_any_file_is_told(
    sides: tuple[Path, Path], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = next(path for path in (sides[1] / "run").rglob(name) if "crops" not in path.parts)
    if changed.suffix == ".parquet":
        column = "id" if name == "items.parquet" else "images"
        table = pd.read_parquet(changed)
        table.assign(**{column: table[column] + 5}).to_parquet(changed)
    elif changed.suffix == ".npy":
        np.save(changed, np.load(changed) * np.float32(1 + 1e-6))
    else:
        text = changed.read_text()
        changed.write_text(text.replace("passed", "failed").replace("0.0", "0.1") + " "
                           if changed.suffix == ".json" else text + "one line more\n")  # fmt: skip
    assert not compare(*sides, "run")
    differing = [line for line in capsys.readouterr().out.splitlines() if "differs" in line]
    assert len(differing) == 1
    assert name in differing[0]


def test_what_is_gone_differs_and_what_is_added_is_told(
    sides: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    tables = sides[1] / "run" / "work" / "tables"
    ITEMS.assign(filename=["a", "b", None], path="p").to_parquet(tables / "items.parquet")
    shutil.copy(tables / "items.parquet", tables / "more.parquet")
    (sides[1] / "run" / "work" / "crops" / "tables" / "items.parquet").unlink()
    assert not compare(*sides, "run")
    said = capsys.readouterr().out
    assert "run: crops/tables/items.parquet: differs\n    gone" in said
    assert "    added: path" in said
    assert "run: added: tables/more.parquet" in said


def test_differences_of_tables() -> None:
    assert differences(ITEMS, ITEMS.assign(more=1)) == []
    assert differences(ITEMS, ITEMS.drop(columns="contrast")) == ["gone: contrast"]
    assert differences(ITEMS, ITEMS[:2]) == ["3 rows became 2"]
    assert differences(ITEMS, ITEMS.astype({"id": "int32"})) == ["id: int64 became int32"]
    assert differences(ITEMS, ITEMS.assign(filename=["a", "c", None])) == [
        "filename, row 1: 'b' became 'c'"
    ]


def test_the_inputs_hold_every_kind(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    coarse = [random.integers(0, 256, (30, 40, 3), np.uint8) for _ in range(4)]
    make_inputs(tmp_path, [cv2.resize(picture, (400, 300)) for picture in coarse])
    names = {path.name for path in tmp_path.rglob("*")}
    assert {"shard.tar", "shard.tar.gz", "shard.zip", "one.mp4", "two.avi", "coco.json",
            "rotated.csv", "data.yaml", "own.npy", "list.txt", "list.csv"} <= names  # fmt: skip
    assert {path.name for path in (tmp_path / "watched").iterdir()} == set(STEPS)
    copies = list((tmp_path / "photos" / "copies of all").iterdir())
    originals = [tmp_path / "photos" / "train" / path.name for path in copies]
    assert [path.read_bytes() for path in copies] == [path.read_bytes() for path in originals]
