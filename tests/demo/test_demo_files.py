"""The files of a demo set are what its truth says."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image, UnidentifiedImageError

from imgvet.embedding.compute import embed_pictures
from imgvet.images.decode import decode
from imgvet.images.measure import measure
from imgvet.images.picture import Picture
from imgvet.images.standard_size import to_standard_size
from imgvet.metrics import flagged
from imgvet.models.model import builtin_model
from imgvet.options import FlagOptions


@pytest.fixture(scope="module")
def pictures(demo: Any) -> dict[str, Picture]:
    decoded = {path: decode((demo.folder / path).read_bytes()) for path in demo.truth.valid}
    return {path: found for path, found in decoded.items() if isinstance(found, Picture)}


def test_all_files_are_known_and_each_is_one_thing(demo: Any) -> None:
    found = {path.relative_to(demo.folder).as_posix() for path in demo.folder.rglob("*.*")}
    truth = demo.truth
    assert found == {*truth.images, *truth.ignored}
    assert len(truth.images) == len(set(truth.images))
    assert truth.odd in truth.clean
    assert {group[0] for group in truth.exact_groups} <= set(truth.clean)
    assert {pair.original for pair in truth.near_duplicates} <= set(truth.clean)


def test_a_few_hundred_files_of_reasonable_size(demo: Any) -> None:
    assert 250 <= len(demo.truth.images) <= 320
    assert sum(path.stat().st_size for path in demo.folder.rglob("*.*")) < 30e6
    assert {Path(path).suffix for path in demo.truth.images} == {".jpg", ".png", ".webp"}


def test_planted_counts(demo: Any) -> None:
    truth = demo.truth
    assert sorted(map(len, truth.exact_groups)) == [2] * 7 + [3]
    assert Counter(pair.edit for pair in truth.near_duplicates) == {
        "resized": 4, "jpeg_q30": 4, "brighter": 4, "cropped": 4, "text": 4, "reencoded": 4,
    }  # fmt: skip
    assert len(truth.cluster) == 6
    assert [len(some) for some in (truth.dark, truth.bright, truth.blurred)] == [6, 4, 6]
    assert [len(some) for some in (truth.tiny, truth.truncated, truth.empty, truth.not_images)] == [
        2, 4, 1, 1,
    ]  # fmt: skip


def test_exactly_the_planted_copies_have_the_same_bytes(demo: Any) -> None:
    groups: dict[str, set[str]] = {}
    for path in demo.truth.images:
        digest = hashlib.sha256((demo.folder / path).read_bytes()).hexdigest()
        groups.setdefault(digest, set()).add(path)
    equal = sorted(sorted(group) for group in groups.values() if len(group) > 1)
    assert equal == sorted(sorted(group) for group in demo.truth.exact_groups)


def test_valid_files_decode_and_are_large_enough(demo: Any, pictures: dict[str, Picture]) -> None:
    assert list(pictures) == list(demo.truth.valid)
    assert min(min(picture.width, picture.height) for picture in pictures.values()) >= 100


def test_invalid_files_are_invalid_for_their_reason(demo: Any) -> None:
    truth = demo.truth
    for path in truth.truncated:
        with Image.open(demo.folder / path) as picture, pytest.raises(OSError, match="truncated"):
            picture.load()
    assert [(demo.folder / path).stat().st_size for path in truth.empty] == [0]
    for path in truth.not_images:
        with pytest.raises(UnidentifiedImageError):
            Image.open(demo.folder / path)
    for path in truth.tiny:
        with Image.open(demo.folder / path) as picture:
            assert picture.size == (8, 8)


def gray(picture: Picture) -> np.ndarray:
    return cv2.cvtColor(to_standard_size(picture.pixels), cv2.COLOR_RGB2GRAY)


def test_exactly_the_planted_pictures_are_dark_bright_blurry(
    demo: Any, pictures: dict[str, Picture]
) -> None:
    rows = [measure(picture, gray(picture), 1) for picture in pictures.values()]
    flags = flagged(pd.DataFrame(rows, index=list(pictures)), FlagOptions())
    found = {name: set(rows.index[rows]) for name, rows in flags.items()}
    truth = demo.truth
    assert found == {
        "dark": set(truth.dark), "bright": set(truth.bright), "blurry": set(truth.blurred),
    }  # fmt: skip


def test_the_built_in_model_separates_what_is_distinct(
    demo: Any, pictures: dict[str, Picture]
) -> None:
    truth, paths, model = demo.truth, list(pictures), builtin_model()
    small = [to_standard_size(picture.pixels) for picture in pictures.values()]
    batches = (small[start : start + 32] for start in range(0, len(small), 32))
    vectors = np.concatenate([embed_pictures(batch, model) for batch in batches])
    similarity = 1 - model.card.similarity_scale * (1 - vectors @ vectors.T)
    np.fill_diagonal(similarity, 0)
    rows, columns = np.nonzero(np.triu(similarity >= 0.9))
    found = {frozenset((paths[a], paths[b])) for a, b in zip(rows, columns, strict=True)}
    planted = {frozenset((pair.original, pair.copy)) for pair in truth.near_duplicates}
    for group in (*truth.exact_groups, truth.cluster):
        planted |= {frozenset((a, b)) for a in group for b in group if a != b}
    assert found == planted
    assert paths[int(similarity.max(1).argmin())] == truth.odd
