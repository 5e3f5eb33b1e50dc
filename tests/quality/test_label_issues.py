"""Labels that neighbours contradict, against planted mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgvet.options import NeighborOptions
from imgvet.quality import label_issues
from imgvet.quality.label_issues import LEAST_CONTENTS, find_label_issues
from imgvet.similarity.neighbors import Neighbors
from imgvet.summary import LabelStructure
from imgvet.tables import LABEL_ISSUES, conform

SIZES = {"ant": 60, "bee": 40, "cat": 30, "dog": 12}
"""Images of each class; the last is rare."""


def classes(
    sizes: dict[str, int] = SIZES, spread: float = 0.6
) -> tuple[list[str], NDArray[np.float32]]:
    """Labels, and vectors around one centre for each."""
    random = np.random.default_rng(8)
    labels = [name for name, size in sizes.items() for _ in range(size)]
    centre = dict(zip(sizes, random.normal(size=(len(sizes), 16)), strict=True))
    vectors = np.array([centre[name] + spread * random.normal(size=16) for name in labels])
    return labels, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def judge(
    labels: list[str | None],
    vectors: NDArray[np.float32],
    rows: list[int] | None = None,
    given: pd.DataFrame | None = None,
    right: tuple[str, ...] = (),
) -> tuple[pd.DataFrame, LabelStructure]:
    """The table by id, and the structure; the digest of each content is its row."""
    contents = rows or range(len(labels))
    items = pd.DataFrame(
        {
            "id": range(len(labels)), "embedding_row": contents, "label": labels,
            "digest": [str(row) for row in contents],
        }
    )  # fmt: skip
    table, structure = find_label_issues(items, vectors, NeighborOptions(), 1, given, right)
    assert conform(table, LABEL_ISSUES).num_rows == sum(label is not None for label in labels)
    return table.set_index("id"), structure


def issues(table: pd.DataFrame) -> dict[int, str]:
    return table.loc[table["is_issue"], "suggested_label"].to_dict()


def test_wrong_labels_are_issues_with_the_right_suggestion_also_of_rare_classes() -> None:
    labels, vectors = classes()
    truth = {3: "ant", 70: "bee", 110: "cat", 135: "dog"}
    labels[3], labels[70], labels[110], labels[135] = "bee", "cat", "ant", "ant"
    table, structure = judge([*labels], vectors)
    assert issues(table) == truth
    assert table.index[:4].tolist() == table.sort_values("score").index[:4].tolist(), "worst first"
    assert table.loc[list(truth), "score"].max() < 0.3
    assert table.loc[~table["is_issue"], "suggested_label"].equals(
        table.loc[~table["is_issue"], "label"]
    )
    assert structure.judged == len(labels)
    assert structure.agreement > 0.7 > structure.chance
    near = table.loc[3, "nearest"]
    assert labels[int(near)] == "ant"
    assert table.loc[~table["is_issue"], "nearest"].isna().all()


def test_parts_of_a_large_set_are_judged_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, vectors = classes({name: 10 * size for name, size in SIZES.items()}, spread=0.3)
    wrong = range(5, len(labels), 40)
    noisy = ["ant" if labels[row] != "ant" and row in wrong else labels[row] for row in range(1420)]
    truth = {row: labels[row] for row in wrong if labels[row] != "ant"}
    searched = []
    whole = label_issues.find_neighbors

    def counted(part: NDArray[np.float32], *how: Any) -> Neighbors:
        searched.append(part)
        return whole(part, *how)

    monkeypatch.setattr(label_issues, "find_neighbors", counted)
    monkeypatch.setattr(label_issues, "MOST_TOGETHER", 400)
    table, structure = judge(noisy, vectors)
    worst = table.sort_values("score").head(len(truth))
    assert worst["suggested_label"].sort_index().to_dict() == truth
    assert issues(table).items() <= truth.items()
    assert len(issues(table)) >= 10
    assert structure.judged == 1420
    assert len(searched) == 4
    assert all(250 < len(part) < 460 for part in searched)
    assert {row.tobytes() for part in searched for row in part} == {v.tobytes() for v in vectors}
    by_part = {row.tobytes(): number for number, part in enumerate(searched) for row in part}
    for row, near in table["nearest"].dropna().items():
        assert by_part[vectors[row].tobytes()] == by_part[vectors[near].tobytes()]
    judge(noisy[:1300], vectors[:1300])
    assert all(by_part[row.tobytes()] == n for n, part in enumerate(searched[4:]) for row in part)


def test_a_label_that_was_decided_to_be_right_is_no_issue_but_a_conflict_stays_one() -> None:
    labels, vectors = classes()
    labels[3], labels[70] = "bee", "cat"
    table, _ = judge([*labels], vectors, right=("3", "5", "no content"))
    assert issues(table) == {70: "bee"}
    assert table.index[table["decided"]].tolist() == [3]
    assert table.loc[3, "suggested_label"] == "ant"
    again, _ = judge([*labels], vectors)
    assert table.drop(index=3)["score"].equals(
        again.drop(index=3)["score"].loc[table.drop(index=3).index]
    )
    labels[10] = "dog"
    rows = [0 if row == 10 else row for row in range(len(labels))]
    both, _ = judge([*labels], vectors, rows, right=("0",))
    assert both.loc[10, "is_issue"]
    assert not both.loc[10, "decided"]


def test_a_rare_label_that_is_often_wrong_makes_no_issues_of_the_common_one() -> None:
    labels, vectors = classes({"common": 1500, "rare": 30}, spread=1.5)
    wrong = set(range(0, 1500, 50))
    noisy = ["rare" if image in wrong else label for image, label in enumerate(labels)]
    found = set(issues(judge([*noisy], vectors)[0]))
    assert len(found & wrong) >= 20
    assert len(found - wrong) <= 15, "the images beside a wrong one are right"


def test_right_labels_make_no_issue() -> None:
    labels, vectors = classes()
    table, _ = judge([*labels], vectors)
    assert issues(table) == {}


@pytest.mark.parametrize("kinds", [2, 5, 30])
def test_labels_without_regard_to_what_is_seen_are_not_judged(kinds: int) -> None:
    _, vectors = classes(dict.fromkeys("abc", 100))
    random = np.random.default_rng(kinds)
    table, structure = judge([f"{n}" for n in random.integers(0, kinds, 300)], vectors)
    assert structure.judged == 0
    assert structure.why_unjudged == "labels do not follow what the model sees"
    assert not table["is_issue"].any()
    assert structure.agreement == pytest.approx(structure.chance, abs=0.03)


def test_a_label_of_few_contents_is_no_issue_and_never_suggested() -> None:
    labels, vectors = classes(SIZES | {"elk": LEAST_CONTENTS - 1})
    table, structure = judge([*labels], vectors)
    assert structure.rare_labels == 1
    assert structure.judged == len(labels) - LEAST_CONTENTS + 1
    assert issues(table) == {}
    assert "elk" not in set(table["suggested_label"].dropna())


def test_copies_do_not_vote_for_themselves() -> None:
    labels, vectors = classes()
    labels[3] = "bee"
    copies = 30
    table, _ = judge([*labels, *["bee"] * copies], vectors, [*range(len(labels)), *[3] * copies])
    assert issues(table) == dict.fromkeys([3, *range(len(labels), len(labels) + copies)], "ant")


def test_copies_with_different_labels_are_in_conflict_with_or_without_structure() -> None:
    labels, vectors = classes()
    more = [*labels, "bee", "ant", "ant", "zebra"]
    table, _ = judge([*more], vectors, [*range(len(labels)), 0, 0, 0, 70])
    last = len(labels)
    assert set(table.index[table["conflict"]]) == {0, last, last + 1, last + 2, 70, last + 3}
    assert issues(table) == {last: "ant", last + 3: "bee"}
    assert table.loc[[last, last + 3], "nearest"].tolist() == [0, 70], "the copies themselves"
    alone, structure = judge(["a", "b", "c"], vectors[:2], [0, 0, 1])
    assert structure.judged == 0
    assert structure.why_unjudged == f"every label has fewer than {LEAST_CONTENTS} images"
    assert alone.loc[[0, 1], "is_issue"].all(), "nobody knows which"
    assert alone.loc[[0, 1], "suggested_label"].isna().all()
    assert not alone.loc[2, "is_issue"]


def test_images_without_label_or_embedding_are_left_out() -> None:
    labels, vectors = classes()
    table, _ = judge([None, *labels[1:]], vectors)
    assert 0 not in table.index
    vectors[5] = 0
    assert not judge([*labels], vectors)[0].loc[5, "is_issue"]


def test_given_probabilities_take_the_place_of_neighbours() -> None:
    labels, vectors = classes()
    given = pd.DataFrame(0.02, range(len(labels)), list(SIZES))
    for place, label in enumerate(labels):
        given.loc[place, label] = 0.94
    given.loc[3] = [0.01, 0.01, 0.97, 0.01]
    given.loc[10:20] = np.nan
    labels[15] = "bee"
    table, _ = judge([*labels], vectors, given=given)
    assert issues(table) == {3: "cat", 15: "ant"}


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from("abcd")), min_size=1, max_size=40))
@settings(deadline=None, max_examples=50)
def test_whatever_the_labels_each_has_one_sound_row(items: list[tuple[int, str]]) -> None:
    vectors = classes({"x": 5, "y": 4})[1]
    used, rows = np.unique([row for row, _ in items], return_inverse=True)
    table, structure = judge([label for _, label in items], vectors[used], rows.tolist())
    assert sorted(table.index) == list(range(len(items)))
    assert table["score"].dropna().between(0, 1).all()
    several = pd.DataFrame(items, columns=["row", "label"]).groupby("row")["label"].nunique()
    assert table["conflict"].sum() == sum(several[row] > 1 for row, _ in items)
    assert (table["suggested_label"] != table["label"])[table["is_issue"]].all()
    assert 0 <= structure.judged <= len(items)
