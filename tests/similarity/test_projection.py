"""The map keeps neighbours together, better than a plane through the vectors, and never varies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgvet.similarity import projection
from imgvet.similarity.projection import fuzzy_graph, nearest, principal_components, project

GROUPS, EACH, WIDTH = 12, 40, 32


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    """Twelve groups on a sphere, each a curved line with a little noise."""
    random = np.random.default_rng(5)
    centres = random.normal(size=(GROUPS, WIDTH))
    along = np.linspace(-1, 1, EACH)[None, :, None] * random.normal(size=(GROUPS, 1, WIDTH)) * 0.5
    noise = random.normal(size=(GROUPS, EACH, WIDTH)) * 0.05
    made = (centres[:, None] + along + noise).reshape(-1, WIDTH)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def wrong_neighbours(vectors: NDArray[np.float32], places: NDArray[np.float32]) -> float:
    """1 - trustworthiness for the 10 nearest places: 0 if all are neighbours, 1/2 by chance.

    Venna and Kaski, Neighborhood preservation in nonlinear projection methods, ICANN 2001.
    """
    count, k = len(vectors), 10
    true, shown = (
        np.linalg.norm(points[:, None] - points[None], axis=2).argsort(axis=1, kind="stable")
        for points in (vectors, places)
    )
    ranks = true.argsort(axis=1)
    farther = np.take_along_axis(ranks, shown[:, 1 : k + 1], axis=1) - k
    return 2 * float(farther.clip(min=0).sum()) / (count * k * (2 * count - 3 * k - 1))


@pytest.fixture(scope="module")
def places(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return project(vectors)


def test_same_vectors_give_the_same_places(
    vectors: NDArray[np.float32], places: NDArray[np.float32]
) -> None:
    assert np.array_equal(project(vectors.copy()), places)


def test_neighbours_stay_together(
    vectors: NDArray[np.float32], places: NDArray[np.float32]
) -> None:
    plane = principal_components(vectors, 2)
    wrong, wrong_in_plane = (wrong_neighbours(vectors, found) for found in (places, plane))
    assert wrong < 0.01
    assert wrong < wrong_in_plane / 5


def test_groups_are_apart(places: NDArray[np.float32]) -> None:
    groups = np.repeat(np.arange(GROUPS), EACH)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert np.mean(groups[distance.argmin(axis=1)] == groups) > 0.99


@given(st.integers(0, 70), st.integers(1, 9), st.sampled_from(["random", "constant", "copies"]))
@settings(max_examples=25, deadline=None)
def test_any_number_of_vectors_has_places_within_one(count: int, width: int, kind: str) -> None:
    made = np.random.default_rng(count).normal(size=(count, width)).astype(np.float32)
    if kind == "constant":
        made[:] = 1
    elif kind == "copies":
        made = np.repeat(made[: max(1, count // 9)], 9, axis=0)[:count]
    found = project(made)
    assert found.shape == (len(made), 2)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert not len(found) or (found.min() >= 0 and found.max() <= 1)


def test_components_are_those_of_the_covariance() -> None:
    random = np.random.default_rng(2)
    vectors = (random.normal(size=(500, 6)) * [5, 3, 1, 1, 1, 1]).astype(np.float32)
    found = principal_components(vectors, 3)
    assert np.allclose(found.mean(axis=0), 0, atol=1e-4)
    assert np.all(np.diff(found.var(axis=0)) < 0)
    assert abs(np.corrcoef(found[:, 0], vectors[:, 0])[0, 1]) > 0.99
    assert np.abs(np.corrcoef(found.T) - np.eye(3)).max() < 1e-3


@pytest.mark.parametrize(("count", "width"), [(5, 2), (3, 40), (90, 40)])
def test_components_beyond_the_rank_are_zero(count: int, width: int) -> None:
    three = np.random.default_rng(1).normal(size=(3, width)).astype(np.float32)
    found = principal_components(np.resize(three, (count, width)), 4)
    assert found.shape == (count, 4)
    assert found[:, 1].any()
    assert not found[:, 2:].any()


def test_nearest_are_the_nearest(vectors: NDArray[np.float32]) -> None:
    rows, distances = nearest(vectors, 5)
    all_distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(all_distances, np.inf)
    assert np.allclose(distances, np.sort(all_distances, axis=1)[:, :5], atol=2e-3)
    assert not (rows == np.arange(len(rows))[:, None]).any()


def test_cells_find_most_of_the_nearest(
    vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact, _ = nearest(vectors, 5)
    monkeypatch.setattr(projection, "EXACT_LIMIT", 100)
    monkeypatch.setattr(projection, "_CELL_SIZE", 60)
    found, _ = nearest(vectors, 5)
    shared = [len(set(one) & set(other)) for one, other in zip(found, exact, strict=True)]
    assert np.mean(shared) > 4
    assert np.array_equal(found, nearest(vectors, 5)[0])


def test_graph_is_symmetric_and_strongest_to_the_nearest(vectors: NDArray[np.float32]) -> None:
    rows, distances = nearest(vectors, 5)
    made = fuzzy_graph(rows, distances)
    assert abs(made - made.T).max() < 1e-12
    assert made.data.min() > 0
    assert made.data.max() <= 1
    assert made.diagonal().max() == 0
    first = [made[row, int(rows[row, 0])] for row in range(len(rows))]
    assert np.allclose(first, 1)
