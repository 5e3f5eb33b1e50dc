"""Nearest neighbours against a search by hand."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgvet.errors import InvalidParameterError
from imgvet.options import Distance, NeighborOptions
from imgvet.similarity import index as index_module
from imgvet.similarity import neighbors as module
from imgvet.similarity.distances import Metric, Space
from imgvet.similarity.neighbors import as_table, find_neighbors
from imgvet.similarity.search import EarlierSearch, Neighbors, search_exactly


def unit_vectors(count: int, seed: int = 0, width: int = 16) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def by_hand(vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1)[:, :k]


@given(st.integers(2, 60), st.integers(1, 8), st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_exact_search_finds_the_nearest(count: int, k: int, seed: int) -> None:
    vectors = unit_vectors(count, seed)
    found = find_neighbors(vectors, NeighborOptions(nearest_neighbors_k=k), 1)
    assert found.rows.shape == (count, min(k, count - 1))
    assert np.array_equal(found.rows, by_hand(vectors, min(k, count - 1)))
    assert found.recall == 1.0


@pytest.mark.parametrize("distance", get_args(Distance))
def test_zeros_have_no_neighbour_and_change_nothing_for_others(distance: Distance) -> None:
    telling = np.abs(unit_vectors(12))
    rows = np.array([0, 1, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13])
    vectors = np.zeros((15, 16), np.float32)
    vectors[rows] = telling
    options = NeighborOptions(nearest_neighbors_k=3, distance=distance, nnf_mode="Flat")
    alone, found = (find_neighbors(given, options, 1) for given in (telling, vectors))
    assert np.array_equal(found.rows[rows], rows[alone.rows])
    assert np.array_equal(found.distances[rows], alone.distances)
    assert (found.rows[[2, 7, 14]] == -1).all()
    again = find_neighbors(vectors, options, 1, EarlierSearch.of(vectors, found.rows))
    assert np.array_equal(again.rows, found.rows)
    table = as_table(found, np.arange(15), Metric(distance=distance))
    assert table.notna().all(axis=None)
    assert not {2, 7, 14} & {*table["from"], *table["to"]}


def test_nothing_but_zeros_has_no_neighbours() -> None:
    found = find_neighbors(np.zeros((4, 3), np.float32), NeighborOptions(), 1)
    assert as_table(found, np.arange(4), Metric()).empty


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_vectors_have_no_neighbours(count: int) -> None:
    found = find_neighbors(unit_vectors(count), NeighborOptions(), 1)
    assert found.rows.shape == (count, 0)
    assert as_table(found, np.arange(count), Metric()).empty


def test_equal_vectors_are_each_others_neighbours_and_never_their_own() -> None:
    vectors = np.repeat(unit_vectors(1), 5, axis=0)
    found = find_neighbors(vectors, NeighborOptions(nearest_neighbors_k=2), 1)
    assert (found.rows != np.arange(5)[:, None]).all()
    assert found.distances == pytest.approx(0, abs=1e-6)
    assert found.rows.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]


@pytest.mark.parametrize("mode", ["HNSW32", "IVF16,Flat", "Flat"])
def test_large_sets_use_the_index_asked_for_and_measure_its_recall(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    vectors = unit_vectors(3000)
    found = find_neighbors(vectors, NeighborOptions(nnf_mode=mode), 2)
    recall = float((found.rows[:, :, None] == by_hand(vectors, 2)[:, None]).any(axis=2).mean())
    assert found.recall == pytest.approx(recall, abs=0.05)
    assert (found.recall > 0.98) if mode != "IVF16,Flat" else (0.1 < found.recall < 0.9)


def clustered(count: int, kinds: int, spread: float) -> NDArray[np.float32]:
    """Vectors around ``kinds`` centres, in turn."""
    noise = np.random.default_rng(1).normal(size=(count, 16)) * spread
    vectors = unit_vectors(kinds, seed=2)[np.arange(count) % kinds] + noise
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def only_a_sample(space: Space, queries: NDArray[np.int64], wanted: int) -> Neighbors:
    assert len(queries) <= module.RECALL_SAMPLE, "searched exactly"
    return search_exactly(space, queries, wanted)


def test_neighbours_in_too_many_cells_are_missed_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    monkeypatch.setattr(index_module, "search_exactly", only_a_sample)
    monkeypatch.setattr(index_module, "RECALL_BEFORE_TIME", 2000)
    monkeypatch.setattr(index_module, "MOST_CELLS", 4)
    vectors = unit_vectors(3000)
    found = find_neighbors(vectors, NeighborOptions(nnf_mode="IVF"), 2)
    recall = float((found.rows[:, :, None] == by_hand(vectors, 2)[:, None]).any(axis=2).mean())
    assert found.recall == pytest.approx(recall, abs=0.05)
    assert 0.1 < found.recall < 0.9


def test_cells_find_the_neighbours_by_comparing_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    monkeypatch.setattr(index_module, "search_exactly", only_a_sample)
    vectors = clustered(5000, kinds=60, spread=0.05)
    cells = NeighborOptions(nnf_mode="IVF")
    found, again = find_neighbors(vectors, cells, 2), find_neighbors(vectors, cells, 1)
    true = by_hand(vectors, 2)
    assert (found.rows == true).mean() > 0.97
    assert found.recall == pytest.approx((found.rows == true).mean(), abs=0.02)
    assert (found.rows != np.arange(len(vectors))[:, None]).all()
    assert np.array_equal(found.rows, again.rows)
    cosines = np.einsum("qd,qkd->qk", vectors, vectors[found.rows])
    assert np.allclose(1 - found.distances, cosines, atol=1e-5)


def test_a_set_of_some_size_is_compared_with_as_many_cells_as_recall_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    monkeypatch.setattr(index_module, "search_exactly", only_a_sample)
    monkeypatch.setattr(index_module, "MOST_CELLS", 4)
    found = find_neighbors(unit_vectors(3000, width=6), NeighborOptions(nnf_mode="IVF"), 2)
    assert 0.97 < found.recall < 1


def test_where_cells_do_not_help_the_search_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    vectors = unit_vectors(1500, width=64)
    found = find_neighbors(vectors, NeighborOptions(nnf_mode="IVF"), 2)
    assert found.recall == 1.0
    assert np.array_equal(found.rows, by_hand(vectors, 2))


def test_cells_have_no_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 10)
    options = NeighborOptions(nnf_mode="IVF", nnf_param="nprobe=4")
    with pytest.raises(InvalidParameterError, match="nnf_param"):
        find_neighbors(unit_vectors(50), options, 1)


def test_search_parameters_reach_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    vectors = unit_vectors(3000)
    wide = NeighborOptions(nnf_mode="IVF16,Flat", nnf_param="nprobe=16")
    assert find_neighbors(vectors, wide, 2).recall == 1.0


def test_an_index_that_so_few_vectors_can_not_train_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 10)
    options = NeighborOptions(nnf_mode="IVF64,Flat")
    with pytest.raises(InvalidParameterError, match="FAISS says") as caught:
        find_neighbors(unit_vectors(50), options, 1)
    assert "\n" not in str(caught.value)


def test_a_coarse_index_still_tells_true_similarities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    vectors = unit_vectors(600)
    found = find_neighbors(vectors, NeighborOptions(nnf_mode="SQ4"), 1)
    cosines = np.einsum("qd,qkd->qk", vectors, vectors[found.rows])
    assert 1 - found.distances == pytest.approx(cosines, abs=1e-6)
    assert (np.diff(found.distances, axis=1) >= 0).all()


@pytest.mark.parametrize("mode", ["HNSW32", "IVF16,Flat", "IVF"])
def test_indexes_search_by_euclidean_distance(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    vectors = clustered(2000, kinds=40, spread=0.03) * 7 + 3
    options = NeighborOptions(nnf_mode=mode, distance="euclidean")
    found = find_neighbors(vectors, options, 1)
    apart = ((vectors[:300, None] - vectors[None]) ** 2).sum(axis=2)
    true = np.argsort(apart, axis=1)[:, 1:3]
    assert (found.rows[:300] == true).mean() > 0.9
    assert found.recall > 0.9


def test_similarity_is_one_for_identical_and_falls_with_the_angle() -> None:
    similarity = Metric(scale=0.5).similarity(1 - np.array([1.0, 0.8, 0.0, -1.0]))
    assert similarity.tolist() == [1.0, 0.9, 0.5, 0.0]


def test_the_table_names_items_best_first() -> None:
    vectors = unit_vectors(10)
    found = find_neighbors(vectors, NeighborOptions(nearest_neighbors_k=3), 1)
    ids = np.arange(10) * 7
    table = as_table(found, ids, Metric(scale=0.5))
    assert table["from"].tolist() == np.repeat(ids, 3).tolist()
    assert set(table["to"]) <= set(ids.tolist())
    best_first = table.groupby("from")["similarity"].agg(
        lambda column: column.is_monotonic_decreasing
    )
    assert best_first.all()
    expected = pd.Series(Metric(scale=0.5).similarity(1 - (vectors @ vectors.T)[0])).drop(0).max()
    assert table["similarity"].iloc[0] == pytest.approx(expected, abs=1e-6)
