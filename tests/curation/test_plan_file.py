"""A plan as files: safe in a spreadsheet, read back as it was, never replacing what was edited."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from curation.conftest import plan_of

from imgvet.curation.decisions import Kind, read_decisions
from imgvet.curation.plan import make_plan
from imgvet.curation.plan_file import (
    elsewhere,
    is_edited,
    learn,
    read_plan,
    require_sound,
    script_of,
    write_plan,
)
from imgvet.curation.rules import Rules
from imgvet.errors import PlanError
from imgvet.spreadsheet import read_csv
from imgvet.workdir import WorkDir
from support.planted_run import planted_run


def test_files_that_are_no_table_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    with pytest.raises(PlanError, match="can't be read"):
        read_plan(path)
    for data, said in ((b"\xe9", "not UTF-8"), (b"", "no column"), (b'action\n"x', "not CSV")):
        path.write_bytes(data)
        with pytest.raises(PlanError, match=said):
            read_csv(path, ["action"])
    (tmp_path / "plan.parquet").write_bytes(b"no table")
    with pytest.raises(PlanError, match="can't be read"):
        read_plan(tmp_path / "plan.parquet")


@pytest.fixture
def work(tmp_path: Path) -> WorkDir:
    """A run with a near pair, a dark image, one whose label is likely wrong, and two copies."""
    same = {"digest": "5" * 32, "at": 150}
    images = [
        {"filename": '/photos/a,"\n=.jpg'}, {"width": 90, "label": "=1+1"}, {"percentile_99": 20},
        {"label": "cat"}, same, same,
    ]  # fmt: skip
    pair = {"from": 0, "to": 1, "similarity": 0.95}
    issue = {"id": 3, "label": "cat", "suggested_label": "dog", "score": 0.1, "is_issue": True}
    return planted_run(tmp_path, images, [pair], label_issues=pd.DataFrame([issue]))


def test_a_plan_is_read_back_from_both_files(work: WorkDir) -> None:
    plan = make_plan(work, Rules(near="remove", keep=("largest",)))
    write_plan(work, plan)
    for path in (work.plan_csv, work.plan_table):
        pd.testing.assert_frame_equal(read_plan(path), plan)
    first = work.plan_csv.read_bytes()
    write_plan(work, plan)
    assert work.plan_csv.read_bytes() == first


def test_a_plan_that_was_edited_is_not_replaced(work: WorkDir) -> None:
    plan = make_plan(work, Rules())
    write_plan(work, plan)
    assert not is_edited(work)
    edited = work.plan_csv.read_bytes().replace(b'"review","dark"', b'"remove","dark"')
    work.plan_csv.write_bytes(edited)
    with pytest.raises(PlanError, match="was edited and would be replaced"):
        write_plan(work, plan)
    assert work.plan_csv.read_bytes() == edited
    assert set(read_plan(work.plan_csv)["action"]) == {"keep", "remove", "review"}
    write_plan(work, plan, replace=True)
    assert not is_edited(work)


def test_actions_are_words_and_what_is_protected_stays(tmp_path: Path) -> None:
    sound = plan_of([{"filename": "/a", "digest": "0"}])
    for column, value in (("action", "delete"), ("action", None), ("list", "protected")):
        work = WorkDir(tmp_path / f"{column}{value}")
        work.path.mkdir()
        write_plan(work, sound.assign(**{column: value}))
        with pytest.raises(PlanError):
            read_plan(work.plan_csv)


def test_a_film_does_not_go_with_a_frame_that_stays() -> None:
    film = {"list": "whole_file", "filename": "/a.mp4"}
    frame = {"list": "near", "filename": "/a.mp4#t=1.0", "place": "frame"}
    other = {"list": "near", "filename": "/a.mp4.jpg", "action": "keep"}
    for action, said in (("keep", "with '/a.mp4#t=1.0' in it"), ("review", "in it, which should")):
        with pytest.raises(PlanError, match=said):
            require_sound(plan_of([film, {**frame, "action": action}, other]))
    plan = plan_of([film, frame, other])
    require_sound(plan)
    assert elsewhere(plan).empty
    assert elsewhere(plan[1:])["filename"].tolist() == ["/a.mp4#t=1.0"]


def test_what_a_person_kept_is_remembered_by_content(work: WorkDir) -> None:
    write_plan(work, make_plan(work, Rules()))
    plan = read_plan(work.plan_csv)
    assert learn(work, plan).all == (), "nothing was decided yet"
    kept = learn(work, plan.assign(action="keep"))
    assert {(one.kind, one.digest[-1], one.other_digest[-1:]) for one in kept.all} == {
        (Kind.NOT_A_DUPLICATE, "0", "1"),
        (Kind.KEEP, "2", ""),
        (Kind.LABEL_IS_RIGHT, "3", ""),
        (Kind.KEEP_BOTH, "5", "5"),
    }
    assert learn(work, plan.assign(action="keep")) == kept == read_decisions(work)
    assert make_plan(work, Rules()).empty


def test_decisions_that_make_no_sense_are_told(work: WorkDir) -> None:
    for row in ("maybe,1,", "keep,,", "not_a_duplicate,1,"):
        work.decisions.write_text(f"decision,digest,other_digest\n{row}\n")
        with pytest.raises(PlanError, match=r"Row 2 of .* is no decision"):
            read_decisions(work)


AWS = """#!/bin/sh
[ "$1" = --endpoint-url ] && { echo "at $2" >> log; shift 2; }
case "$2" in
  head-object) [ -e "there/$6" ] && exit 0; echo "(404)" >&2; exit 254;;
  mv) printf '%s|%s\\n' "$3" "$4" >> log;;
esac
"""


def test_the_script_moves_objects_and_back_and_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "aws").write_text(AWS)
    (tmp_path / "aws").chmod(0o755)
    objects = ["s3://photos/it's $(touch x);\n.jpg", "minio://host:9000/b/c.jpg"]
    (tmp_path / "bucket.sh").write_text(script_of(objects))

    def run(*mode: str) -> str:
        (tmp_path / "log").unlink(missing_ok=True)
        path = f"{tmp_path}:{os.environ['PATH']}"
        command = ["sh", "bucket.sh", *mode]
        done = subprocess.run(
            command, cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=True
        )
        log = tmp_path / "log"
        return done.stdout + done.stderr + (log.read_text() if log.exists() else "")

    plain, moved = "s3://photos/it's $(touch x);\n.jpg", "s3://photos/imgvet-quarantine/it's"
    assert run().startswith(f"{plain} -> {moved}")
    assert not (tmp_path / "log").exists()
    assert f"{plain}|{moved}" in run("--yes")
    assert "at https://host:9000" in run("--yes")
    assert "s3://b/imgvet-quarantine/c.jpg|s3://b/c.jpg" in run("--undo")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "c.jpg").touch()
    assert "left, as there is one: s3://b/c.jpg" in run("--undo")
    assert not (tmp_path / "x").exists()
