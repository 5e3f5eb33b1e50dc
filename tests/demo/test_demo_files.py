"""The files of the demo set are what its truth says."""

from __future__ import annotations

import hashlib
from collections import Counter
from io import BytesIO

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image, UnidentifiedImageError

from imgvet.demo import truth
from imgvet.demo.make import FILES, demo_files
from imgvet.demo.pictures import PICTURES
from imgvet.embedding.compute import embed_pictures
from imgvet.images.decode import decode
from imgvet.images.measure import measure
from imgvet.images.picture import Picture, to_standard_size
from imgvet.metrics import flagged
from imgvet.models.model import builtin_model
from imgvet.options import FlagOptions
from imgvet.reasons import Reason
from support.demo_truth import CLUSTER, ODD


def invalid(reason: Reason) -> list[str]:
    return [path for path, planted in truth.INVALID.items() if planted is reason]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return demo_files()


@pytest.fixture(scope="module")
def pictures(files: dict[str, bytes]) -> dict[str, Picture]:
    decoded = {path: decode(files[path]) for path in truth.VALID}
    return {path: found for path, found in decoded.items() if isinstance(found, Picture)}


def test_all_files_are_known_and_each_is_one_thing(files: dict[str, bytes]) -> None:
    assert files.keys() == {*FILES, "notes.txt"}
    assert len(FILES) == len(set(FILES)) == 101
    assert ODD in truth.CLEAN
    assert {group[0] for group in truth.EXACT_GROUPS} <= set(truth.CLEAN)
    assert {pair.original for pair in truth.NEAR_DUPLICATES} <= set(truth.CLEAN)
    assert sum(len(data) for data in files.values()) < 10e6


def test_every_kind_of_problem_is_planted() -> None:
    assert sorted(map(len, truth.EXACT_GROUPS)) == [2, 3]
    assert Counter(pair.edit for pair in truth.NEAR_DUPLICATES) == dict.fromkeys(
        ("resized", "jpeg_q30", "brighter", "cropped", "text", "reencoded"), 2
    )
    assert len(CLUSTER) == 6
    assert [len(some) for some in (truth.DARK, truth.BRIGHT, truth.BLURRED)] == [3, 2, 3]
    assert Counter(truth.INVALID.values()) == {
        "too_small": 2, "truncated": 2, "empty_file": 1, "not_an_image": 1,
    }  # fmt: skip


def test_pictures_are_the_same_each_time() -> None:
    for draw in list(PICTURES.values())[::9]:
        picture = draw()
        assert picture.dtype == np.uint8
        assert np.array_equal(picture, draw())


def test_exactly_the_planted_copies_have_the_same_bytes(files: dict[str, bytes]) -> None:
    groups: dict[str, set[str]] = {}
    for path in FILES:
        groups.setdefault(hashlib.sha256(files[path]).hexdigest(), set()).add(path)
    equal = sorted(sorted(group) for group in groups.values() if len(group) > 1)
    assert equal == sorted(sorted(group) for group in truth.EXACT_GROUPS)


def test_valid_files_decode_and_are_large_enough(pictures: dict[str, Picture]) -> None:
    assert list(pictures) == list(truth.VALID)
    assert min(min(picture.width, picture.height) for picture in pictures.values()) >= 100


def test_invalid_files_are_invalid_for_their_reason(files: dict[str, bytes]) -> None:
    for path in invalid(Reason.TRUNCATED):
        with Image.open(BytesIO(files[path])) as picture, pytest.raises(OSError, match="truncated"):
            picture.load()
    assert [files[path] for path in invalid(Reason.EMPTY_FILE)] == [b""]
    for path in invalid(Reason.NOT_AN_IMAGE):
        with pytest.raises(UnidentifiedImageError):
            Image.open(BytesIO(files[path]))
    for path in invalid(Reason.TOO_SMALL):
        with Image.open(BytesIO(files[path])) as picture:
            assert picture.size == (8, 8)


def test_exactly_the_planted_pictures_are_dark_bright_blurry(pictures: dict[str, Picture]) -> None:
    small = {path: to_standard_size(picture.pixels) for path, picture in pictures.items()}
    rows = [
        measure(picture, cv2.cvtColor(small[path], cv2.COLOR_RGB2GRAY), 1)
        for path, picture in pictures.items()
    ]
    flags = flagged(pd.DataFrame(rows, index=list(pictures)), FlagOptions())
    assert {name: set(rows.index[rows]) for name, rows in flags.items()} == {
        "dark": set(truth.DARK), "bright": set(truth.BRIGHT), "blurry": set(truth.BLURRED),
    }  # fmt: skip


def test_the_built_in_model_separates_what_is_distinct(pictures: dict[str, Picture]) -> None:
    paths, model = list(pictures), builtin_model()
    small = [to_standard_size(picture.pixels) for picture in pictures.values()]
    batches = (small[start : start + 32] for start in range(0, len(small), 32))
    vectors = np.concatenate([embed_pictures(batch, model) for batch in batches])
    similarity = 1 - model.card.similarity_scale * (1 - vectors @ vectors.T)
    np.fill_diagonal(similarity, 0)
    planted = np.zeros(similarity.shape, bool)
    near = [(pair.original, pair.copy) for pair in truth.NEAR_DUPLICATES]
    for group in (*truth.EXACT_GROUPS, CLUSTER, *near):
        rows = [paths.index(path) for path in group]
        planted[np.ix_(rows, rows)] = True
    np.fill_diagonal(planted, val=False)
    assert similarity[planted].min() > 0.92
    assert similarity[~planted].max() < 0.88
    assert paths[int(similarity.max(1).argmin())] == ODD
