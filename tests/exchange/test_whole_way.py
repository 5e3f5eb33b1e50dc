"""The whole way: a set is vetted, cleaned by a plan, exported, vetted again, and compared."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from imgvet.cli.main import main
from imgvet.exchange.compare import compare_sides, read_side
from imgvet.search.copies import copy_groups
from imgvet.tables import read_table
from support.exported import write_rows
from support.finished_run import finish_run
from support.pictures import write_photographs


def test_a_set_is_cleaned_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    write_photographs(photos, 5)
    shutil.copy(photos / "photo01.jpg", photos / "photo01 copy.jpg")
    (photos / "broken.jpg").write_bytes(b"no picture")
    rows = [(path.name, "dog", "train") for path in sorted(photos.glob("photo*"))]
    labels = write_rows(tmp_path / "labels.csv", ("filename", "label", "split"), rows)
    before = finish_run(photos, tmp_path / "out", annotations=str(labels))
    assert main(["curate", "plan", str(before.path)]) == 0
    plan = pd.read_csv(before.home / "plan.csv")
    assert (plan["action"] == "remove").sum() >= 1
    clean = tmp_path / "clean"
    command = ["export", str(before.path), str(clean), "--format", "coco"]
    assert main([*command, "--plan", str(before.home / "plan.parquet")]) == 0
    given = {"annotations": str(clean / "annotations" / "instances_train.json")}
    after = finish_run(clean / "images", tmp_path / "again", **given)
    items = read_table(after.table("items"))
    assert copy_groups(items) == []
    assert items["status"].eq("ok").all()
    assert items["label"].eq("dog").all()
    found = compare_sides(read_side(str(before.path)), read_side(str(after.path)))
    names = found.images["filename_before"].map(lambda name: Path(name).name, na_action="ignore")
    gone = set(names[found.images["change"] == "gone"])
    assert "broken.jpg" in gone
    assert len(gone & {"photo01.jpg", "photo01 copy.jpg"}) == 1
    assert found.counts["new"] == 0
    assert set(found.findings("newly_bad")) <= {"outlier"}  # which so few images make
    assert "5 images exported" in capsys.readouterr().out
