"""Embeddings made ready to be compared by one distance, and the distances between them.

FAISS finds candidates in float32; the distances that count are computed again, of each pair by
itself, in float64. They depend on nothing but the two embeddings (and the unit): not on threads, on
the processor or on what else is searched, so that a run that adds to an earlier one gives the same
tables as a run from scratch. All but cosine are computed by :mod:`scipy.spatial.distance`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from imgvet.errors import InvalidParameterError
from imgvet.options import Distance
from imgvet.similarity.distances import DISTANCES

Vectors = NDArray[np.float32]
Reals = NDArray[np.float64]
Rows = NDArray[np.int64]

_UNIT_LENGTH = 5e-7
"""Embeddings at most this far from length 1 have it but for rounding to float32."""

_LEAST = 1e-300
_CACHED_ROWS = 64
_BLOCK_VALUES = 1 << 18
_SCIPY_NAMES = {"l1": "cityblock", "linf": "chebyshev"}


@dataclass(frozen=True)
class Space:
    """Embeddings under one distance.

    Attributes:
        vectors: (n, width), as they are compared: L2-normalised for cosine, else as given.
        distance: the distance.
        unit: the length that distances count in; 1 where the distance has no unit.
        lengths: float64 (n,) for cosine, what is left of other lengths than 1; else empty.
    """

    vectors: Vectors
    distance: Distance
    unit: float
    lengths: Reals

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def data(self) -> Vectors:
        """The embeddings as they are searched, float32 (n, width), in a range that FAISS can take.

        The same ones are near each other. The same array where nothing has to be changed.
        """
        if self.distance == "cosine" or DISTANCES[self.distance].faiss_metric is None:
            return self.vectors
        data = np.array(self.vectors, np.float32)
        if self.distance == "euclidean":
            # FAISS multiplies out the square, which loses small distances beside a large mean.
            data -= data.mean(axis=0, dtype=np.float64).astype(np.float32)
        data /= np.float32(self.unit)
        return data

    def distances(self, queries: Rows, others: Rows) -> Reals:
        """The distances from each query to its others, float64 (q, k), to 1e-9.

        Args:
            queries: int64 (q,), rows.
            others: int64 (q, k), rows; -1 is nobody, infinitely far.
        """
        result = np.empty(others.shape, np.float64)
        step = max(1, _BLOCK_VALUES // max(others.shape[1] * self.vectors.shape[1], 1))
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            result[part] = self._block_distances(queries[part], others[part])
        result[others < 0] = np.inf
        return np.round(result, 9)

    def _block_distances(self, queries: Rows, others: Rows) -> Reals:
        left, right = self.vectors[queries], self.vectors[np.maximum(others, 0)]
        if self.distance == "cosine":
            products = np.multiply(left[:, None, :], right, dtype=np.float64).sum(axis=2)
            lengths = self.lengths[queries][:, None] * self.lengths[np.maximum(others, 0)]
            return np.maximum(1.0 - products / lengths, 0.0)
        pairs = zip(left, right, strict=True)
        return np.stack(
            [distances_between(one[None], many, self.distance, self.unit)[0] for one, many in pairs]
        )


def space_of(vectors: Vectors, distance: Distance) -> Space:
    """Make embeddings ready to be compared.

    Args:
        vectors: float32 (n, width), finite. Distances from zeros are finite, but mean nothing.
        distance: the distance.

    Raises:
        InvalidParameterError: the distance does not fit the embeddings.
    """
    if not DISTANCES[distance].signed:
        _refuse_negative(vectors, distance)
    unit = unit_of(vectors, distance)
    if distance == "cosine":
        vectors = np.ascontiguousarray(compared(vectors, distance), np.float32)
        lengths = _lengths(vectors, 2)
        return Space(vectors, distance, unit, np.where(lengths > 0, lengths, 1.0))
    return Space(vectors, distance, unit, np.empty(0))


def compared(vectors: Vectors, distance: Distance) -> Vectors:
    """The embeddings as they are compared: for cosine those of another length than 1 get length 1.

    Embeddings of a model have that length, but for rounding, and stay as they are; so do zeros.
    """
    if distance != "cosine" or not len(vectors):
        return vectors
    lengths = _lengths(vectors, 2)
    other = (np.abs(lengths - 1.0) > _UNIT_LENGTH) & (lengths > 0)
    if not other.any():
        return vectors
    lengths[~other] = 1.0
    return np.divide(vectors, lengths[:, None], dtype=np.float64).astype(np.float32)


def unit_of(vectors: Vectors, distance: Distance) -> float:
    """The length that distances count in.

    It is the median length of the embeddings in the norm of the distance, or, for distances without
    a norm, a power of two near their greatest value, which changes no distance. Zeros do not count.
    """
    norm = DISTANCES[distance].norm
    if distance == "cosine" or not vectors.any():
        return 1.0
    lengths = _lengths(vectors, np.inf if norm is None else norm)
    if norm is not None:
        return float(np.median(lengths[lengths > 0]))
    return float(2.0 ** np.round(np.log2(lengths.max())))


def distances_between(left: Vectors, right: Vectors, distance: Distance, unit: float) -> Reals:
    """The distance of every embedding of ``left`` to every one of ``right``, float64 (m, n).

    euclidean, l1 and linf count in ``unit``; canberra is the mean over the values instead of their
    sum; jensenshannon is the divergence in bits, 0 to 1 (Lin, Divergence Measures Based on the
    Shannon Entropy, 1991), of embeddings divided by their sums; cosine is 1 - cosine.
    """
    from scipy.spatial.distance import cdist

    if distance == "cosine":
        # In float32 as one product: components of thousands are compared all with all.
        return 1.0 - np.asarray(left @ right.T, np.float64)
    if distance == "jensenshannon":
        return _divergences(left, right)
    found = cdist(left, right, _SCIPY_NAMES.get(distance, distance))  # type: ignore[call-overload]
    if DISTANCES[distance].norm is not None:
        return np.asarray(found / unit)
    if distance == "canberra":
        return np.asarray(found / left.shape[1])
    return np.asarray(found)


def _divergences(left: Vectors, right: Vectors) -> Reals:
    """Jensen-Shannon divergence in bits: the entropy of the mean less the mean of the entropies."""
    p, q = (
        side / np.maximum(side.sum(axis=1, keepdims=True, dtype=np.float64), _LEAST)
        for side in (left, right)
    )
    of_both = (_entropies(p)[:, None] + _entropies(q)) / 2.0
    parts = [q[start : start + _CACHED_ROWS] for start in range(0, len(q), _CACHED_ROWS)]
    of_mean = np.hstack([np.stack([_entropies((one + part) / 2.0) for one in p]) for part in parts])
    return np.maximum((of_mean - of_both) / np.log(2.0), 0.0)


def _entropies(shares: Reals) -> Reals:
    """The entropy of each row, in nats; a share of 0 adds nothing."""
    logarithms = np.add(shares, _LEAST)
    np.log(logarithms, out=logarithms)
    return -np.einsum("nd,nd->n", shares, logarithms)


def _lengths(vectors: Vectors, norm: float) -> Reals:
    """The length of each embedding, float64 (n,)."""
    blocks = (block.astype(np.float64) for block in _blocks(vectors))
    return np.concatenate([np.linalg.norm(block, norm, axis=1) for block in blocks])


def _blocks(vectors: Vectors) -> Iterator[Vectors]:
    """The embeddings in turn, a few at a time as the array may be mapped; one block at least."""
    step = max(1, _BLOCK_VALUES // max(vectors.shape[1], 1))
    return (vectors[start : start + step] for start in range(0, max(len(vectors), 1), step))


def _refuse_negative(vectors: Vectors, distance: Distance) -> None:
    counts = [
        (int((block < 0).sum()), int((block < 0).any(axis=1).sum())) for block in _blocks(vectors)
    ]
    values, rows = (sum(column) for column in zip(*counts, strict=True))
    if values:
        raise InvalidParameterError(
            f"distance = {distance!r} compares shares, which can't be negative, but {values:,} "
            f"values in {rows:,} of {len(vectors):,} embeddings are",
            "Choose another distance, or give embeddings without negative values, such as "
            "histograms",
        )
