"""Components without chains: any two images of one are so similar."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgvet.options import ComponentOptions, NeighborOptions
from imgvet.similarity import components as components_module
from imgvet.similarity.components import find_components
from imgvet.similarity.distances import Metric
from imgvet.similarity.linkage import parts_of
from imgvet.similarity.neighbors import as_table, find_neighbors
from imgvet.similarity.pairs import Comparison, similar_pairs
from imgvet.tables import COMPONENT_INFO, COMPONENTS, conform

JOINS, LEAST = 0.96, 0.9
OPTIONS = ComponentOptions(cc_threshold=JOINS, cc_min_similarity=LEAST)


def circle(degrees: NDArray[np.floating]) -> NDArray[np.float32]:
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def found_in(
    vectors: NDArray[np.float32], options: ComponentOptions, copies: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Components of these contents, each ``copies`` times."""
    rows = np.repeat(np.arange(len(vectors)), copies)
    items = pd.DataFrame(
        {
            "id": range(len(rows)), "digest": rows.astype(str),
            "embedding_row": pd.array(rows, "Int64"), "time_ms": None, "path": "",
            "member": None, "status": "ok",
        }
    )  # fmt: skip
    metric, search = Metric(), NeighborOptions(nearest_neighbors_k=2)
    first = np.arange(len(vectors)) * copies
    near = as_table(find_neighbors(vectors, search, 1), first, metric)
    pairs = similar_pairs(near, items, JOINS)
    comparison = Comparison(search=search, metric=metric)
    found = find_components(pairs, items, vectors, options, comparison, 1)
    assert conform(found["component_info"], COMPONENT_INFO).num_rows == len(found["component_info"])
    assert conform(found["components"], COMPONENTS).num_rows == len(found["components"])
    return found["components"], found["component_info"]


angles = st.lists(st.integers(0, 120), min_size=2, max_size=40, unique=True)


@settings(max_examples=40, deadline=None)
@given(degrees=angles, most=st.sampled_from([3, 8, 2000]), copies=st.sampled_from([1, 2]))
def test_any_two_of_a_component_are_so_similar(degrees: list[int], most: int, copies: int) -> None:
    vectors = circle(np.array(degrees))
    whole, whole_info = found_in(vectors, ComponentOptions(cc_threshold=JOINS), copies)
    assert whole_info["chain_id"].isna().all()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(components_module, "ALL_PAIRS_LIMIT", most)
        members, info = found_in(vectors, OPTIONS, copies)
    assert (info["min_similarity"] >= LEAST).all()
    alike = vectors @ vectors.T
    for _, ids in members.groupby("component_id")["id"]:
        rows = ids.to_numpy() // copies
        assert len(ids) > 1
        assert alike[np.ix_(rows, rows)].min() >= LEAST
    chain = members["id"].map(whole.set_index("id")["component_id"])
    assert (chain == members["component_id"].map(info["chain_id"])).all()
    assert (np.diff(info["count"]) <= 0).all()
    tight = whole_info[whole_info["min_similarity"] >= LEAST + 1e-4]
    if most == 2000:
        assert set(tight["component_id"]) <= set(info["chain_id"])
        assert len(members) >= tight["count"].sum()


def test_a_chain_is_cut_and_what_is_then_alone_left_out() -> None:
    degrees = np.array([0, 1, 2, 15, 28, 29, 30, 200, 201])
    whole, _ = found_in(circle(degrees), ComponentOptions(cc_threshold=JOINS))
    assert whole.groupby("component_id")["id"].agg(list).tolist() == [[*range(7)], [7, 8]]
    members, info = found_in(circle(degrees), OPTIONS)
    parts = members.groupby("component_id")["id"].agg(list).tolist()
    assert all(set(part) <= set(range(7)) or part == [7, 8] for part in parts)
    assert {0, 1, 2} <= set(parts[0])
    assert info["chain_id"].tolist() == [0, 0, 1]
    strictest = ComponentOptions(cc_threshold=JOINS, cc_min_similarity=1.0)
    assert all(table.empty for table in found_in(circle(degrees), strictest))
    copies, _ = found_in(circle(degrees[:3]), strictest, copies=2)
    assert copies.groupby("component_id")["id"].agg(list).tolist() == [[0, 1], [2, 3], [4, 5]]


def test_small_sets_are_linked_as_by_hand() -> None:
    values = np.array([0.0, 0.04, 0.08, 0.5, 0.52])

    def similar(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(1 - np.abs(values[one][:, None] - values[other]))

    parts = parts_of(np.arange(5), similar, 0.95, 10)
    assert [parts[0] == parts[1], parts[1] == parts[2], parts[3] == parts[4]] == [1, 0, 1]
    assert len(set(parts_of(np.arange(5), similar, 0.9, 10))) == 2
    assert len(set(parts_of(np.arange(5), similar, 0.9, 2))) == 2
