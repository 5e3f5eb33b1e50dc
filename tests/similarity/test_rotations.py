"""Rotated and flipped copies: candidates and their similarity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imgvet.embedding import compute
from imgvet.embedding.compute import embed_pictures
from imgvet.images.orientation_hash import (
    ORIENTATIONS,
    RELIABLE_QUALITY,
    hash_in_orientation,
    orientation_hash,
)
from imgvet.images.picture import oriented
from imgvet.models.model import Model, builtin_model
from imgvet.similarity import rotations
from imgvet.similarity.distances import Metric
from imgvet.similarity.rotations import (
    MAX_DISTANCE,
    MAX_UPRIGHT_DISTANCE,
    find_rotated_duplicates,
    find_rotated_pairs,
    find_upright_pairs,
    rotated_cosines,
)
from imgvet.store.store import Store
from imgvet.tables import NEIGHBORS, empty, read_table
from support.finished_run import finish_run
from support.pictures import scene, write_scenes


def random_hashes(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def with_flipped_bits(bits: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    flips = np.zeros(256, bool)
    flips[np.random.default_rng(seed).permutation(256)[:count]] = True
    return bits ^ np.packbits(flips)


def good(count: int) -> np.ndarray:
    return np.full(count, 250)


def rows_of(pairs: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(pairs["first"].tolist(), pairs["second"].tolist(), strict=True))


def test_every_orientation_of_a_picture_is_found_with_the_way_to_show_it() -> None:
    pictures = [
        np.ascontiguousarray(oriented(scene(seed, 120, 160), way + 1))
        for seed in range(3)
        for way in range(ORIENTATIONS)
    ]
    hashes = [orientation_hash(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)) for one in pictures]
    bits, quality = np.stack([one.bits for one in hashes]), [one.quality for one in hashes]
    pairs = find_rotated_pairs(bits, np.array(quality), limit=ORIENTATIONS)
    expected = [(i, j) for i in range(24) for j in range(i + 1, 24) if i // 8 == j // 8]
    assert rows_of(pairs) == expected
    for first, second, way in pairs[["first", "second", "orientation"]].itertuples(index=False):
        assert np.array_equal(oriented(pictures[first], int(way) + 1), pictures[second])


@pytest.mark.parametrize("flipped", [0, 8, 16])
@pytest.mark.parametrize("large", [10**6, 1_000, 100])
def test_planted_copies_are_found_among_random_hashes(
    flipped: int, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with the longer keys of large sets."""
    monkeypatch.setattr(rotations, "_EVERYDAY_SIZE", large)
    monkeypatch.setattr(rotations, "_LARGE_SIZE", 10 * large)
    count = 4_000
    data = random_hashes(count)
    copies = np.arange(0, 700)
    for copy in copies:
        way = 1 + copy % 7
        bits = hash_in_orientation(data[copy : copy + 1], way)[0]
        data[count - 1 - copy] = with_flipped_bits(bits, flipped, seed=copy)
    pairs = find_rotated_pairs(data, good(count))
    found = set(rows_of(pairs))
    planted = {(int(copy), count - 1 - int(copy)) for copy in copies}
    assert found <= planted
    assert len(found) >= 0.93 * len(planted)
    ways = dict(zip(rows_of(pairs), pairs["orientation"].tolist(), strict=True))
    assert all(ways[pair] == 1 + pair[0] % 7 for pair in found)
    assert set(pairs["distance"]) == {flipped}


def test_farther_copies_same_orientations_and_meaningless_hashes_are_no_candidates() -> None:
    data = random_hashes(6)
    data[1] = with_flipped_bits(hash_in_orientation(data[:1], 5)[0], MAX_DISTANCE + 1)
    data[3] = with_flipped_bits(data[2], 3)
    data[5] = hash_in_orientation(data[4:5], 5)[0]
    assert rows_of(find_rotated_pairs(data, good(6))) == [(4, 5)]
    quality = good(6)
    quality[5] = RELIABLE_QUALITY - 1
    assert len(find_rotated_pairs(data, quality)) == 0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_hashes_have_no_pairs(count: int) -> None:
    assert len(find_rotated_pairs(random_hashes(count), good(count))) == 0
    assert len(find_upright_pairs(random_hashes(count), good(count))) == 0


def test_of_forms_the_upright_copy_is_found_and_no_other_form() -> None:
    form = random_hashes(1)[0]
    forms = np.stack([with_flipped_bits(form, 25, seed) for seed in range(200)])
    copies = np.stack([with_flipped_bits(forms[row], 12, 5_000 + row) for row in range(200)])
    far = with_flipped_bits(forms[:1], MAX_UPRIGHT_DISTANCE + 1, seed=9_000)
    data = np.concatenate([forms, copies, random_hashes(500, seed=1), far])
    found = rows_of(find_upright_pairs(data, good(len(data))))
    assert found == [(row, row + 200) for row in range(200)]
    unreliable = np.where(np.arange(len(data)) < 200, RELIABLE_QUALITY - 1, 250)
    assert not len(find_upright_pairs(data, unreliable))


def test_the_order_of_the_rows_does_not_matter() -> None:
    data = random_hashes(400)
    for row in range(0, 400, 4):
        data[row + 1 : row + 4] = [
            with_flipped_bits(hash_in_orientation(data[row : row + 1], way)[0], 5, row + way)
            for way in (1, 4, 6)
        ]
    order = np.random.default_rng(3).permutation(400)
    straight = find_rotated_pairs(data, good(400))
    mixed = find_rotated_pairs(data[order], good(400))
    back = np.sort(np.stack([order[mixed["first"]], order[mixed["second"]]]), axis=0)
    assert sorted(map(tuple, back.T.tolist())) == rows_of(straight)
    assert len(straight) == 600


def test_thousands_of_equal_frames_and_their_mirrored_clip_take_linear_work() -> None:
    frame = random_hashes(1)
    clip = np.stack([with_flipped_bits(frame[0], 2, seed) for seed in range(1_000)])
    data = np.concatenate([clip, hash_in_orientation(clip, 1)])
    pairs = find_rotated_pairs(data, good(2_000))
    assert set(pairs["first"]) | set(pairs["second"]) == set(range(2_000))
    assert ((pairs["first"] < 1_000) & (pairs["second"] >= 1_000)).all()
    assert len(pairs) <= 2_000 * rotations.CANDIDATES


def test_only_the_nearest_candidates_are_kept() -> None:
    own = random_hashes(1)
    mirrored = hash_in_orientation(own, 1)[0]
    near, far = with_flipped_bits(mirrored, 1, seed=1), with_flipped_bits(mirrored, 9, seed=9)
    data = np.stack([own[0], near, far, hash_in_orientation(far[None], 1)[0]])
    assert rows_of(find_rotated_pairs(data, good(4), limit=1)) == [(0, 1), (2, 3)]
    everything = [(0, 1), (0, 2), (1, 3), (2, 3)]
    assert rows_of(find_rotated_pairs(data, good(4), limit=2)) == everything


def pairs_of(first: list[int], second: list[int], orientation: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"first": first, "second": second, "orientation": orientation})


def toy_embed(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """What a picture shows in 8 x 8 pixels, as seen: rotating changes it."""
    small = [cv2.resize(one, (8, 8), interpolation=cv2.INTER_AREA) for one in pictures]
    vectors = np.stack(small).reshape(len(small), -1).astype(np.float32) - 128
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def shown_of(pictures: Sequence[np.ndarray], shown: list[np.ndarray] | None = None) -> Callable:
    """What embeds pictures in orientations, and notes what it was shown."""

    def embedded(rows: np.ndarray, turns: np.ndarray) -> np.ndarray:
        batch = [oriented(pictures[row], turn + 1) for row, turn in zip(rows, turns, strict=True)]
        if shown is not None:
            shown.extend(batch)
        return toy_embed(batch)

    return embedded


def test_rotated_copies_are_as_similar_as_they_are_upright() -> None:
    scenes = [scene(seed, 96, 128) for seed in range(10)]
    ways = [1 + seed % 7 for seed in range(10)]
    pictures = [*scenes, *(oriented(p, way + 1) for p, way in zip(scenes, ways, strict=True))]
    pictures[19] = scene(99, 96, 128)  # a wrong candidate
    vectors = toy_embed(pictures)
    pairs = pairs_of(list(range(10)), list(range(10, 20)), ways)
    cosines = rotated_cosines(pairs, vectors, shown_of(pictures))
    assert np.allclose(cosines[:9], 1, atol=1e-5)
    assert cosines.max() <= 1
    assert cosines[9] < 0.9
    assert (np.einsum("nd,nd->n", vectors[:9], vectors[10:19]) < 0.95).all()


def test_a_family_of_m_pictures_takes_m_minus_1_embeddings_at_most() -> None:
    rng = np.random.default_rng(7)
    codes = [rng.permutation(np.repeat(np.arange(ORIENTATIONS), 2))[:12] for _ in range(3)]
    pictures = [oriented(scene(s, 96, 128), int(c) + 1) for s in range(3) for c in codes[s]]
    hashes = [orientation_hash(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)) for one in pictures]
    bits, quality = np.stack([one.bits for one in hashes]), [one.quality for one in hashes]
    pairs = find_rotated_pairs(bits, np.array(quality), limit=12)
    shown: list[np.ndarray] = []
    cosines = rotated_cosines(pairs, toy_embed(pictures), shown_of(pictures, shown))
    # Those in the most frequent orientation of a family are not shown again.
    assert len(shown) == sum(12 - np.bincount(own).max() for own in codes)
    assert len(pairs) > 3 * 12
    assert np.allclose(cosines, 1, atol=1e-5)


def test_candidates_that_contradict_each_other_are_judged_all_the_same() -> None:
    picture = scene(3, 96, 128)
    symmetric = np.concatenate([picture, picture[:, ::-1]], axis=1)
    pictures = [symmetric, symmetric[:, ::-1], symmetric.copy()]
    mirrored = next(w for w in range(1, 8) if np.array_equal(oriented(symmetric, w + 1), symmetric))
    pairs = pairs_of([0, 0, 1], [1, 2, 2], [mirrored, mirrored, mirrored])
    cosines = rotated_cosines(pairs, toy_embed(pictures), shown_of(pictures))
    assert np.allclose(cosines, 1, atol=1e-5)


def test_a_pair_that_is_more_alike_as_it_is_keeps_that_similarity() -> None:
    pictures = [scene(1, 96, 128), scene(1, 96, 128)]
    pairs = pairs_of([0], [1], [1])
    cosines = rotated_cosines(pairs, toy_embed(pictures), shown_of(pictures))
    assert cosines == pytest.approx(1)


def test_no_pairs_need_no_picture() -> None:
    nothing = find_rotated_pairs(random_hashes(0), good(0))
    cosines = rotated_cosines(nothing, np.empty((0, 3), np.float32), None)
    assert cosines.shape == (0,)


def test_rotated_pictures_are_embedded_once_for_all_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pictures"
    first, _ = write_scenes(folder, 2)
    with Image.open(first) as picture:
        picture.rotate(90, expand=True).save(folder / "turned.png")
        picture.convert("RGB").save(folder / "upright.jpg", quality=90)
    work = finish_run(folder, tmp_path / "work")
    contents = read_table(work.table("items")).assign(copies=1)
    vectors, model = np.load(work.embeddings), builtin_model()
    asked: list[int] = []

    def note(pictures: Iterable[np.ndarray], model: Model) -> np.ndarray:
        batch = list(pictures)
        asked.append(len(batch))
        return embed_pictures(batch, model)

    monkeypatch.setattr(compute, "embed_pictures", note)
    tables = [
        find_rotated_duplicates(
            empty(NEIGHBORS), contents, vectors, Store(work), model, Metric(), threads=1
        )
        for _ in range(2)
    ]
    assert asked == [1]
    pd.testing.assert_frame_equal(*tables)
    found = tables[0][["from", "to"]].to_numpy().tolist()
    assert found == [[0, 3], [0, 2], [2, 0], [2, 3], [3, 0], [3, 2]]
    assert tables[0]["similarity"].min() > 0.9
