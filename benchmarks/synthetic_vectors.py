"""A million vectors that are as hard to search as those of a million photos.

Real embeddings of some hundred photos and of their edits are the model. A distinct vector is drawn
around a photo that is chosen by chance, as a picture of the same kind of thing,

    mean + a (photo - mean) + sqrt(1 - a^2) noise,

where the noise has the covariance of the photos; so mean and covariance stay those of real photos,
whatever ``a`` is. With a = 0.6 the nearest cosines among as many vectors as there are photos are
those among the photos (quartiles 0.565, 0.606, 0.647 against 0.566, 0.605, 0.645). One vector in
five is a near duplicate: another one plus what a real edit of a real photo changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgvet.models.prepare import normalised

Vectors = NDArray[np.float32]

KINSHIP = 0.6
"""The share a of the photo a vector is drawn around."""

COPY_SHARE = 0.2
_BLOCK = 50_000


@dataclass(frozen=True)
class VectorModel:
    """What vectors are drawn from.

    Attributes:
        mean: float32 (D,), the mean of the photos.
        centred: float32 (P, D), the photos without it.
        changes: float32 (E, D), what each edit changed.
    """

    mean: Vectors
    centred: Vectors
    changes: Vectors


def model_of(real: Vectors) -> VectorModel:
    """The model of embeddings float32 [photos, 1 + edits, D], each photo before its edits."""
    real = normalised(real.reshape(-1, real.shape[-1])).reshape(real.shape)
    photos = real[:, 0]
    mean = photos.mean(axis=0)
    changes = (real[:, 1:] - photos[:, None]).reshape(-1, real.shape[-1])
    return VectorModel(mean, photos - mean, changes)


def draw(model: VectorModel, count: int, seed: int = 0) -> Vectors:
    """``count`` vectors, float32 (count, D), of length 1, the same ones for the same seed."""
    random = np.random.default_rng(seed)
    vectors = np.empty((count, len(model.mean)), np.float32)
    # Near duplicates must not stand together in the listing.
    places = random.permutation(count)
    distinct = max(1, round(count * (1 - COPY_SHARE)))
    for part in _blocks(places[:distinct]):
        vectors[part] = _distinct(model, len(part), random)
    for part in _blocks(places[distinct:]):
        originals = vectors[places[random.integers(distinct, size=len(part))]]
        changes = model.changes[random.integers(len(model.changes), size=len(part))]
        vectors[part] = normalised(originals + changes)
    return vectors


def _blocks(places: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    return (places[start : start + _BLOCK] for start in range(0, len(places), _BLOCK))


def _distinct(model: VectorModel, count: int, random: np.random.Generator) -> Vectors:
    photos = len(model.centred)
    # Random mixtures of the photos have their covariance, without computing it.
    mixture = random.standard_normal((count, photos), np.float32) / np.sqrt(max(photos - 1, 1))
    noise = mixture @ model.centred
    kind = model.centred[random.integers(photos, size=count)]
    drawn = model.mean + KINSHIP * kind + np.sqrt(1 - KINSHIP**2) * noise
    # Else rounding could take one just beyond what normalised() leaves as it is.
    return normalised(drawn.astype(np.float32))
