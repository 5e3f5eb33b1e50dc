"""The parts of the benchmarks against planted truth."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.edits import EDITS
from benchmarks.machine import Machine
from benchmarks.pictures import SMALL, cut, picture_set, write_pictures
from benchmarks.process import run
from benchmarks.recall import measure
from benchmarks.rows import as_lines, at_least, at_most, only
from benchmarks.settings import Settings
from benchmarks.synthetic_vectors import draw, model_of

MEBIBYTE = 2**20


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (60, 80, 3), np.uint8)


def test_memory_of_children_counts(tmp_path: Path) -> None:
    child = f"import time; x = b'1' * {150 * MEBIBYTE}; time.sleep(1)"
    program = f"import subprocess, sys; x = b'1' * {150 * MEBIBYTE}; " \
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"  # fmt: skip
    finished = run([sys.executable, "-c", program], {}, tmp_path / "log")
    assert finished.seconds >= 1
    assert 300 * MEBIBYTE < finished.peak_bytes < 500 * MEBIBYTE


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="planted"):
        run([sys.executable, "-c", "raise SystemExit('planted')"], {}, tmp_path / "log")


def test_pictures_are_distinct_and_the_same_every_time(tmp_path: Path) -> None:
    sources = [picture(0), picture(1)]
    for name in ("first", "second"):
        write_pictures(sources, range(12), SMALL, tmp_path / name)
    first, second = (
        [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.jpg"))]
        for name in ("first", "second")
    )
    assert first == second
    assert len(set(first)) == 12
    assert {cut(sources[0], number, SMALL).shape for number in range(5)} == {(48, 64, 3)}


def test_a_set_is_made_once(tmp_path: Path) -> None:
    import cv2

    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "a.png"), picture(0))
    settings = Settings(folder=tmp_path / "bench", photos=photos)
    made = picture_set(settings, 3, SMALL)
    assert len(list(made.rglob("*.jpg"))) == 3
    (made / "mark").touch()
    assert (picture_set(settings, 3, SMALL) / "mark").exists()


def test_drawn_vectors_have_the_nearest_cosines_of_their_model() -> None:
    random = np.random.default_rng(3)
    photos = random.normal(size=(200, 1, 64)) + 1.0
    edited = photos + random.normal(size=(200, len(EDITS), 64)) * 0.1
    real = np.concatenate([photos, edited], axis=1)
    vectors = draw(model_of(real), 1000)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors, draw(model_of(real), 1000))
    assert not np.array_equal(vectors, draw(model_of(real), 1000, seed=1))
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    with_copy = (cosines.max(axis=1) > 0.95).mean()
    assert 0.25 < with_copy < 0.45, "one in five is a copy, and so has its original one"


def test_recall_of_planted_vectors() -> None:
    photos = np.eye(200, dtype=np.float32)
    found, lost = photos, np.roll(photos, 1, axis=0)
    edits = [lost if edit == "mirror" else found for edit in EDITS]
    report = measure("planted", np.stack([photos, *edits], axis=1), 0.5)
    assert report.at_false_share.recall == pytest.approx(1 - 1 / len(EDITS))
    assert report.at_false_share.recall_per_edit["mirror"] == 0
    assert [point.false_links for point in report.fixed] == [0, 0]
    assert report.own_original_nearest == pytest.approx(1 - 1 / len(EDITS))


def test_the_table_says_what_is_met() -> None:
    rows = [at_most("time", 2, 3, " s"), at_least("recall", 0.9, 0.95), only("size", 7)]
    lines = as_lines(rows, Machine(2, "a processor", 8.0, 0.0))
    assert "2 cores of a processor, 8 GB" in lines[0]
    assert [line.split("|")[-2].strip() for line in lines[4:]] == ["met", "not met", ""]
    assert len({len(line) for line in lines[2:]}) == 1
