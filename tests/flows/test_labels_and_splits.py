"""Leaks and label issues from folders to tables, checks and report, and nothing without them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imgvet.curation.decisions import Decision, Kind, decide
from imgvet.errors import PlanError
from imgvet.quality.result import CheckState, read_results
from imgvet.summary import RunSummary, summary_lines
from imgvet.workdir import WorkDir
from support.pictures import age, jpeg, photograph

from .conftest import FinishedRun, Runner

CLASSES = {"astronaut": 0, "coffee": 11, "rocket": 12}
PARTS = 12
FLIPPED, CONFLICT = "train/coffee/astronaut02.jpg", "train/rocket/coffee03.jpg"


def write_parts(folder: Path) -> None:
    """Parts of three photographs in folders of classes, one of them in a wrong one.

    The first of each class is in train and in test, and one of coffee in two classes.
    """
    random = np.random.default_rng(4)
    for name, number in CLASSES.items():
        whole = photograph(number)
        height, width = (side * 2 // 3 for side in whole.shape[:2])
        for part in range(PARTS):
            top = random.integers(whole.shape[0] - height + 1)
            left = random.integers(whole.shape[1] - width + 1)
            data = jpeg(np.ascontiguousarray(whole[top : top + height, left : left + width]))
            place = f"train/{name}/{name}{part:02d}.jpg"
            copies = [f"test/{name}/copy.jpg"] if part == 0 else []
            if place == "train/astronaut/astronaut02.jpg":
                place = FLIPPED
            if place == "train/coffee/coffee03.jpg":
                copies = [CONFLICT]
            for path in (folder / place, *(folder / copy for copy in copies)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    age(*folder.rglob("*.jpg"))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Runner, RunSummary]:
    """A run on them with labels and splits by folder."""
    folder = tmp_path_factory.mktemp("parts")
    write_parts(folder / "photos")
    runner = Runner(folder / "photos", folder / "out")
    # Parts of one photograph are near duplicates at 0.9, and proven ones; here only copies leak.
    only_copies = {"threshold": 0.9999, "verify_threshold": 1.0}
    return runner, runner.run(split_pattern="folders", labels_from="folders", **only_copies)


def test_the_planted_mistakes_are_found_and_no_others(parts: tuple[Runner, RunSummary]) -> None:
    runner, summary = parts
    table = runner.dataset.label_issues()
    found = table[table["is_issue"]]
    names = [Path(name).relative_to(runner.photos).as_posix() for name in found["filename"]]
    assert dict(zip(names, found["suggested_label"], strict=True)) == {
        FLIPPED: "astronaut", CONFLICT: "coffee",
    }  # fmt: skip
    assert "/astronaut/" in found.set_index("label").loc["coffee", "filename_nearest"]
    assert len(table) == 3 * (PARTS + 1) + 1
    assert (summary.counts.label_issues, summary.counts.label_conflict_images) == (2, 2)
    leaks = runner.dataset.leaks()
    assert len(leaks) == 3
    assert leaks["filename_from"].str.contains("/test/").all()
    assert summary.leaks_by_split == {"test": 3, "train": 3}
    assert summary.without_split is None
    folds = {f"fold {number}": 1 for number in range(25)}
    many = summary.model_copy(update={"leaks_by_split": folds, "without_split": 7})
    told = summary_lines(many, "report")
    assert any("1 fold 12, 20 more; 7 images without a split" in line for line in told), "one line"


def test_they_are_checked_told_and_shown(
    parts: tuple[Runner, RunSummary], capsys: pytest.CaptureFixture[str]
) -> None:
    runner, _ = parts
    work = WorkDir(runner.dataset.work_dir)
    checks = {check.name: check for check in read_results(work.checks_json)}
    for name in ("leak_rate", "label_conflict_rate", "label_issue_rate"):
        assert checks[name].state is CheckState.FAILED
        assert checks[name].examples
    lines = "\n".join(runner.dataset.summary())
    assert "6 images in 3 pairs across splits: 3 test, 3 train" in lines
    assert "2 images in 1 group of exact copies" in lines
    assert "2 images (5 %)" in lines
    report = work.report_index.parent
    assert "likely wrong" in (report / "labels.html").read_text()
    assert (report / "leaks.html").is_file()
    assert (report / "tables" / "label_issues.parquet").is_file()


def test_given_probabilities_judge_in_place_of_neighbours(parts: tuple[Runner, RunSummary]) -> None:
    runner, _ = parts
    names = runner.dataset.annotations()["filename"]
    given = pd.DataFrame({"filename": names, "astronaut": 0.05, "coffee": 0.05, "rocket": 0.05})
    for row, name in enumerate(names):
        given.loc[row, Path(name).parent.name] = 0.9
    wrong = next(row for row, name in enumerate(names) if name.endswith("rocket05.jpg"))
    given.loc[wrong, ["astronaut", "coffee", "rocket"]] = [0.01, 0.98, 0.01]
    file = runner.photos.parent / "probabilities.csv"
    given.to_csv(file, index=False)
    runner.run(labels_from="folders", probabilities=str(file))
    table = runner.dataset.label_issues()
    found = table[table["is_issue"] & ~table["conflict"]]
    assert found["filename"].tolist() == [names[wrong]]
    assert found["suggested_label"].tolist() == ["coffee"]
    assert runner.dataset.leaks().empty


def test_a_label_that_was_decided_on_is_read_by_the_next_run(
    parts: tuple[Runner, RunSummary],
) -> None:
    runner, _ = parts
    work = WorkDir(runner.dataset.work_dir)
    facts = runner.dataset.annotations().set_index("filename")
    wrong, copy = (facts.loc[str(runner.photos / name)] for name in (FLIPPED, CONFLICT))
    right = Kind.LABEL_IS_RIGHT
    decide(work, Decision(right, wrong["digest"], label="astronaut"))
    decide(work, Decision(right, copy["digest"], label="coffee"))
    summary = runner.run(split_pattern="folders", labels_from="folders")
    assert (summary.counts.label_issues, summary.counts.label_conflict_images) == (0, 0)
    labels = runner.dataset.annotations().set_index("filename")["label"]
    assert labels[str(runner.photos / FLIPPED)] == "astronaut"
    assert labels[str(runner.photos / CONFLICT)] == "coffee"
    decide(work, Decision(right, wrong["digest"], label=wrong["label"]))
    summary = runner.run(split_pattern="folders", labels_from="folders")
    judged = runner.dataset.label_issues().set_index("filename")
    assert summary.counts.label_issues == 0
    assert judged.index[judged["decided"]].tolist() == [str(runner.photos / FLIPPED)]
    work.decisions.write_text("decision,digest\nmaybe,1\n")
    with pytest.raises(PlanError):
        runner.run(split_pattern="folders", labels_from="folders")
    work.decisions.unlink()


def test_without_labels_and_splits_there_is_nothing_of_them(first_run: FinishedRun) -> None:
    work = WorkDir(first_run.runner.dataset.work_dir)
    assert not work.table("leaks").exists()
    assert not work.table("label_issues").exists()
    text = (work.summary_json.read_text(), work.checks_json.read_text())
    assert not [word for word in ("leak", "label") if any(word in part for part in text)]
    assert {"find_leaks", "find_label_issues"}.isdisjoint(first_run.runner.computed())
    assert json.loads(text[0])["counts"]["images"] == 15
