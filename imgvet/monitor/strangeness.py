"""How strange an image is to a baseline: its similarity to the baseline's sample of images.

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
from numpy.typing import NDArray

from imgvet.monitor.novelty import Keys
from imgvet.similarity.neighbors import similarity_of
from imgvet.similarity.outliers import ROBUST_LIMIT, robust_score

SAMPLE_SIZE = 2000
"""Images of a run that are kept to compare others with."""

LEAST_SCORES = 20
"""Of fewer images nothing can be said about what is usual."""

_BLOCK = 4096
Vectors = NDArray[np.floating]


@dataclass(frozen=True)
class Sample:
    """Images that others are compared with.

    Attributes:
        keys: S16 (m,), their contents, distinct and sorted.
        vectors: float16 (m, width), their embeddings, L2-normalised.
    """

    keys: Keys
    vectors: NDArray[np.float16]


@dataclass(frozen=True)
class Scale:
    """What similarities mean.

    Attributes:
        scale: a in similarity = 1 - a (1 - cosine).
        near: images at least this similar are near duplicates.
    """

    scale: float
    near: float

    @property
    def near_cosine(self) -> float:
        """The cosine from which on images are near duplicates."""
        return 1.0 - (1.0 - self.near) / self.scale


def sampled(keys: Keys) -> NDArray[np.int64]:
    """Rows of at most :data:`SAMPLE_SIZE` distinct contents, in order of content.

    Those whose digests are smallest: digests are evenly distributed whatever the content, so this
    is a random sample that is always the same (bottom-k sampling: Cohen and Kaplan, Summarizing
    data using bottom-k sketches, PODC 2007).
    """
    rows = np.unique(keys, return_index=True)[1]
    return rows[:SAMPLE_SIZE].astype(np.int64)


def normalised(vectors: Vectors) -> NDArray[np.float32]:
    """The vectors as float32, scaled to length 1; zeros stay."""
    values = np.asarray(vectors, np.float32)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(length > 0, length, 1), np.float32)


def nearest_similarity(
    vectors: Vectors, keys: Keys, sample: Sample, scale: Scale
) -> NDArray[np.float64]:
    """Similarity to the nearest image of the sample that is neither the same nor a near duplicate.

    Args:
        vectors: float (n, width), may be memory-mapped.
        keys: S16 (n,), their contents; an image of the sample is not its own neighbour.
        sample: what they are compared with.
        scale: what similarities mean.

    Returns:
        float64 (n,); the similarity of near duplicates if all of the sample are such.
    """
    others = normalised(sample.vectors)
    best = np.full(len(vectors), -2.0, np.float32)
    for start in range(0, len(vectors), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosines = normalised(vectors[part]) @ others.T
        rows, columns = _same(keys[part], sample.keys)
        cosines[rows, columns] = -2.0
        cosines[cosines >= scale.near_cosine] = -2.0
        best[part] = cosines.max(axis=1, initial=-2.0)
    similarity = similarity_of(best, scale.scale)
    return np.where(best < -1.5, scale.near, similarity)


def _same(keys: Keys, sample: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of keys, and columns of the sorted sample, that hold the same content."""
    if not len(sample):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    columns = np.minimum(np.searchsorted(sample, keys), len(sample) - 1)
    rows = np.flatnonzero(sample[columns] == keys)
    return rows, columns[rows].astype(np.int64)


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
