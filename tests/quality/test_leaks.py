"""Images that two splits share, against every pair compared with every other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.options import NeighborOptions, SimilarityOptions
from imgvet.quality.leaks import MOST, find_leaks
from imgvet.similarity.distances import Metric
from imgvet.similarity.neighbors import as_table, find_neighbors
from imgvet.similarity.pairs import Apart, Comparison, similar_pairs
from imgvet.tables import LEAKS

NEAR = SimilarityOptions(threshold=0.9)


def leaks_of(
    vectors: np.ndarray,
    rows: list[int],
    splits: list[str | None],
    k: int = 2,
    proven: tuple[int, int, float] | None = None,
    apart: Apart = (),
) -> pd.DataFrame:
    """The leaks of items whose contents have these vectors."""
    items = pd.DataFrame({"id": range(len(rows)), "embedding_row": rows, "split": splits})
    items["digest"] = items["embedding_row"].map("d{}".format)
    search, metric = NeighborOptions(nearest_neighbors_k=k), Metric()
    first = items.drop_duplicates("embedding_row").sort_values("embedding_row")["id"].to_numpy()
    neighbors = as_table(find_neighbors(vectors, search, 1), first, metric)
    pairs = similar_pairs(neighbors, items, NEAR.threshold)
    if proven is not None:
        pairs = pd.concat([pairs, pd.DataFrame([proven], columns=pairs.columns)])
    comparison = Comparison(search=search, metric=metric, apart=apart)
    return find_leaks(pairs, items, vectors, NEAR, comparison, 1)


def fan(*degrees: float) -> np.ndarray:
    """Vectors in a plane; 25 degrees apart they are 0.906 similar, 26 degrees 0.899."""
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_exact_and_near_counterparts_are_listed_and_those_within_a_split_are_not() -> None:
    splits = ["train", "test", "train", "test", "train", None, "val"]
    table = leaks_of(fan(0, 10, 90, 180), [0, 0, 1, 1, 2, 0, 3], splits)
    assert table.columns.tolist() == LEAKS.column_names
    found = table.assign(similarity=table["similarity"].round(3)).to_numpy().tolist()
    assert found == [
        [0, 1, 1.0, "train", "test"],
        [2, 3, 1.0, "train", "test"],
        [0, 3, 0.985, "train", "test"],
        [1, 2, 0.985, "test", "train"],
    ]


def test_a_pair_that_only_its_pixels_prove_is_a_leak() -> None:
    vectors, splits = fan(0, 40, 120, 160), ["train", "test", "train", "train"]
    assert leaks_of(vectors, [0, 1, 2, 3], splits).empty
    table = leaks_of(vectors, [0, 1, 2, 3], splits, proven=(0, 1, 0.766))
    assert table.to_numpy().tolist() == [[0, 1, 0.766, "train", "test"]]


@pytest.mark.parametrize(
    "splits", [["train", "train"], [None, "test"], [None, None], ["train", "test"]]
)
def test_splits_that_share_nothing_make_an_empty_table(splits: list[str | None]) -> None:
    near = fan(0, 90) if None not in splits and len(set(splits)) > 1 else fan(0, 1)
    table = leaks_of(near, [0, 1], splits)
    assert table.empty
    assert table.columns.tolist() == LEAKS.column_names


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(["train", "test", "val", None])), min_size=2
    ),
    st.lists(st.sampled_from([0, 1, 2, 3, 5, 8, 40, 60, 90, 180]), min_size=13, max_size=13),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=60)
def test_every_pair_across_splits_is_listed_whatever_k(
    items: list[tuple[int, str | None]], degrees: list[int], k: int
) -> None:
    used, rows = np.unique([row for row, _ in items], return_inverse=True)
    vectors = fan(*(degrees[row] + 0.01 * row for row in used))
    splits = [split for _, split in items]
    table = leaks_of(vectors, rows.tolist(), splits, k)
    known = [place for place, split in enumerate(splits) if split is not None]
    cosine = vectors.astype(float) @ vectors.astype(float).T
    wanted = {
        (one, other)
        for one, other in combinations(known, 2)
        if splits[one] != splits[other] and cosine[rows[one], rows[other]] >= 0.9
    }
    assert set(map(tuple, table[["from", "to"]].to_numpy().tolist())) == wanted
    assert not table.duplicated(["from", "to"]).any()
    assert table["similarity"].is_monotonic_decreasing


def test_of_a_crowd_every_image_is_listed_with_most_of_its_counterparts() -> None:
    crowd = 3 * MOST
    splits = ["train"] * crowd + ["test"] * crowd
    table = leaks_of(fan(*np.linspace(0, 5, crowd)), [*range(crowd), *range(crowd)], splits)
    assert set(table[["from", "to"]].to_numpy().ravel()) == set(range(2 * crowd))
    assert len(table) <= 2 * crowd * MOST
    copies = leaks_of(fan(0), [0] * 2 * crowd, splits)
    assert set(copies[["from", "to"]].to_numpy().ravel()) == set(range(2 * crowd))
    assert len(copies) <= 2 * crowd * MOST


@pytest.mark.parametrize("k", [1, 2])
def test_a_pair_that_is_apart_is_no_leak_and_copies_of_one_content_still_are(k: int) -> None:
    splits = ["train", "test", "test", "train"]
    vectors, rows = fan(0, 2, 4), [0, 1, 2, 0]
    every = {(0, 1), (0, 2), (1, 3), (2, 3)}
    found = leaks_of(vectors, rows, splits, k)
    assert set(zip(found["from"], found["to"], strict=True)) == every
    fewer = leaks_of(vectors, rows, splits, k, apart=(("d0", "d1"),))
    assert set(zip(fewer["from"], fewer["to"], strict=True)) == {(0, 2), (2, 3)}
    copies = leaks_of(vectors[:1], [0, 0], ["train", "test"], k, apart=(("d0", "d1"),))
    assert len(copies) == 1


@pytest.mark.parametrize("limit", [50_000, 0])
def test_scenes_of_many_frames_are_leaks_whether_all_are_compared_or_more_neighbors(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgvet.similarity.neighbors.EXACT_LIMIT", limit)
    random = np.random.default_rng(2)
    scene = np.repeat(np.arange(30), 12)
    vectors = random.normal(size=(30, 64))[scene] + 0.02 * random.normal(size=(360, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    splits = random.choice(["train", "test"], 360)
    found = leaks_of(vectors.astype(np.float32), [*range(360)], splits.tolist())
    across = (scene[:, None] == scene) & (splits[:, None] != splits)
    wanted = {(one, other) for one, other in np.argwhere(across).tolist() if one < other}
    listed = set(map(tuple, found[["from", "to"]].to_numpy().tolist()))
    assert listed <= wanted
    assert len(listed) >= (len(wanted) if limit else 0.95 * len(wanted))
