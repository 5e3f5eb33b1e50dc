"""Pairs to decide on: which there are, what is found, and what decisions leave behind."""

from __future__ import annotations

import csv
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.curation.decisions import OF_PAIRS, Decision, Kind, decide, read_decisions
from imgvet.curation.plan import make_plan
from imgvet.curation.rules import Rules
from imgvet.errors import InvalidParameterError, PlanError
from imgvet.explorer.findings import FindingQuery, Pairs, ToDecide
from imgvet.explorer.run import ExploredRun
from imgvet.reports.inputs import inputs_of
from imgvet.reports.report import pages_of
from imgvet.search.query import Condition
from imgvet.sections import Section
from imgvet.workdir import WorkDir
from support.finished_run import finish_run, judge
from support.pictures import jpeg, photograph, write_photographs

DIGESTS = ("a", "b", "c")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> WorkDir:
    """Six photographs; of two a near copy, of one a copy; one near copy in another split, and one
    of another label."""
    folder = tmp_path_factory.mktemp("decided") / "photos"
    write_photographs(folder, 6)
    (folder / "near 1.jpg").write_bytes(jpeg(photograph(1), quality=85))
    (folder / "near 2.jpg").write_bytes(jpeg(photograph(2), quality=85))
    (folder / "copy 3.jpg").write_bytes((folder / "photo03.jpg").read_bytes())
    names = sorted(path.name for path in folder.iterdir())
    table = pd.DataFrame({"filename": names, "label": "cat", "split": "train"})
    table.loc[table["filename"] == "near 1.jpg", "split"] = "test"
    table.loc[table["filename"] == "near 2.jpg", "label"] = "dog"
    table.to_csv(folder.parent / "labels.csv", index=False)
    annotations = str(folder.parent / "labels.csv")
    return judge(finish_run(folder, folder.parent / "out", annotations=annotations))


@pytest.fixture
def pairs(finished: WorkDir, tmp_path: Path) -> Pairs:
    """The pairs of a run without decisions."""
    work = WorkDir(Path(shutil.copytree(finished.path, tmp_path / "out")))
    return ExploredRun(work).pairs


def names(pairs: Pairs, **query: object) -> set[frozenset[str]]:
    """The pairs that are found, by the names of their files."""
    found = pairs.page(FindingQuery.model_validate(query))["rows"]
    files = pairs._images.frame(["filename"])["filename"]
    return {frozenset(Path(files[pair[end]]).name for end in ("from", "to")) for pair in found}


NEAR_1, NEAR_2 = frozenset(["near 1.jpg", "photo01.jpg"]), frozenset(["near 2.jpg", "photo02.jpg"])
COPY = frozenset(["copy 3.jpg", "photo03.jpg"])


def test_kinds_hold_what_was_planted(pairs: Pairs) -> None:
    assert names(pairs) == {NEAR_1, NEAR_2, COPY}
    assert names(pairs, kind="exact") == {COPY}
    assert names(pairs, kind="near") == {NEAR_1, NEAR_2}
    assert names(pairs, kind="leaks") == {NEAR_1}
    assert names(pairs, kind="conflicts") == {NEAR_2}
    with pytest.raises(InvalidParameterError, match="Unknown kind"):
        pairs.page(FindingQuery(kind="other"))


def test_totals_are_those_of_the_report(pairs: Pairs, finished: WorkDir) -> None:
    run = inputs_of(finished)
    sections = {key: one for page in pages_of(run) for key, one in page.sections.items()}
    totals = {one["kind"]: one["total"] for one in pairs.kinds}
    assert totals["near"] == run.summary.counts.near_duplicate_pairs
    assert totals["leaks"] == sections[Section.LEAKS]["pairs"]["total"]
    assert totals["conflicts"] == sections[Section.LABELS]["pairs"]["total"]
    assert totals["all"] == len(run.table("similarity"))


def test_conditions_are_met_by_one_of_both(pairs: Pairs) -> None:
    assert names(pairs, where=[Condition(column="label", values=("dog",))]) == {NEAR_2}
    assert names(pairs, where=[Condition(column="split", values=("test",))]) == {NEAR_1}
    assert names(pairs, text="copy") == {COPY}
    assert names(pairs, text="nothing") == set()


def test_a_cell_of_two_labels_opens_its_pairs(pairs: Pairs) -> None:
    assert names(pairs, labels=("dog", "cat")) == names(pairs, labels=("cat", "dog")) == {NEAR_2}
    assert names(pairs, labels=("cat", "cat")) == {NEAR_1, COPY}


def test_every_pair_is_reached_once(pairs: Pairs) -> None:
    pages = [pairs.page(FindingQuery(offset=place, limit=1))["rows"] for place in range(4)]
    assert [len(page) for page in pages] == [1, 1, 1, 0]
    similarities = [page[0]["similarity"] for page in pages[:3]]
    assert similarities == sorted(similarities, reverse=True)


def test_a_decision_is_kept_by_content_and_taken_back(pairs: Pairs) -> None:
    (near,) = pairs.page(FindingQuery(kind="leaks"))["rows"]
    both = {"ids": (near["from"], near["to"])}
    pairs.decide(ToDecide(**both, decision=Kind.KEEP_RIGHT))
    assert pairs.page(FindingQuery(kind="leaks"))["rows"][0]["decision"] == "keep_right"
    digests = pairs._images.frame(["digest"], both["ids"])["digest"].tolist()
    path = pairs._work.decisions
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert [row["decision"] for row in rows] == ["keep_right"]
    assert rows[0]["when"].startswith("20")
    assert [row["digest"] for row in rows] + [row["other_digest"] for row in rows] == digests
    # Of the same two the other way round, keeping right is keeping left.
    assert read_decisions(pairs._work).pairs[digests[1], digests[0]] == Kind.KEEP_LEFT
    pairs.decide(ToDecide(**both, decision=None))
    assert pairs.page(FindingQuery(kind="leaks"))["rows"][0]["decision"] is None
    assert read_decisions(pairs._work).all == ()


def test_what_was_decided_meanwhile_on_another_page_stays(pairs: Pairs) -> None:
    (near,) = pairs.page(FindingQuery(kind="leaks"))["rows"]
    both = {"ids": (near["from"], near["to"])}
    seen = {**both, "before": None}
    assert pairs.decide(ToDecide(**seen, decision=Kind.KEEP_RIGHT)) == "keep_right"
    assert pairs.decide(ToDecide(**seen, decision=Kind.KEEP_LEFT)) == "keep_right"
    assert pairs.page(FindingQuery(kind="leaks"))["decided"] == 1
    seen["before"] = "keep_right"
    assert pairs.decide(ToDecide(**seen, decision=None)) is None
    assert pairs.page(FindingQuery(kind="leaks"))["decided"] == 0


def test_nothing_is_lost_of_what_is_decided_in_several_windows_at_once(tmp_path: Path) -> None:
    wanted = [Decision(Kind.LABEL_IS_RIGHT, f"{number}") for number in range(40)]
    with ThreadPoolExecutor(4) as windows:
        list(windows.map(partial(decide, WorkDir(tmp_path)), wanted))
    assert set(read_decisions(WorkDir(tmp_path)).all) == set(wanted)


def test_of_the_same_bytes_neither_can_be_named(pairs: Pairs) -> None:
    (copy,) = pairs.page(FindingQuery(kind="exact"))["rows"]
    assert copy["same_bytes"]
    both = {"ids": (copy["from"], copy["to"])}
    with pytest.raises(PlanError, match="same bytes"):
        pairs.decide(ToDecide(**both, decision=Kind.KEEP_LEFT))
    pairs.decide(ToDecide(**both, decision=Kind.KEEP_BOTH))
    assert pairs.page(FindingQuery(kind="exact"))["rows"][0]["decision"] == "keep_both"


decided = st.tuples(
    st.tuples(st.sampled_from(DIGESTS), st.sampled_from(DIGESTS)).filter(lambda p: p[0] != p[1]),
    st.sampled_from([*sorted(OF_PAIRS), None]),
)


@given(made=st.lists(decided, max_size=8))
def test_the_last_decision_on_two_contents_counts(
    made: list[tuple[tuple[str, str], Kind | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    work = WorkDir(tmp_path_factory.mktemp("rows"))
    right = Decision(Kind.LABEL_IS_RIGHT, "x")
    work.decisions.write_text("digest,other_digest,decision,when\nx,,label_is_right,\n")
    for pair, kind in made:
        decide(work, Decision(kind or Kind.KEEP_BOTH, *pair), taken_back=kind is None)
    last = {frozenset(pair): (pair, kind) for pair, kind in made}
    found = read_decisions(work)
    assert {pair: kind for pair, kind in last.values() if kind} == {
        pair: found.pairs[pair] for pair, kind in last.values() if kind
    }
    assert len(found.pairs) == 2 * sum(kind is not None for _, kind in last.values())
    assert right in found.all


def test_a_plan_keeps_what_a_person_kept(pairs: Pairs) -> None:
    facts = pairs._images.frame(["filename"])["filename"].map(lambda name: Path(name).name)
    work, near = pairs._work, pairs.page(FindingQuery(kind="near"))["rows"]
    one = next(pair for pair in near if facts[pair["from"]].endswith("1.jpg"))
    for kind, gone in ((Kind.KEEP_LEFT, "to"), (Kind.KEEP_RIGHT, "from"), (Kind.KEEP_BOTH, None)):
        pairs.decide(ToDecide(ids=(one["from"], one["to"]), decision=kind))
        plan = make_plan(work, Rules())
        row = plan[(plan["action"] == "remove") & plan["id"].isin([one["from"], one["to"]])]
        assert row["id"].tolist() == ([] if gone is None else [one[gone]])


def test_the_site_answers_and_decides(client: httpx.Client, work: WorkDir) -> None:
    found = client.get("/api/pairs", params={"query": '{"kind": "near"}'}).json()
    assert found["total"] >= 1
    pair = found["rows"][0]
    asked = {"ids": [pair["from"], pair["to"]], "decision": "not_a_duplicate"}
    assert client.post("/api/pairs", json=asked).json() == {"decision": "not_a_duplicate"}
    again = client.get("/api/pairs", params={"query": '{"kind": "near"}'}).json()
    assert again["rows"][0]["decision"] == "not_a_duplicate"
    assert client.post("/api/pairs", json=asked | {"decision": None}).status_code == 200
    assert client.post("/api/pairs", json=asked | {"decision": "other"}).status_code == 400
    assert client.post("/api/pairs", json=asked | {"ids": [10**6, pair["to"]]}).status_code == 400
    assert client.get("/pairs").text.count("<h1") == 1
    kinds = {one["kind"]: one["total"] for one in client.get("/api/run").json()["pairs"]}
    assert kinds["near"] == found["total"]
