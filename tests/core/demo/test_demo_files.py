"""The files of a demo set are what its truth says, as libraries other than ours see them."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from PIL import Image, UnidentifiedImageError

import imgvet.embedding
from imgvet.options import FlagOptions

FLAGS = FlagOptions()


def canonical(path: Path) -> np.ndarray:
    """RGB on white, reduced to a short side of 256."""
    picture = Image.open(path).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    rgb = np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
    scale = 256 / min(rgb.shape[:2])
    if scale >= 1:
        return rgb
    return cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def pictures(demo: Any) -> dict[str, np.ndarray]:
    return {path: canonical(demo.folder / path) for path in demo.truth.valid}


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


def test_valid_files_decode_and_are_large_enough(pictures: dict[str, np.ndarray]) -> None:
    assert min(min(picture.shape[:2]) for picture in pictures.values()) >= 100


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


def test_exactly_the_planted_pictures_are_dark_bright_blurry(
    demo: Any, pictures: dict[str, np.ndarray]
) -> None:
    gray = {path: cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for path, picture in pictures.items()}
    dark = {path for path, g in gray.items() if np.percentile(g, 99) < FLAGS.dark_threshold}
    bright = {path for path, g in gray.items() if np.percentile(g, 5) > FLAGS.bright_threshold}
    blurry = {
        path
        for path, g in gray.items()
        if cv2.Laplacian(g, cv2.CV_64F).var() < FLAGS.blur_threshold
    }
    assert dark == set(demo.truth.dark)
    assert bright == set(demo.truth.bright)
    assert blurry == set(demo.truth.blurred)


def test_the_built_in_model_separates_what_is_distinct(
    demo: Any, pictures: dict[str, np.ndarray]
) -> None:
    truth, index = demo.truth, {path: row for row, path in enumerate(pictures)}
    similarity = built_in_similarity(list(pictures.values()))
    planted = {tuple(sorted((pair.original, pair.copy))) for pair in truth.near_duplicates}
    assert min(similarity[index[a], index[b]] for a, b in planted) >= 0.9
    for group in (*truth.exact_groups, truth.cluster):
        planted |= {tuple(sorted((a, b))) for a in group for b in group if a != b}
    paths = list(pictures)
    found = {
        tuple(sorted((paths[row], paths[column])))
        for row, column in zip(*np.nonzero(np.triu(similarity >= 0.9, 1)), strict=True)
    }
    assert found == planted
    np.fill_diagonal(similarity, 0)
    assert paths[int(similarity.max(1).argmin())] == truth.odd


def built_in_similarity(pictures: list[np.ndarray]) -> np.ndarray:
    """Similarity of each to each, by the model that imgvet ships."""
    folder = Path(imgvet.embedding.__file__).parent / "builtin"
    card = json.loads((folder / "card.json").read_text("utf-8"))
    side = card["input_size"]
    batch = np.stack(
        [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures]
    )
    session = onnxruntime.InferenceSession(folder / card["file"])
    parts = [session.run(None, {card["input"]: part})[0] for part in np.array_split(batch, 16)]
    vectors = np.concatenate(parts)
    return 1 - card["similarity_scale"] * (1 - vectors @ vectors.T)
