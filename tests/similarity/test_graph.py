"""Pairs, components and outliers on planted and random graphs."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgvet.options import (
    ComponentOptions,
    Distance,
    NeighborOptions,
    OutlierOptions,
)
from imgvet.similarity import components as components_module
from imgvet.similarity.components import find_components
from imgvet.similarity.distances import Metric, space_of
from imgvet.similarity.neighbors import as_table, find_neighbors
from imgvet.similarity.outliers import find_outliers, nearest_of_all, robust_score
from imgvet.similarity.pairs import Apart, Comparison, exact_pairs, similar_pairs

HALF = Metric(scale=0.5)


def items_of(rows: list[int | None]) -> pd.DataFrame:
    """Items whose embedding rows are given; equal rows are exact copies, None is invalid."""
    digests = [None if row is None else f"d{row}" for row in rows]
    return pd.DataFrame(
        {
            "id": range(len(rows)),
            "digest": digests,
            "embedding_row": pd.array(rows, "Int64"),
            "time_ms": None,
            "path": "",
            "member": None,
            "status": "ok",
        }
    )


def frame(*rows: tuple[int, int, float]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["from", "to", "similarity"])
    return table.astype({"from": "int64", "to": "int64", "similarity": "float64"})


def outliers_of(
    near: pd.DataFrame, items: pd.DataFrame, options: OutlierOptions, *proven: tuple[int, int]
) -> pd.DataFrame:
    alike = frame(*[(one, other, 1.0) for one, other in proven]).assign(verified=12)
    return find_outliers(near, alike, items, options)[0]


def vectors_of(count: int) -> NDArray[np.float32]:
    random = np.random.default_rng(5).normal(size=(count, 8))
    return (random / np.linalg.norm(random, axis=1, keepdims=True)).astype(np.float32)


def components_of(
    pairs: pd.DataFrame,
    items: pd.DataFrame,
    vectors: NDArray[np.float32],
    metric: Metric,
    options: ComponentOptions,
    k: int = 2,
    apart: Apart = (),
) -> dict[str, pd.DataFrame]:
    search = NeighborOptions(distance=metric.distance, nearest_neighbors_k=k)
    comparison = Comparison(search=search, metric=metric, apart=apart)
    return find_components(pairs, items, vectors, options, comparison, 1)


def listed_by(vectors: NDArray[np.float32], metric: Metric, k: int) -> pd.DataFrame:
    """The pairs that a search for k neighbours lists."""
    search = NeighborOptions(distance=metric.distance, nearest_neighbors_k=k, nnf_mode="Flat")
    found = as_table(find_neighbors(vectors, search, 1), np.arange(len(vectors)), metric)
    items = items_of(list(range(len(vectors))))
    return similar_pairs(found, items, 0.0)


def groups_in(found: dict[str, pd.DataFrame]) -> set[frozenset[int]]:
    return set(found["components"].groupby("component_id")["id"].agg(frozenset))


def test_exact_copies_are_linked_to_the_first() -> None:
    items = items_of([0, 1, 0, None, 0, 1])
    assert exact_pairs(items).to_numpy().tolist() == [[0, 2, 1], [1, 5, 1], [0, 4, 1]] or sorted(
        exact_pairs(items)[["from", "to"]].to_numpy().tolist()
    ) == [[0, 2], [0, 4], [1, 5]]


def test_each_pair_stands_once_best_first_above_the_threshold() -> None:
    near = frame((1, 0, 0.95), (0, 1, 0.95), (2, 1, 0.97), (2, 3, 0.89))
    pairs = similar_pairs(near, items_of([0, 1, 2, 3, 0]), 0.9)
    assert pairs.to_numpy().tolist() == [[0, 4, 1.0], [1, 2, 0.97], [0, 1, 0.95]]


edges = st.lists(
    st.tuples(st.integers(0, 19), st.integers(0, 19), st.sampled_from([0.91, 0.96, 0.99])),
    max_size=40,
)


def union_find(count: int, pairs: list[tuple[int, int]]) -> list[frozenset[int]]:
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for left, right in pairs:
        parent[root(left)] = root(right)
    groups: dict[int, set[int]] = {}
    for node in range(count):
        groups.setdefault(root(node), set()).add(node)
    return [frozenset(group) for group in groups.values() if len(group) > 1]


@given(edges)
@settings(deadline=None)
def test_components_are_those_of_union_find(chosen: list[tuple[int, int, float]]) -> None:
    near = frame(*[(min(a, b), max(a, b), s) for a, b, s in chosen if a != b])
    found = components_of(
        near, items_of(list(range(20))), vectors_of(20), HALF, ComponentOptions(cc_threshold=0.96)
    )
    joined = near[near["similarity"] >= 0.96][["from", "to"]].itertuples(index=False)
    expected = union_find(20, [(int(a), int(b)) for a, b in joined])
    groups = found["components"].groupby("component_id")["id"].agg(frozenset)
    assert set(groups) == set(expected)
    sizes = found["component_info"]["count"].tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert found["component_info"]["component_id"].tolist() == list(range(len(expected)))
    for row in found["component_info"].itertuples():
        assert row.representative in groups[row.component_id]
        assert row.min_similarity <= row.mean_similarity <= row.max_similarity


@given(
    st.integers(2, 40), st.integers(1, 5), st.integers(0, 2**32 - 1),
    st.sampled_from(["cosine", "euclidean", "l1"]), st.sampled_from([1, 40, 1 << 23]),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_components_are_those_of_all_pairs_whatever_k(
    count: int, k: int, seed: int, distance: Distance, block: int
) -> None:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(random.integers(1, 5), 3))
    spread = random.choice([0.01, 0.05, 0.3])
    vectors = centres[random.integers(0, len(centres), count)]
    vectors = (vectors + random.normal(size=vectors.shape) * spread).astype(np.float32)
    metric, items = Metric(distance=distance), items_of(list(range(count)))
    space, everybody = space_of(vectors, metric), np.arange(count)
    all_pairs = metric.similarity(space.distances(everybody, np.tile(everybody, (count, 1))))
    expected = union_find(count, [tuple(p) for p in np.argwhere(all_pairs >= 0.96) if p[0] < p[1]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components_module, "_BLOCK_PAIRS", block)
        pairs = listed_by(vectors, metric, k)
        found = components_of(pairs, items, vectors, metric, ComponentOptions(), k)
    assert groups_in(found) == set(expected)


def test_contents_that_are_just_similar_enough_join_whatever_single_precision_says() -> None:
    random, metric, count = np.random.default_rng(0), Metric(scale=0.55), 400
    first = random.normal(size=(count, 64))
    both = np.concatenate([first, first + 0.25 * random.normal(size=first.shape)])
    space = space_of(both.astype(np.float32), metric)
    rough = metric.similarity(space.between(slice(0, count), slice(count, None)).diagonal())
    exact = metric.similarity(space.distances(np.arange(count), np.arange(count)[:, None] + count))
    places = np.flatnonzero(rough < exact[:, 0])
    assert len(places) > 5
    for place in places:
        one, other = both[place], both[count + place]
        vectors = np.stack([one, one + (one - other) / 4, other, other - (one - other) / 4])
        vectors = vectors.astype(np.float32)
        options = ComponentOptions(cc_threshold=exact[place, 0])
        pairs = listed_by(vectors, metric, 1)
        assert len(pairs) == 2
        found = components_of(pairs, items_of([0, 1, 2, 3]), vectors, metric, options, 1)
        assert groups_in(found) == {frozenset(range(4))}


@pytest.mark.parametrize("limit", [50_000, 0])
@pytest.mark.parametrize("copies", [7, 8, 30])
def test_copies_of_one_picture_are_one_component(
    copies: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pairs of copies that are nearest to each other: no list leads from one pair to the next.
    monkeypatch.setattr("imgvet.similarity.neighbors.EXACT_LIMIT", limit)
    random = np.random.default_rng(1)
    twins = np.repeat(random.normal(size=(copies // 2 + 1, 16)) * 0.05, 2, axis=0)[:copies]
    vectors = (1 + twins + random.normal(size=twins.shape) * 0.001).astype(np.float32)
    metric = Metric()
    pairs = listed_by(vectors, metric, 1)
    found = components_of(
        pairs, items_of(list(range(copies))), vectors, metric, ComponentOptions(), 1
    )
    assert groups_in(found) == {frozenset(range(copies))}
    assert len(pairs) < copies - 1


def test_a_chain_shows_how_unlike_its_ends_are() -> None:
    angles = np.radians([0, 20, 40, 60])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    near = frame((0, 1, 0.969846), (1, 2, 0.969846), (2, 3, 0.969846))
    info = components_of(near, items_of([0, 1, 2, 3]), vectors, HALF, ComponentOptions())[
        "component_info"
    ]
    assert info["count"].tolist() == [4]
    assert info["min_similarity"].iloc[0] == pytest.approx(0.75, abs=1e-5)
    assert info["max_similarity"].iloc[0] == pytest.approx(
        1 - 0.5 * (1 - np.cos(angles[1])), abs=1e-5
    )
    assert info["representative"].iloc[0] in (1, 2)


def test_a_component_is_described_by_the_distance_of_the_run() -> None:
    vectors = np.array([[4, 0], [4, 1], [4, 2], [9, 0], [0, 9]], np.float32)
    near = frame((0, 1, 0.97), (1, 2, 0.97))
    metric = Metric(distance="l1")
    found = components_of(near, items_of([0, 1, 2, 3, 4]), vectors, metric, ComponentOptions())
    unit = 6  # the median of 4, 5, 6, 9, 9
    furthest = 1 - (2 / unit) ** 2 / 2
    assert found["component_info"]["min_similarity"].tolist() == [pytest.approx(furthest, abs=1e-6)]
    assert found["component_info"]["max_similarity"].iloc[0] == pytest.approx(
        1 - (1 / unit) ** 2 / 2, abs=1e-6
    )


def test_embeddings_of_any_length_have_the_components_of_their_directions() -> None:
    vectors, items = vectors_of(6), items_of([0, 1, 2, 3, 4, 5])
    near = frame(*[(row, row + 1, 0.1) for row in range(5)])
    options = ComponentOptions(cc_threshold=0.1)
    longer = (vectors * np.arange(1, 7)[:, None]).astype(np.float32)
    one, other = (
        components_of(near, items, given, HALF, options)["component_info"]
        for given in (vectors, longer)
    )
    told = ["count", "mean_similarity", "min_similarity", "max_similarity", "representative"]
    assert one[told].to_numpy() == pytest.approx(other[told].to_numpy(), abs=2e-6)


def test_exact_copies_make_a_component_of_images() -> None:
    items = items_of([0, 0, 0, 1])
    pairs = similar_pairs(frame(), items, 0.9)
    found = components_of(pairs, items, vectors_of(2), HALF, ComponentOptions())
    assert found["components"]["id"].tolist() == [0, 1, 2]
    assert found["component_info"][
        ["count", "mean_similarity", "min_similarity"]
    ].to_numpy().tolist() == [[3, 1, 1]]


def test_a_huge_component_is_described_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components_module, "ALL_PAIRS_LIMIT", 10)
    near = frame(*[(row, row + 1, 0.99) for row in range(49)])
    info = components_of(near, items_of(list(range(50))), vectors_of(50), HALF, ComponentOptions())[
        "component_info"
    ]
    assert info["count"].tolist() == [50]


def test_no_components_without_pairs_or_when_not_asked_for() -> None:
    pairs, items = frame((0, 1, 0.99)), items_of([0, 1])
    assert components_of(frame(), items, vectors_of(2), HALF, ComponentOptions())[
        "component_info"
    ].empty
    off = ComponentOptions(run_cc=False)
    assert components_of(pairs, items, vectors_of(2), HALF, off)["components"].empty


@given(st.integers(2, 200), st.floats(0, 1))
@settings(deadline=None)
def test_the_share_and_all_that_stand_out_are_listed(count: int, share: float) -> None:
    random = np.random.default_rng(count).random(count) ** 0.1
    near = frame(*[(row, (row + 1) % count, random[row]) for row in range(count)])
    options = OutlierOptions(outlier_percentile=share)
    table = outliers_of(near, items_of(list(range(count))), options)
    wanted, standing = int(share * count + 0.5), int((robust_score(random) > 3.5).sum())
    assert len(table) == max(wanted, standing)
    assert table["similarity"].tolist() == sorted(random)[: len(table)]
    assert (table["by"] != "score").sum() == wanted
    assert (table["by"] != "share").sum() == standing


def test_a_planted_outlier_stands_out_and_a_clean_set_has_none() -> None:
    clean = np.linspace(0.70, 0.80, 101)
    planted = np.append(clean, 0.3)
    for values, expected in ((clean, []), (planted, [101])):
        near = frame(*[(row, 0 if row else 1, value) for row, value in enumerate(values)])
        table = outliers_of(near, items_of(list(range(len(values)))), OutlierOptions())
        assert table.loc[table["by"] == "both", "id"].tolist() == expected
        assert len(table) == 5


def test_what_stands_out_is_listed_whatever_the_share() -> None:
    values = [*np.linspace(0.70, 0.80, 95), 0.2, 0.1, 0.3]
    near = frame(*[(row, 0 if row else 1, value) for row, value in enumerate(values)])
    items = items_of(list(range(len(values))))
    table = outliers_of(near, items, OutlierOptions(outlier_percentile=0.02))
    assert table[["id", "by"]].to_numpy().tolist() == [[96, "both"], [95, "both"], [97, "score"]]


@pytest.mark.parametrize("exact", [True, False])
def test_among_copies_what_has_none_does_not_stand_out(exact: bool) -> None:
    """Of 40 photographs in three copies and 20 alone, 0.6 to 0.8 similar, one is unlike all."""
    alone = [*np.linspace(0.6, 0.8, 19), 0.1]
    near = [(row, row // 3 * 3 if row % 3 else row + 1, 0.99) for row in range(120)]
    near += [(120 + row, 0, value) for row, value in enumerate(alone)]
    items = items_of([row // 3 * 3 if exact and row < 120 else row for row in range(140)])
    proven = () if exact else [(row, row // 3 * 3) for row in range(120) if row % 3]
    table = outliers_of(frame(*near), items, OutlierOptions(outlier_percentile=0), *proven)
    assert table["id"].tolist() == [139]


def test_an_image_with_an_exact_copy_is_no_outlier() -> None:
    items = items_of([0, 0, 1, 2])
    near = frame((0, 2, 0.2), (2, 3, 0.6), (3, 2, 0.6))
    nearest = nearest_of_all(near, items)
    assert nearest.to_numpy().tolist() == [[0, 1, 1.0], [1, 0, 1.0], [2, 3, 0.6], [3, 2, 0.6]]


def test_an_image_without_neighbour_is_the_first_outlier() -> None:
    near = frame((0, 1, 0.7), (1, 0, 0.7), (3, 1, 0.6))
    items = items_of([0, 1, 2, 3, None])
    table = outliers_of(near, items, OutlierOptions(outlier_percentile=0.5))
    assert table["id"].tolist() == [2, 3]
    assert table["nearest"].isna().tolist() == [True, False]
    assert table["similarity"].tolist() == [0.0, 0.6]
    assert table["score"].notna().all()


def test_a_single_content_is_no_outlier() -> None:
    every = OutlierOptions(outlier_percentile=1.0)
    assert outliers_of(frame(), items_of([0, None]), every).empty


@pytest.mark.parametrize("distance", get_args(Distance))
def test_copies_that_the_model_says_nothing_about_are_one_component(distance: Distance) -> None:
    vectors = np.abs(vectors_of(3))
    vectors[1] = 0
    metric = Metric(distance=distance)
    found = components_of(
        frame((1, 2, 1.0)), items_of([0, 1, 1, 2]), vectors, metric, ComponentOptions()
    )
    assert found["components"]["id"].tolist() == [1, 2]
    assert found["component_info"][["min_similarity", "mean_similarity"]].to_numpy().tolist() == [
        [1.0, 1.0]
    ]


def test_the_score_is_the_distance_below_the_median_in_scaled_deviations() -> None:
    scores = robust_score(np.array([0.5, 0.6, 0.7, 0.8, 0.9]))
    assert scores.tolist() == pytest.approx([1.349, 0.6745, 0, -0.6745, -1.349], abs=1e-3)
    assert robust_score(np.array([0.7, 0.7, 0.7])).tolist() == [0, 0, 0]
    assert robust_score(np.array([])).size == 0
    odd = robust_score(np.array([1.0] * 9 + [0.2]))
    assert odd[-1] > 3.5
    assert (odd[:-1] == 0).all()


APART = (("d0", "d1"),)


def test_a_pair_that_is_apart_joins_nothing_by_itself() -> None:
    """Contents 0 and 1 are alike, and a copy of 0 goes with it."""
    items, vectors = items_of([0, 1, 0, 2]), vectors_of(3)
    pairs = frame((0, 2, 1.0), (0, 1, 0.99))
    joined = components_of(pairs, items, vectors, HALF, ComponentOptions())
    assert groups_in(joined) == {frozenset({0, 1, 2})}
    apart = components_of(pairs, items, vectors, HALF, ComponentOptions(), apart=APART)
    assert groups_in(apart) == {frozenset({0, 2})}
    assert apart["component_info"]["count"].tolist() == [2]
    alone = frame((0, 1, 0.99))
    none = components_of(alone, items, vectors, HALF, ComponentOptions(), apart=APART)
    assert none["components"].empty
    assert none["component_info"].empty


def test_what_is_apart_is_joined_by_what_is_like_both() -> None:
    pairs = frame((0, 1, 0.99), (0, 2, 0.98), (1, 2, 0.98))
    items, vectors = items_of([0, 1, 2]), vectors_of(3)
    found = components_of(pairs, items, vectors, HALF, ComponentOptions(), apart=APART)
    assert groups_in(found) == {frozenset({0, 1, 2})}


@pytest.mark.parametrize("exact", [True, False])
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30))
@settings(max_examples=40, deadline=None)
def test_components_are_those_of_all_pairs_but_the_ones_apart(
    exact: bool, chosen: list[tuple[int, int]]
) -> None:
    """Twelve contents that are all alike: with k = 2 most pairs are found as no list is long."""
    vectors = np.column_stack([np.ones(12), np.linspace(0, 0.05, 12)]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    apart = tuple(sorted({(f"d{min(p)}", f"d{max(p)}") for p in chosen if len(set(p)) > 1}))
    apart = tuple(sorted({(min(pair), max(pair)) for pair in apart}))
    decided = {frozenset((int(one[1:]), int(other[1:]))) for one, other in apart}
    pairs = listed_by(vectors, HALF, 2)
    with pytest.MonkeyPatch.context() as patch:
        if not exact:
            patch.setattr(components_module, "is_exact", lambda *_: False)
        items = items_of(list(range(12)))
        found = components_of(pairs, items, vectors, HALF, ComponentOptions(), 2, apart)
    kept = [
        (one, other)
        for one in range(12)
        for other in range(one)
        if frozenset((one, other)) not in decided
    ]
    assert groups_in(found) == {group for group in union_find(12, kept) if len(group) > 1}
