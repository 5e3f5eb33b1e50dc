"""The reference sample of a baseline: a fixed set of its images, with which all are compared.

Neighbours within a run's own images would not do. Images of a bad batch are each other's
neighbours, so none of them would be an outlier; and as a dataset grows, every image finds a nearer
neighbour. So all images, those of the baseline too, are compared with one fixed sample.

Near duplicates do not count as neighbours. Images come in bursts (frames of a scene, shots of a
product), so those of the baseline have siblings in the sample and those of a new batch do not;
were siblings counted, every new scene would be an outlier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.monitor.images import Images, Keys
from imgvet.similarity.distances import Metric
from imgvet.similarity.outliers import ROBUST_LIMIT, robust_score

SAMPLE_SIZE = 2000
"""Images of a run that are kept to compare others with."""

LEAST_SCORES = 20
"""Of fewer images nothing can be said about what is usual."""

_BLOCK = 4096
_NONE = -2.0
"""Less than any cosine."""


@dataclass(frozen=True)
class ReferenceSample:
    """Images that others are compared with.

    Attributes:
        keys: S16 (m,), their contents, distinct and sorted.
        vectors: float (m, width), their embeddings, L2-normalised.
        metrics: float32, a row for each and a column for each metric; none without statistics.
    """

    keys: Keys
    vectors: NDArray[np.floating]
    metrics: pd.DataFrame


def sample_of(images: Images, rows: NDArray[np.int64], dtype: type[np.floating]) -> ReferenceSample:
    """A sample of contents, of at most :data:`SAMPLE_SIZE` of them.

    Those whose digests are smallest: digests are evenly distributed whatever the content, so this
    is a random sample that is always the same (bottom-k sampling: Cohen and Kaplan, Summarizing
    data using bottom-k sketches, PODC 2007).

    Args:
        images: the images.
        rows: rows of the embeddings of the contents to sample.
        dtype: of the sample's vectors.
    """
    keys, first = np.unique(images.content_keys[rows], return_index=True)
    chosen = rows[first[:SAMPLE_SIZE]]
    places = images.first[chosen]
    metrics = {name: values[places].astype(np.float32) for name, values in images.metrics.items()}
    return ReferenceSample(
        keys[:SAMPLE_SIZE],
        np.asarray(images.embeddings[chosen], dtype),
        pd.DataFrame(metrics, index=range(len(chosen))),
    )


def normalised(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """The vectors as float32, scaled to length 1; zeros stay."""
    values = np.asarray(vectors, np.float32)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(length > 0, length, 1), np.float32)


def nearest_similarity(images: Images, sample: ReferenceSample) -> NDArray[np.float64]:
    """Similarity to the nearest image of the sample that is neither the same nor a near duplicate.

    Returns:
        float64 (rows,), of each content of the images; the similarity of near duplicates if all
        of the sample are such.
    """
    vectors, keys = images.embeddings, images.content_keys
    others = normalised(sample.vectors)
    near_cosine = 1.0 - (1.0 - images.near) / images.scale
    place = {key: column for column, key in enumerate(sample.keys.tolist())}
    itself = np.array([place.get(key, -1) for key in keys.tolist()], np.int64)
    best = np.full(len(vectors), _NONE, np.float32)
    for start in range(0, len(vectors), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosines = normalised(vectors[part]) @ others.T
        rows = np.flatnonzero(itself[part] >= 0)
        cosines[rows, itself[part][rows]] = _NONE
        cosines[cosines >= near_cosine] = _NONE
        best[part] = cosines.max(axis=1, initial=_NONE)
    similarity = Metric(scale=images.scale).similarity(1.0 - best.astype(np.float64))
    return np.where(best == _NONE, images.near, similarity)


def outlier_limit(similarity: NDArray[np.float64]) -> float | None:
    """The similarity below which an image is an outlier by the robust score.

    Args:
        similarity: float64 (n,), of :func:`nearest_similarity`, of the baseline's images.

    Returns:
        the similarity with score :data:`ROBUST_LIMIT`; None of fewer than :data:`LEAST_SCORES`
        images, or if all are equal.
    """
    if len(similarity) < LEAST_SCORES:
        return None
    below = float(np.median(similarity)) - similarity
    farthest = int(np.argmax(np.abs(below)))
    score = float(robust_score(similarity)[farthest])
    if score == 0:
        return None
    # The score is proportional to how far a value lies below the median.
    return float(np.median(similarity) - ROBUST_LIMIT * below[farthest] / score)
