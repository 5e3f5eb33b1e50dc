"""Many queries at once: the answers of a full comparison, also by the kept index."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.search import index as search_index
from imgvet.search.index import SearchIndex
from imgvet.similarity.distances import DISTANCES, Metric, space_of


def index_of(vectors: np.ndarray, metric: Metric, kept: Path) -> SearchIndex:
    rows = np.arange(len(vectors))
    return SearchIndex(vectors, pd.DataFrame({"id": rows, "embedding_row": rows}), metric, kept)


def vectors_of(seed: int, count: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 7)).astype(np.float32) + 0.01


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 1000), name=st.sampled_from(list(DISTANCES)), k=st.integers(1, 45))
def test_the_nearest_are_those_of_a_full_comparison(seed, name, k):
    vectors, metric = vectors_of(seed), Metric(distance=name, scale=0.7)
    queries = vectors[::5].copy()
    queries[2] = 0
    rows, similarity = index_of(vectors, metric, Path("none")).nearest_rows(queries, k)
    others, shown = np.arange(len(vectors)), min(k, len(vectors))
    for number, query in enumerate(range(0, len(vectors), 5)):
        true = metric.similarity(
            space_of(vectors, metric).distances(np.array([query]), others[None])
        )
        best = np.sort(true[0])[::-1][:shown]
        if number == 2:
            assert (rows[number] == -1).all()
            assert np.isnan(similarity[number]).all()
        else:
            assert similarity[number, :shown].tolist() == best.tolist()
            assert rows[number, 0] == query
            assert (rows[number, shown:] == -1).all()


def test_zeros_are_nobody(tmp_path):
    vectors = vectors_of(1, 3)
    vectors[1] = 0
    rows, _ = index_of(vectors, Metric(), tmp_path / "kept").nearest_rows(vectors, 3)
    assert sorted(rows[0].tolist()) == [-1, 0, 2]
    nothing = index_of(np.zeros((2, 7), np.float32), Metric(), tmp_path / "kept")
    assert (nothing.nearest_rows(vectors, 1)[0] == -1).all()


def test_a_large_set_keeps_an_index_that_finds_the_same(tmp_path, monkeypatch):
    vectors = np.random.default_rng(3).normal(size=(3000, 16)).astype(np.float32)
    queries = vectors[::10] + 0.001
    true, similarity = index_of(vectors, Metric(), tmp_path / "whole-1.faiss").nearest_rows(
        queries, 1
    )
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(search_index, "EXACT_LIMIT", 100)
    (tmp_path / "whole-0.faiss").write_bytes(b"of other embeddings")
    kept = tmp_path / "whole-1.faiss"
    rows, known = index_of(vectors, Metric(), kept).nearest_rows(queries, 1)
    assert np.array_equal(rows, true)
    assert np.array_equal(known, similarity)
    assert [path.name for path in tmp_path.iterdir()] == ["whole-1.faiss"]
    written = kept.stat().st_mtime_ns
    assert np.array_equal(index_of(vectors, Metric(), kept).nearest_rows(queries, 1)[0], true)
    assert kept.stat().st_mtime_ns == written


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_the_index_is_asked_as_often_as_it_has_to_be(tmp_path, monkeypatch, distance):
    monkeypatch.setattr(search_index, "EXACT_LIMIT", 100)
    random = np.random.default_rng(4)  # without structure, so that few cells hold little
    vectors = random.normal(size=(4000, 32)).astype(np.float32)
    queries = vectors[1::20] + 0.3 * random.normal(size=(200, 32)).astype(np.float32)
    index = index_of(vectors, Metric(distance=distance), tmp_path / "whole-1.faiss")
    rows, _ = index.nearest_rows(queries, 1)
    monkeypatch.setattr(search_index, "EXACT_LIMIT", 10_000)
    true, _ = index_of(vectors, Metric(distance=distance), tmp_path / "x").nearest_rows(queries, 1)
    assert (rows == true).mean() >= 0.95
