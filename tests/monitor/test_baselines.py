"""Baselines on disk, similarity to their sample, and the limit that makes an image novel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from imgvet.monitor.baselines import (
    LEAST_SCORES,
    SAMPLE_SIZE,
    Baseline,
    ReferenceSample,
    baseline_path,
    forget_baselines,
    kept_baselines,
    nearest_similarity,
    normalised,
    novelty_limit,
    read_baseline,
    sample_of,
    write_baseline,
)
from imgvet.monitor.history import Run
from imgvet.monitor.images import Images
from imgvet.monitor.rates import NOVEL
from imgvet.similarity.outliers import ROBUST_LIMIT, robust_score
from imgvet.workdir import WorkDir


def _baseline(run_id: str) -> Baseline:
    run = Run(run_id=run_id, started="2030", counts={"images": 3, NOVEL: 1})
    keys = np.array([b"a" * 16, b"b" * 15 + b"\0"], "S16")
    metrics = pd.DataFrame({"sharpness": np.array([0.5, np.nan], np.float32)})
    sample = ReferenceSample(keys, np.ones((2, 4), np.float16), metrics)
    return Baseline(run, keys, sample, 0.5)


def test_what_is_kept_comes_back(work: WorkDir) -> None:
    write_baseline(work, _baseline("a"))
    write_baseline(work, _baseline("a"))
    # In the history there are its novel images by the limit of its own baseline.
    row = _baseline("a").run.model_copy(update={"counts": {"images": 3, NOVEL: 7}})
    found = read_baseline(work, row)
    assert found is not None
    assert (found.run, found.novelty_limit) == (_baseline("a").run, 0.5)
    assert (found.keys == _baseline("a").keys).all()
    assert (found.sample.vectors == 1).all()
    pd.testing.assert_frame_equal(found.sample.metrics, _baseline("a").sample.metrics)
    assert kept_baselines(work) == {"a"}
    assert [path.name for path in (work.path / "baselines").iterdir()] == ["a.npz"]


@pytest.mark.parametrize("content", [None, b"", b"nonsense", "cut", "other"])
def test_a_damaged_baseline_is_none(work: WorkDir, content: bytes | str | None) -> None:
    write_baseline(work, _baseline("a"))
    path = baseline_path(work, "a")
    if content is None:
        path.unlink()
    elif content == "other":
        np.savez(path, x=np.ones(3))
    else:
        path.write_bytes(path.read_bytes()[:-99] if isinstance(content, str) else content)
    assert read_baseline(work, _baseline("a").run) is None
    path.unlink(missing_ok=True)
    path.mkdir()  # which can't be read now, as without permission, and that says nothing of it
    with pytest.raises(IsADirectoryError):
        read_baseline(work, _baseline("a").run)


def test_without_a_limit_nothing_is_novel(work: WorkDir) -> None:
    no_statistics = pd.DataFrame(index=range(2))
    sample = replace(_baseline("a").sample, metrics=no_statistics)
    run = Run(run_id="a", started="", counts={"images": 3})
    write_baseline(work, replace(_baseline("a"), run=run, sample=sample, novelty_limit=None))
    found = read_baseline(work, _baseline("a").run)
    assert found is not None
    assert (found.novelty_limit, found.run.counts) == (None, {"images": 3})
    pd.testing.assert_frame_equal(found.sample.metrics, no_statistics, check_column_type=False)


def test_forgetting_keeps_what_is_wanted(work: WorkDir) -> None:
    for run_id in "abc":
        write_baseline(work, _baseline(run_id))
    forget_baselines(work, frozenset("bz"))
    assert kept_baselines(work) == {"b"}


def _keys(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([rng.bytes(16) for _ in range(count)], "S16")


def _images(keys: np.ndarray, vectors: np.ndarray) -> Images:
    """Images of which each has a row of the embeddings; their metric is the place in the table."""
    rows = np.arange(len(keys))
    return Images(
        items=pd.DataFrame({"id": rows, "filename": rows}), keys=keys, row=rows, first=rows,
        scale=0.8, near=0.9, embeddings=np.asarray(vectors, np.float32),
        metrics=pd.DataFrame({"mean": rows * 1.0}),
        groups=pd.DataFrame(index=rows), flags=pd.DataFrame(index=rows),
    )  # fmt: skip


def test_the_sample_is_of_distinct_contents_and_does_not_depend_on_order() -> None:
    keys = _keys(SAMPLE_SIZE + 500)
    vectors = normalised(np.random.default_rng(2).normal(size=(len(keys), 3)))
    rows = np.arange(len(keys))
    sample = sample_of(_images(keys, vectors), rows, np.float32)
    assert len(np.unique(sample.keys)) == len(sample.vectors) == SAMPLE_SIZE
    place = sample.metrics["mean"].to_numpy(int)
    assert (keys[place] == sample.keys).all()
    assert sample.vectors == pytest.approx(vectors[place])
    order = np.random.default_rng(1).permutation(rows)
    other = sample_of(_images(keys[order], vectors[order]), rows, np.float32)
    assert (other.keys == sample.keys).all()
    assert (other.vectors == sample.vectors).all()


def test_a_sample_is_taken_of_the_rows_that_are_asked_for() -> None:
    keys, rows = _keys(50), np.array([3, 7, 9])
    sample = sample_of(_images(keys, np.ones((50, 3))), rows, np.float16)
    assert set(sample.keys) == set(keys[rows])
    assert sample.vectors.dtype == np.float16


@pytest.mark.parametrize("scale", [1, 1e-6, 1e6])
def test_the_nearest_is_neither_itself_nor_a_near_duplicate(scale: float) -> None:
    rng = np.random.default_rng(3)
    vectors = normalised(rng.normal(size=(300, 8)))
    vectors[100:120] = vectors[:20]  # siblings
    images = _images(_keys(300), vectors * scale)
    sample = sample_of(images, np.arange(200), np.float16)
    found = nearest_similarity(images, sample)
    similarity = 1 - 0.8 * (1 - vectors @ normalised(sample.vectors).T)
    allowed = (similarity < 0.9) & (images.keys[:, None] != sample.keys[None])
    expected = np.where(allowed, similarity, -9).max(axis=1)
    assert found == pytest.approx(expected, abs=2e-6)
    assert found.max() < 0.9


def test_an_image_with_only_near_duplicates_is_not_novel() -> None:
    images = _images(_keys(5), np.ones((5, 4)))
    sample = sample_of(images, np.arange(5), np.float16)
    assert nearest_similarity(images, sample) == pytest.approx(0.9)


def test_below_the_limit_is_what_the_robust_score_calls_an_outlier() -> None:
    rng = np.random.default_rng(4)
    similarity = np.concatenate([rng.normal(0.8, 0.03, 500), rng.uniform(0.2, 0.8, 60)])
    limit = novelty_limit(similarity)
    assert limit is not None
    assert ((similarity < limit) == (robust_score(similarity) > ROBUST_LIMIT)).all()
    assert (similarity < limit).any()


@pytest.mark.parametrize("similarity", [np.full(LEAST_SCORES, 0.5), np.arange(LEAST_SCORES - 1.0)])
def test_equal_or_few_similarities_give_no_limit(similarity: np.ndarray) -> None:
    assert novelty_limit(similarity) is None
