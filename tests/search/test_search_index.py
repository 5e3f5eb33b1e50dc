"""Nearest images: those of a full comparison, with the similarities that the tables have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.errors import InvalidParameterError
from imgvet.search.image_table import ImageTable
from imgvet.search.index import MAX_NEIGHBORS, Match, SearchIndex
from imgvet.similarity.distances import DISTANCES, Metric, space_of
from imgvet.tables import read_table
from imgvet.workdir import WorkDir

CONTENTS, WIDTH = 40, 7


def vectors_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((CONTENTS, WIDTH)).astype(np.float32) + 0.01


def items_of(rows: list[int | None]) -> pd.DataFrame:
    column = pd.array(rows, dtype="Int64")
    return pd.DataFrame({"id": np.arange(len(rows)) * 3, "embedding_row": column})


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    name=st.sampled_from(list(DISTANCES)),
    item=st.integers(0, CONTENTS - 1),
    k=st.integers(1, CONTENTS + 5),
)
def test_the_nearest_are_those_of_a_full_comparison(seed, name, item, k):
    vectors, metric = vectors_of(seed), Metric(distance=name, scale=0.7)
    index = SearchIndex(vectors, items_of(list(range(CONTENTS))), metric)
    found = index.nearest(vectors[item], k)
    space = space_of(vectors, Metric(distance=name))
    others = np.arange(CONTENTS)
    distances = space.distances(np.array([item]), others[None])[0]
    true = metric.similarity(distances)
    order = np.lexsort((others, -true))[:k]
    assert [match.similarity for match in found] == true[order].tolist()
    assert found[0] == Match(3 * item, 1.0)


def test_every_image_of_a_content_is_found_and_the_asked_one_is_left_out():
    vectors = vectors_of(1)[:3]
    index = SearchIndex(vectors, items_of([0, 1, 0, None, 2, 0]), Metric())
    found = index.nearest_to_item(6, 4)
    assert [match.id for match in found[:2]] == [0, 15]
    assert [match.similarity for match in found[:2]] == [1.0, 1.0]
    assert {match.id for match in found} == {0, 3, 12, 15}
    assert [match.id for match in index.nearest(vectors[0], 2)] == [0, 6]


def test_contents_without_an_image_and_embeddings_of_zeros_are_never_found():
    vectors = vectors_of(2)[:4]
    vectors[2] = 0
    index = SearchIndex(vectors, items_of([0, 2, 3]), Metric())
    assert [match.id for match in index.nearest(vectors[1], 9)] in ([0, 6], [6, 0])
    with pytest.raises(InvalidParameterError, match="says nothing"):
        index.nearest_to_item(3, 1)


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e18])
def test_cosine_does_not_depend_on_the_length_of_embeddings(scale):
    vectors = vectors_of(3)
    plain = SearchIndex(vectors, items_of(list(range(CONTENTS))), Metric())
    scaled = SearchIndex(vectors * np.float32(scale), items_of(list(range(CONTENTS))), Metric())
    expected = plain.nearest(vectors[5], 6)
    found = scaled.nearest(vectors[5], 6)
    assert [match.id for match in found] == [match.id for match in expected]
    assert np.allclose(
        [match.similarity for match in found], [match.similarity for match in expected], atol=2e-6
    )


@pytest.mark.parametrize("k", [0, -1, MAX_NEIGHBORS + 1])
def test_a_number_out_of_range_is_refused(k):
    index = SearchIndex(vectors_of(4), items_of([0]), Metric())
    with pytest.raises(InvalidParameterError, match="between 1 and"):
        index.nearest(vectors_of(4)[0], k)
    with pytest.raises(InvalidParameterError, match="between 1 and"):
        index.nearest_to_item(0, k)


@pytest.mark.parametrize(
    "vector",
    [np.zeros(WIDTH, np.float32), np.full(WIDTH, np.nan, np.float32), np.ones(3, np.float32)],
)
def test_a_vector_that_fits_nothing_is_refused(vector):
    index = SearchIndex(vectors_of(4), items_of([0]), Metric())
    with pytest.raises(InvalidParameterError):
        index.nearest(vector, 1)


def test_no_embeddings_give_no_matches():
    index = SearchIndex(np.empty((0, WIDTH), np.float32), items_of([None]), Metric())
    assert index.nearest(np.ones(WIDTH, np.float32), 3) == []
    with pytest.raises(InvalidParameterError, match="no embedding"):
        index.nearest_to_item(0, 3)


def test_similarities_are_those_of_the_tables(work: WorkDir, photos: Path):
    index = SearchIndex.of_run(work, ImageTable.of_run(work))
    pairs = read_table(work.table("similarity"))
    assert len(pairs) >= 2
    for first, second, similarity in pairs[["from", "to", "similarity"]].itertuples(index=False):
        assert Match(second, similarity) in index.nearest_to_item(first, 8)
        assert Match(first, similarity) in index.nearest_to_item(second, 8)
    names = read_table(work.table("items")).set_index("filename")["id"]
    near = index.nearest_to_item(int(names[str(photos / "near 1.jpg")]), 1)
    assert near[0].id == names[str(photos / "photo01.jpg")]
