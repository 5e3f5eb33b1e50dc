"""Each distance against its formula, and the similarity made of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from imgvet.errors import InvalidParameterError
from imgvet.options import NeighborOptions
from imgvet.similarity.distances import DISTANCES, Metric, distances_between, space_of, unit_of
from imgvet.similarity.neighbors import as_table, find_neighbors

NAMES = list(DISTANCES)
EVERY = pytest.mark.parametrize("distance", NAMES)


def shares(count: int, width: int = 12, seed: int = 0) -> NDArray[np.float32]:
    """Non-negative vectors with many zeros, such as histograms of few values."""
    random = np.random.default_rng(seed)
    values = random.random((count, width)) * (random.random((count, width)) < 0.6)
    values[:, 0] += 0.1
    return values.astype(np.float32)


def by_hand(x: NDArray[np.float64], y: NDArray[np.float64], distance: str) -> float:
    """The distance, in units of 1, as its definition says it."""
    if distance == "cosine":
        return float(1 - x @ y / np.sqrt((x @ x) * (y @ y)))
    if distance in ("euclidean", "l1", "linf"):
        order = {"euclidean": 2, "l1": 1, "linf": np.inf}[distance]
        return float(np.linalg.norm(x - y, order))
    if distance == "canberra":
        parts = [abs(a - b) / (abs(a) + abs(b)) if a or b else 0 for a, b in zip(x, y, strict=True)]
        return float(np.mean(parts))
    if distance == "braycurtis":
        return float(np.abs(x - y).sum() / np.abs(x + y).sum())
    p, q = x / x.sum(), y / y.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(r > 0, r * np.log2(r / middle), 0) for r in (p, q)]
    return float(np.sum(terms) / 2)


def neighbors_by_hand(vectors: NDArray[np.float32], distance: str, k: int) -> NDArray[np.float64]:
    """The distances of the k nearest others of each, sorted."""
    exact = vectors.astype(np.float64)
    apart = np.array([[by_hand(x, y, distance) for y in exact] for x in exact])
    np.fill_diagonal(apart, np.inf)
    return np.sort(apart, axis=1)[:, :k]


@EVERY
@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_are_found_by_each_distance(distance, seed: int) -> None:
    vectors = shares(40, seed=seed)
    options = NeighborOptions(distance=distance, nnf_mode="Flat", nearest_neighbors_k=3)
    found = find_neighbors(vectors, options, 1)
    expected = neighbors_by_hand(vectors, distance, 3) / unit_if_any(vectors, distance)
    assert found.distances == pytest.approx(expected, abs=2e-6)
    for row, others in enumerate(found.rows):
        exact = vectors.astype(float)
        again = [by_hand(exact[row], exact[near], distance) for near in others] / unit_if_any(
            vectors, distance
        )
        assert again == pytest.approx(expected[row], abs=2e-6)


def unit_if_any(vectors: NDArray[np.float32], distance: str) -> np.float64:
    order = {"euclidean": 2, "l1": 1, "linf": np.inf}.get(distance)
    if order is None:
        return np.float64(1)
    return np.median(np.linalg.norm(vectors.astype(float), order, axis=1))


@EVERY
def test_one_is_identical_and_similarity_falls_with_distance(distance) -> None:
    metric = Metric(distance=distance, scale=0.55)
    similarity = metric.similarity(np.array([0, 0.1, 0.2, 0.5, 0.9]))
    assert similarity[0] == 1
    assert (np.diff(similarity) < 0).all()
    assert (metric.similarity(np.linspace(0, 50, 99))[1:] < 1).all()
    if distance != "cosine":
        assert metric.similarity(np.array([1e6])) == 0


@EVERY
def test_an_identical_twin_has_similarity_one(distance) -> None:
    vectors = np.repeat(shares(5), 2, axis=0)
    options = NeighborOptions(distance=distance, nnf_mode="Flat", nearest_neighbors_k=1)
    found = find_neighbors(vectors, options, 1)
    assert found.rows[:, 0].tolist() == [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
    table = as_table(found, np.arange(10), Metric(distance=distance))
    assert table["similarity"].tolist() == [1.0] * 10


@EVERY
@given(st.floats(1e-12, 1e12))
@settings(deadline=None, max_examples=10)
def test_the_scale_of_the_embeddings_does_not_count(distance, factor: float) -> None:
    vectors = shares(15)
    options = NeighborOptions(distance=distance, nnf_mode="Flat")
    one = find_neighbors(vectors, options, 1)
    other = find_neighbors((vectors * factor).astype(np.float32), options, 1)
    assert one.distances == pytest.approx(other.distances, abs=1e-5)


def test_a_large_offset_does_not_blur_euclidean_distances() -> None:
    steps = np.random.default_rng(4).integers(0, 64, (60, 6)) / 64
    vectors = (steps + 1000).astype(np.float32)
    options = NeighborOptions(distance="euclidean", nnf_mode="Flat")
    found = find_neighbors(vectors, options, 1)
    expected = neighbors_by_hand(vectors, "euclidean", 2) / unit_if_any(vectors, "euclidean")
    assert found.distances == pytest.approx(expected, abs=2e-9)


def test_euclidean_is_cosine_for_embeddings_of_length_one() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    tables = [
        as_table(
            find_neighbors(vectors, NeighborOptions(distance=distance), 1),
            np.arange(50),
            Metric(distance=distance, scale=0.5),
        )
        for distance in ("cosine", "euclidean")
    ]
    assert tables[0].to_numpy() == pytest.approx(tables[1].to_numpy(), abs=2e-6)


def test_the_unit_is_the_median_length() -> None:
    vectors = np.array([[3, -4], [0, 1], [60, 80]], np.float32)
    assert unit_of(vectors, "euclidean") == 5
    assert unit_of(vectors, "l1") == 7
    assert unit_of(vectors, "linf") == 4
    assert unit_of(vectors, "cosine") == 1


def test_only_embeddings_of_another_length_are_normalised() -> None:
    vectors = np.array([[0.6, 0.8], [3, 4]], np.float32)
    ready = space_of(vectors, Metric()).vectors
    assert np.array_equal(ready[0], vectors[0])
    assert ready[1] == pytest.approx([0.6, 0.8])
    assert space_of(vectors, Metric(distance="l1")).vectors is vectors
    assert space_of(vectors[:1], Metric()).vectors.tobytes() == vectors[:1].tobytes()
    assert vectors[1].tolist() == [3, 4], "the embeddings themselves stay"


def test_embeddings_of_a_model_are_compared_where_they_lie() -> None:
    """They have length 1 to the rounding of the network; a copy of a million takes 1.5 GB."""
    vectors = np.random.default_rng(0).normal(size=(500, 40)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[7] *= np.float32(1 + 7e-7)
    assert space_of(vectors, Metric()).vectors is vectors


def test_jensen_shannon_refuses_negative_values_and_counts_them() -> None:
    vectors = shares(6)
    vectors[2, :2] = -1
    vectors[4, 3] = -0.5
    options = NeighborOptions(distance="jensenshannon", nnf_mode="Flat")
    with pytest.raises(InvalidParameterError, match="3 values in 2 of 6 embeddings"):
        find_neighbors(vectors, options, 1)


def test_bray_curtis_of_opposite_embeddings_is_zero_similarity() -> None:
    vectors = np.array([[1, 0], [-1, 1e-3]], np.float32)
    apart = distances_between(vectors, vectors, "braycurtis", 1.0)
    assert apart[0, 1] > 1
    assert Metric(distance="braycurtis").similarity(apart).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("scale", [0, -1])
def test_a_metric_has_a_positive_scale(scale: float) -> None:
    with pytest.raises(ValidationError):
        Metric(scale=scale)
