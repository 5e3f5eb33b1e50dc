"""Labels to decide on: which there are, and what decisions on them lead to."""

from __future__ import annotations

from pathlib import Path

import httpx
import pandas as pd
import pytest

from imgvet.curation.decisions import read_decisions
from imgvet.curation.plan import make_plan
from imgvet.curation.rules import Rules
from imgvet.errors import InvalidParameterError
from imgvet.exchange.options import ExportOptions
from imgvet.exchange.selection import select_images
from imgvet.explorer.findings import FindingQuery, Labels, ToDecide
from imgvet.search.image_table import ImageTable
from imgvet.search.query import Condition, ImageSearch
from imgvet.workdir import WorkDir
from support.planted_run import planted_run

SAME = "a" * 32


@pytest.fixture
def labelled(tmp_path: Path) -> WorkDir:
    """A wrong label, two copies of other labels, and a right one."""
    labels = ["cat", "dog", "bird", "dog"]
    images = [{"label": label} for label in labels]
    for copy in images[1:3]:
        copy["digest"] = SAME
    rows = [
        {"id": 0, "label": "cat", "suggested_label": "dog", "score": 0.1, "is_issue": True,
         "conflict": False, "nearest": 3},
        {"id": 1, "label": "dog", "suggested_label": "bird", "score": 0.4, "is_issue": True,
         "conflict": True, "nearest": 2},
        {"id": 2, "label": "bird", "suggested_label": "dog", "score": 0.6, "is_issue": False,
         "conflict": True, "nearest": None},
        {"id": 3, "label": "dog", "suggested_label": "dog", "score": 0.9, "is_issue": False,
         "conflict": False, "nearest": None},
    ]  # fmt: skip
    return planted_run(tmp_path / "out", images, label_issues=pd.DataFrame(rows))


def test_of_copies_with_two_labels_each_is_offered_that_of_the_other(labelled: WorkDir) -> None:
    path = labelled.table("label_issues")
    rows = pd.read_parquet(path)
    rows.loc[rows["id"] == 1, "suggested_label"] = None
    rows.to_parquet(path)
    search = ImageSearch(ImageTable.of_run(labelled))
    offered = Labels(labelled, search).page(FindingQuery(kind="issues"))["rows"]
    assert [(row["id"], row["suggested_label"]) for row in offered] == [(0, "dog"), (1, "bird")]


@pytest.fixture
def labels(labelled: WorkDir) -> Labels:
    return Labels(labelled, ImageSearch(ImageTable.of_run(labelled)))


def ids(labels: Labels, **query: object) -> list[int]:
    return [
        row["id"]
        for row in labels.page(FindingQuery.model_validate({"kind": "issues", **query}))["rows"]
    ]


def test_kinds_hold_what_was_planted(labels: Labels) -> None:
    assert ids(labels) == [0, 1]
    assert ids(labels, kind="conflicts") == [1, 2]
    assert ids(labels, kind="all", offset=1, limit=2) == [1, 2]
    assert ids(labels, where=[Condition(column="label", values=("dog",))]) == [1]
    assert {one["kind"]: one["total"] for one in labels.kinds} == {
        "issues": 2, "conflicts": 2, "all": 4,
    }  # fmt: skip
    with pytest.raises(InvalidParameterError, match="Unknown kind"):
        ids(labels, kind="near")


def test_a_decision_is_kept_by_content_and_taken_back(labels: Labels, labelled: WorkDir) -> None:
    labels.decide(ToDecide(ids=(1,), decision="bird"))
    decided = [row["decision"] for row in labels.page(FindingQuery(kind="all"))["rows"]]
    assert decided == [None, "bird", "bird", None]
    assert read_decisions(labelled).labels == {SAME: "bird"}
    labels.decide(ToDecide(ids=(2,), decision=None))
    assert read_decisions(labelled).all == ()
    with pytest.raises(InvalidParameterError, match="no such image"):
        labels.decide(ToDecide(ids=(9,), decision="cat"))


def test_of_a_decision_without_a_label_the_own_one_is_right(
    labels: Labels, labelled: WorkDir
) -> None:
    labelled.decisions.write_text(f"decision,digest,other_digest\nlabel_is_right,{0:032x},\n")
    assert labels.page(FindingQuery(kind="issues"))["rows"][0]["decision"] == "cat"


def test_decided_labels_are_exported_and_planned_with(labels: Labels, labelled: WorkDir) -> None:
    planned = make_plan(labelled, Rules()).set_index("id")
    assert planned.loc[[0, 1], "action"].tolist() == ["review", "review"]
    labels.decide(ToDecide(ids=(0,), decision="dog"))
    labels.decide(ToDecide(ids=(1,), decision="bird"))
    exported = select_images(labelled, ExportOptions(format="csv")).items
    assert exported["label"].tolist() == ["dog", "bird", "bird", "dog"]
    plan = make_plan(labelled, Rules()).set_index("id")
    # Copies of one label are copies like others, and no label is in doubt any more.
    assert plan["action"].to_dict() == {1: "keep", 2: "remove"}


def test_the_site_answers_and_decides(client: httpx.Client) -> None:
    assert client.get("/labels").text.count("<h1") == 1
    assert client.get("/api/labels").json() == {"total": 0, "decided": 0, "rows": []}
    assert client.post("/api/labels", json={"ids": [10**6], "decision": "cat"}).status_code == 400
    assert client.post("/api/labels", json={"ids": [0], "decision": "cat"}).json() == {
        "decision": "cat"
    }
    assert client.post("/api/labels", json={"ids": [0], "decision": None}).json() == {
        "decision": None
    }
