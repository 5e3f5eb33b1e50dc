"""Groups of similar content, and subsets: planted groups are found, whatever the threads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.options import GroupOptions
from imgvet.similarity.distances import Metric, Rows, Vectors
from imgvet.similarity.groups import (
    LEAST_CONTENTS,
    MOST_GROUPS,
    farthest_subset,
    find_groups,
    representative_subset,
)
from imgvet.tables import BY_NAME

COSINE = Metric()
SIZES = (40, 25, 10, 5)


def planted(sizes: tuple[int, ...] = SIZES, spread: float = 0.1) -> tuple[Vectors, Rows]:
    """Embeddings of length 1 around directions at right angles, mixed, and whose group each is."""
    random = np.random.default_rng(5)
    truth = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = np.eye(16)[truth] + random.normal(0, spread / 4, (len(truth), 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truth


def items_of(rows: list[int | None], splits: list[str | None] | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({"id": range(10, 10 + len(rows))})
    frame["embedding_row"] = pd.array(rows, "Int64")
    return frame.assign(split=pd.Series(splits or [None] * len(rows), dtype=object))


def found(
    vectors: Vectors, items: pd.DataFrame, count: int | None, threads: int = 1
) -> dict[str, pd.DataFrame]:
    return find_groups(items, vectors, COSINE, GroupOptions(num_groups=count), threads)


def test_planted_groups_are_found_largest_first() -> None:
    vectors, truth = planted()
    tables = found(vectors, items_of(list(range(len(vectors)))), len(SIZES))
    groups, info = tables["groups"], tables["group_info"]
    assert set(tables) == {"groups", "group_info"}
    assert groups["group_id"].tolist() == truth.tolist()
    assert info["count"].tolist() == list(SIZES)
    assert (truth[info["representative"] - 10] == info["group_id"]).all()
    assert (info["mean_similarity"] > 0.95).all()
    for name, table in tables.items():
        assert table.columns.tolist() == BY_NAME[name].column_names


def test_copies_and_images_without_embedding() -> None:
    vectors, truth = planted()
    rows = [*range(len(vectors)), *np.flatnonzero(truth == 2).tolist(), None]
    tables = found(vectors, items_of(rows), len(SIZES))
    assert len(tables["groups"]) == len(rows) - 1  # each valid image once, no other
    assert tables["group_info"]["count"].tolist() == [40, 25, 20, 5]
    last = tables["groups"].iloc[-10:]
    assert (last["group_id"] == 2).all()


def test_threads_change_nothing() -> None:
    vectors = np.random.default_rng(0).normal(size=(700, 48)).astype(np.float32)
    items = items_of(list(range(len(vectors))), ["train", "test"] * 350)
    one, many = (found(vectors, items, None, threads) for threads in (1, 8))
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, many[name])


def test_few_images_are_in_no_group_unless_asked_for() -> None:
    vectors, _ = planted((LEAST_CONTENTS - 1,))
    items = items_of(list(range(len(vectors))))
    assert found(vectors, items, None) == {}
    assert found(vectors, items, 0) == {}
    assert len(found(vectors, items, 2)["group_info"]) == 2
    assert len(found(vectors, items, 1000)["groups"]) == len(vectors)


def test_the_number_of_groups_grows_with_the_root_of_the_images() -> None:
    random = np.random.default_rng(0)
    for count, expected in ((200, 10), (30_000, MOST_GROUPS)):
        vectors = random.normal(size=(count, 8)).astype(np.float32)
        info = found(vectors, items_of(list(range(count))), None)["group_info"]
        assert len(info) == expected
        assert info["count"].sum() == count


def test_coverage_tells_what_a_split_lacks() -> None:
    vectors, truth = planted((60, 30))
    # Of the second group only train has images, so that a third of train is in test not at all.
    splits = ["test" if group == 0 and row % 2 else "train" for row, group in enumerate(truth)]
    table = found(vectors, items_of(list(range(90)), [*splits[:-1], None]), 2)["split_coverage"]
    rows = table.set_index(["split", "other_split"])
    assert rows.index.tolist() == [("test", "train"), ("train", "test")]
    assert rows.loc[("test", "train"), "low_similarity"] > 0.97
    assert rows.loc[("train", "test"), "low_similarity"] < 0.3
    assert rows["looked_at"].sum() == 89


def test_a_subset_has_one_of_each_group() -> None:
    vectors, truth = planted()
    chosen = representative_subset(vectors, COSINE, len(SIZES), 1)
    assert sorted(truth[chosen]) == [0, 1, 2, 3]
    unlike = farthest_subset(vectors, COSINE, len(SIZES))
    assert sorted(truth[unlike]) == [0, 1, 2, 3]
    assert len(representative_subset(vectors, COSINE, 1000, 1)) == len(vectors)
    assert sorted(farthest_subset(vectors, COSINE, 1000)) == list(range(len(vectors)))


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_each_image_of_a_farthest_subset_is_as_far_as_any(count: int, size: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)
    metric = Metric(distance="l1")
    chosen = farthest_subset(vectors, metric, size)
    assert len(set(chosen)) == len(chosen) == min(count, size)
    apart = np.abs(vectors[:, None] - vectors[chosen]).sum(axis=2)
    for number in range(1, len(chosen)):
        nearest = apart[:, :number].min(axis=1)
        assert nearest[chosen[number]] == pytest.approx(nearest.max(), rel=1e-5)


@pytest.mark.parametrize("distance", ["euclidean", "linf", "canberra", "braycurtis"])
def test_other_distances_group_too(distance: str) -> None:
    vectors, truth = planted()
    metric = Metric.model_validate({"distance": distance})
    tables = find_groups(
        items_of(list(range(len(vectors)))), np.abs(vectors), metric, GroupOptions(num_groups=4), 1
    )
    assert tables["groups"]["group_id"].tolist() == truth.tolist()
