"""How well are wrong labels found, beside cleanlab's Datalab on the same embeddings?

    python -m benchmarks.label_noise
    python -m benchmarks.label_noise --datalab ENV/bin/python    with cleanlab that is installed
    python -m benchmarks.label_noise --photos DIR --json labels.json

Labels are made wrong at random: symmetric noise takes any other class, class-dependent noise always
the next one. Four sets have real classes: scikit-learn's 1,797 digits, as pixels and as pictures
that the built-in model embeds; and 25 parts of each of 60 photographs, the class being the
photograph, easy ones of half of its sides and hard ones of a quarter. The two `rare` sets have
classes whose sizes fall to 3 % of the largest.

Average precision is that of the order by score; `found` is the share of the wrong labels among the
first as many as there are; precision and recall are those of the images that are called issues.
Datalab gets the embeddings, as features. With `--regression` both also get the same probabilities
of five-fold logistic regression (10 % noise only), imgvet as its parameter `probabilities`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import cores
from benchmarks.peer import interpreter_with
from benchmarks.pictures import photographs
from benchmarks.process import run
from benchmarks.settings import Settings
from imgvet.embedding.compute import embed_pictures
from imgvet.models.model import builtin_model
from imgvet.models.prepare import Vectors, normalised
from imgvet.options import NeighborOptions
from imgvet.quality.label_issues import find_label_issues

REQUIREMENT = "cleanlab[datalab]==2.9.0"
RATES, REGRESSION_RATE = (0.01, 0.05, 0.1, 0.2), 0.1
CLASSES, PARTS = 60, 25
LEAST_SHARE, LEAST_SIZE = 0.03, 6
_BATCH = 64

_DIGITS = """
import sys, numpy, sklearn.datasets
digits = sklearn.datasets.load_digits()
numpy.savez(sys.argv[1], vectors=digits.data, labels=digits.target)
"""
_DATALAB = """
import sys, numpy, datasets.arrow_dataset
from cleanlab import Datalab
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
# The fingerprint is only used for caching; making one fails in a program without a file.
datasets.arrow_dataset.generate_fingerprint = lambda data: "planted"
given, found = numpy.load(sys.argv[1]), {}
for number, labels in enumerate(given["labels"]):
    inputs = {"features": given["vectors"]}
    if given["regression"]:
        model, ways = LogisticRegression(max_iter=200), {"cv": 5, "method": "predict_proba"}
        inputs = {"pred_probs": cross_val_predict(model, given["vectors"], labels, **ways)}
        found[f"chances{number}"] = inputs["pred_probs"]
    lab = Datalab({"label": labels}, label_name="label", verbosity=0)
    lab.find_issues(**inputs, issue_types={"label": {}})
    issues = lab.get_issues("label")
    found[f"scores{number}"] = issues["label_score"]
    found[f"issues{number}"] = issues["is_label_issue"]
numpy.savez(sys.argv[2], **found)
"""


@dataclass(frozen=True)
class Labelled:
    """A set with true labels, 0 to c - 1, and embeddings of length 1."""

    name: str
    vectors: Vectors
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """What a tool says of each image: how well its label fits, and whether it is an issue."""

    scores: NDArray[np.float64]
    issues: NDArray[np.bool_]


def labelled_sets(interpreter: Path, settings: Settings, scratch: Path) -> Iterator[Labelled]:
    """The sets, each with real classes."""
    run([str(interpreter), "-c", _DIGITS, str(scratch / "digits.npz")], {}, scratch / "log")
    digits = np.load(scratch / "digits.npz")
    yield _labelled("digits, pixels", digits["vectors"], digits["labels"])
    shown = [
        cv2.resize(np.uint8(15.9 * digit.reshape(8, 8)), (96, 96), interpolation=cv2.INTER_CUBIC)
        for digit in digits["vectors"]
    ]
    model_digits = _embedded([cv2.cvtColor(digit, cv2.COLOR_GRAY2RGB) for digit in shown])
    yield _labelled("digits, model", model_digits, digits["labels"])
    yield _rare(_labelled("digits, model, rare", model_digits, digits["labels"]))
    photos = photographs(settings.photos)[:CLASSES]
    labels = np.repeat(np.arange(len(photos)), PARTS)
    yield _labelled("parts, easy", _embedded(list(_parts(photos, 0.45, 0.75))), labels)
    hard = _labelled("parts, hard", _embedded(list(_parts(photos, 0.15, 0.35))), labels)
    yield hard
    yield _rare(Labelled("parts, hard, rare", hard.vectors, hard.labels))


def _labelled(name: str, vectors: NDArray[np.floating], labels: NDArray[np.integer]) -> Labelled:
    return Labelled(name, normalised(vectors), labels.astype(np.int64))


def _parts(photos: list[NDArray[np.uint8]], least: float, most: float) -> Iterator[np.ndarray]:
    random = np.random.default_rng(5)
    for photo in photos:
        for _ in range(PARTS):
            height, width = (int(random.uniform(least, most) * side) for side in photo.shape[:2])
            top = random.integers(photo.shape[0] - height + 1)
            left = random.integers(photo.shape[1] - width + 1)
            yield np.ascontiguousarray(photo[top : top + height, left : left + width])


def _embedded(pictures: list[NDArray[np.uint8]]) -> Vectors:
    model, starts = builtin_model(), range(0, len(pictures), _BATCH)
    return np.concatenate([embed_pictures(pictures[at : at + _BATCH], model) for at in starts])


def _rare(whole: Labelled) -> Labelled:
    """A part in which each class is smaller than the one before."""
    random, sizes = np.random.default_rng(6), np.bincount(whole.labels)
    shares = np.geomspace(1, LEAST_SHARE, len(sizes))
    kept = [
        random.permutation(np.flatnonzero(whole.labels == label))[
            : max(LEAST_SIZE, int(share * size))
        ]
        for label, (share, size) in enumerate(zip(shares, sizes, strict=True))
    ]
    rows = np.sort(np.concatenate(kept))
    return Labelled(whole.name, whole.vectors[rows], whole.labels[rows])


def with_noise(
    labels: NDArray[np.int64], rate: float, *, symmetric: bool, seed: int
) -> NDArray[np.int64]:
    """The labels, that share of them wrong."""
    random, classes = np.random.default_rng(seed), int(labels.max()) + 1
    wrong = random.permutation(len(labels))[: max(1, round(rate * len(labels)))]
    noisy = labels.copy()
    noisy[wrong] += random.integers(1, classes, len(wrong)) if symmetric else 1
    return noisy % classes


def by_imgvet(
    vectors: Vectors, labels: NDArray[np.int64], chances: NDArray[np.float64] | None = None
) -> Found:
    """What imgvet says."""
    names = [f"{label:03d}" for label in labels]
    items = pd.DataFrame(
        {"id": range(len(names)), "embedding_row": range(len(names)), "label": names}
    )
    given = None if chances is None else pd.DataFrame(chances, columns=sorted(set(names)))
    table, _ = find_label_issues(items, vectors, NeighborOptions(), cores(), given)
    table = table.sort_values("id")
    return Found(table["score"].fillna(1).to_numpy(float), table["is_issue"].to_numpy(bool))


def by_datalab(
    interpreter: Path, one: Labelled, noisy: Sequence[NDArray[np.int64]], folder: Path, *,
    regression: bool,
) -> list[tuple[Found, NDArray[np.float64] | None]]:  # fmt: skip
    """What Datalab says of each, and the probabilities it used if they are of a regression."""
    given, found = folder / "given.npz", folder / "found.npz"
    np.savez(given, vectors=one.vectors, labels=np.stack(noisy), regression=regression)
    run([str(interpreter), "-c", _DATALAB, str(given), str(found)], {}, folder / "log")
    said = np.load(found)
    return [
        (Found(said[f"scores{n}"], said[f"issues{n}"]), said.get(f"chances{n}"))
        for n in range(len(noisy))
    ]


def judged(found: Found, wrong: NDArray[np.bool_]) -> dict[str, float]:
    """Average precision and the other figures of one answer; ties stand in order of the images."""
    hits = wrong[np.argsort(found.scores, kind="stable")]
    at_hits = np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)
    right = float((found.issues & wrong).sum())
    return {
        "average precision": float(at_hits.mean()),
        "found": float(hits[: wrong.sum()].mean()),
        "precision": right / max(int(found.issues.sum()), 1),
        "recall": right / int(wrong.sum()),
    }


def compare(interpreter: Path, settings: Settings, *, regression: bool) -> pd.DataFrame:
    """Figures of both tools for each set, kind of noise and rate."""
    rates = (REGRESSION_RATE,) if regression else RATES
    noises = list(product(("symmetric", "class-dependent"), rates))
    rows = []
    with settings.scratch() as scratch:
        for one in labelled_sets(interpreter, settings, scratch):
            noisy = [
                with_noise(one.labels, rate, symmetric=kind == "symmetric", seed=11)
                for kind, rate in noises
            ]
            answers = by_datalab(interpreter, one, noisy, scratch, regression=regression)
            for labels, (theirs, chances), (kind, rate) in zip(noisy, answers, noises, strict=True):
                said = {"imgvet": by_imgvet(one.vectors, labels, chances), "Datalab": theirs}
                for tool, found in said.items():
                    row = {"set": one.name, "noise": kind, "rate": rate, "tool": tool}
                    rows.append(row | judged(found, labels != one.labels))
    return pd.DataFrame(rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, help="folder of distinct photographs")
    parser.add_argument("--datalab", type=Path, help="Python interpreter that has cleanlab")
    parser.add_argument(
        "--regression", action="store_true", help="both with the same probabilities"
    )
    parser.add_argument("--json", type=Path, help="write the figures for programs")
    options = parser.parse_args()
    settings = Settings(photos=options.photos)
    interpreter = options.datalab or interpreter_with(REQUIREMENT, settings.folder / "datalab-venv")
    table = compare(interpreter, settings, regression=options.regression)
    figures = ["average precision", "found", "precision", "recall"]
    wide = table.pivot_table(figures, ["set", "noise", "rate"], "tool", sort=False)
    print(wide[figures].round(3).to_string())
    print(table.groupby("tool", sort=False)[figures].mean().round(3).to_string())
    if options.json:
        options.json.write_text(json.dumps(table.to_dict("records"), indent=2) + "\n")


if __name__ == "__main__":
    main()
