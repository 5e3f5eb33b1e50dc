"""A search that starts from an earlier one gives what a search from scratch gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgvet.options import NeighborOptions
from imgvet.similarity import neighbors as module
from imgvet.similarity import search as search_module
from imgvet.similarity.distances import DISTANCES
from imgvet.similarity.neighbors import find_neighbors
from imgvet.similarity.search import EarlierSearch, Neighbors, path_of
from imgvet.workdir import WorkDir


def vectors_of(count: int, seed: int, kinds: int = 30) -> NDArray[np.float32]:
    """Non-negative vectors around a few centres; some are identical."""
    random = np.random.default_rng(seed)
    centres = random.random((kinds, 8)) + 0.01
    spread = random.choice([0, 0.05, 0.3], size=(count, 1))
    found = centres[random.integers(0, kinds, count)] + spread * random.random((count, 8))
    return found.astype(np.float32)


def earlier_of(vectors: NDArray[np.float32], options: NeighborOptions) -> EarlierSearch:
    return EarlierSearch.of(vectors, find_neighbors(vectors, options, 1).rows)


def same(one: Neighbors, other: Neighbors) -> bool:
    return (
        np.array_equal(one.rows, other.rows)
        and np.array_equal(one.distances, other.distances)
        and one.recall == other.recall
    )


@given(
    st.integers(5, 120), st.integers(0, 30), st.integers(0, 30), st.integers(1, 4),
    st.sampled_from(list(DISTANCES)), st.integers(0, 10_000),
)  # fmt: skip
@settings(deadline=None, max_examples=120)
def test_adding_and_removing_gives_what_a_search_from_scratch_gives(
    count, added, removed, k, distance, seed
) -> None:
    random = np.random.default_rng(seed)
    everything = vectors_of(count + added, seed)
    was = np.sort(random.permutation(len(everything))[added:])
    now = np.sort(random.permutation(len(everything))[min(removed, count) :])
    options = NeighborOptions(distance=distance, nnf_mode="Flat", nearest_neighbors_k=k)
    earlier = earlier_of(everything[was], options)
    scratch = find_neighbors(everything[now], options, 1)
    assert same(find_neighbors(everything[now], options, 1, earlier), scratch)


def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many vectors are searched among all, of each search."""
    counts: list[int] = []
    whole = module.search_exactly

    def counted(space, queries, wanted):
        counts.append(len(queries))
        return whole(space, queries, wanted)

    monkeypatch.setattr(module, "search_exactly", counted)
    monkeypatch.setattr(search_module, "search_exactly", counted)
    return counts


def test_only_new_vectors_and_those_that_lost_a_neighbour_are_searched_among_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, options = vectors_of(500, 3, kinds=500), NeighborOptions()
    earlier = earlier_of(vectors[:490], options)
    counts = searched(monkeypatch)
    find_neighbors(vectors, options, 1, earlier)
    assert counts == [10]
    lost = (earlier.rows == 0).any(axis=1).sum()
    find_neighbors(vectors[1:490], options, 1, earlier)
    assert counts == [10, lost]


@pytest.mark.parametrize("case", ["other k", "other order", "mostly new", "other vectors"])
def test_what_can_not_help_is_searched_from_scratch(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, options = vectors_of(60, 5), NeighborOptions()
    earlier = {
        "other k": earlier_of(vectors, NeighborOptions(nearest_neighbors_k=3)),
        "other order": earlier_of(vectors[::-1].copy(), options),
        "mostly new": earlier_of(vectors[:20], options),
        "other vectors": earlier_of(vectors + 1, options),
    }[case]
    scratch = find_neighbors(vectors, options, 1)
    counts = searched(monkeypatch)
    assert same(find_neighbors(vectors, options, 1, earlier), scratch)
    assert counts == [60]


def test_an_approximate_search_does_not_start_from_an_earlier_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, options = vectors_of(300, 1), NeighborOptions(nnf_mode="HNSW32")
    earlier = earlier_of(vectors, options)
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    monkeypatch.setattr(module, "update_neighbors", lambda *_: pytest.fail("was updated"))
    find_neighbors(vectors, options, 1, earlier)


def test_what_was_found_is_kept_by_kind_of_search(tmp_path: Path) -> None:
    work, options = WorkDir(tmp_path), NeighborOptions()
    path = path_of(work, options)
    assert path != path_of(work, NeighborOptions(distance="euclidean"))
    assert path != path_of(work, NeighborOptions(nearest_neighbors_k=5))
    assert EarlierSearch.load(path) is None
    earlier = earlier_of(vectors_of(20, 2), options)
    earlier.save(path)
    again = EarlierSearch.load(path)
    assert again is not None
    assert again.keys.tobytes() == earlier.keys.tobytes()
    assert np.array_equal(again.rows, earlier.rows)


@pytest.mark.parametrize("damage", ["cut", "empty", "no archive", "rows", "columns", "missing"])
def test_a_damaged_file_is_removed_and_costs_only_time(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "earlier.npz"
    earlier = earlier_of(vectors_of(20, 2), NeighborOptions())
    earlier.save(path)
    data = path.read_bytes()
    if damage == "rows":
        EarlierSearch(earlier.keys, earlier.rows + 1).save(path)
    elif damage == "columns":
        EarlierSearch(earlier.keys[1:], earlier.rows).save(path)
    elif damage == "missing":
        np.savez(path, keys=earlier.keys)
    else:
        path.write_bytes({"cut": data[:200], "empty": b"", "no archive": b"x" * 300}[damage])
    assert EarlierSearch.load(path) is None
    assert not path.exists()
