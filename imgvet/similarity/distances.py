"""The distances between embeddings, and the similarity that each one becomes.

Similarity is 1 for identical embeddings and falls as the distance grows, so the order of neighbours
is that of the distance. The thresholds of a run (0.9 and 0.96) are set for cosine. The formulas of
the other distances keep them meaningful, whatever the scale of the embeddings:

* euclidean, l1 and linf count in units of r, the median length of all embeddings in the same norm,
  so multiplying every embedding by one number changes nothing. For embeddings of length 1, as those
  of models, d squared is 2 (1 - cosine): euclidean then gives the similarities of cosine.
* canberra, braycurtis and jensenshannon have a range of their own and need no unit.

FAISS finds candidates in float32; the distances that count are computed again, of each pair by
itself, in float64. They depend on nothing but the two embeddings (and the unit): not on threads or
on what else is searched, so that a run that adds to an earlier one gives the same tables as a run
from scratch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from imgvet.errors import InvalidParameterError
from imgvet.models.prepare import normalised, of_other_length
from imgvet.options import Distance, NeighborOptions
from imgvet.parameters import Frozen
from imgvet.summary import RunRecord

Vectors = NDArray[np.float32]
Reals = NDArray[np.float64]
Rows = NDArray[np.int64]

_LEAST = 1e-300
_CACHED_ROWS = 64
_BLOCK_VALUES = 1 << 18
_SCIPY_NAMES = {"l1": "cityblock", "linf": "chebyshev"}


@dataclass(frozen=True)
class DistanceFormula:
    """What is known of one distance."""

    faiss_metric: str | None
    """None where NumPy and SciPy are several times as fast, or know what to do with zeros."""
    similarity: str
    """For a person: x and y are two embeddings, a is the calibration of the model's card (1 for
    user embeddings), r the median length."""
    range: str = "0 to 1"
    norm: float | None = None
    """Order of the norm whose median is the unit r; None without a unit."""
    any_index: bool = False
    """Whether every ``nnf_mode`` searches it; else only Flat."""


_COUNTED = "1 - a (d / r)^2 / 2"

DISTANCES: Mapping[Distance, DistanceFormula] = {
    "cosine": DistanceFormula(
        "METRIC_INNER_PRODUCT", "1 - a (1 - cos(x, y))", range="1 - 2a to 1", any_index=True
    ),
    "euclidean": DistanceFormula(
        "METRIC_L2",
        f"{_COUNTED} with d = square root of the sum of (x - y)^2",
        norm=2,
        any_index=True,
    ),
    "l1": DistanceFormula("METRIC_L1", f"{_COUNTED} with d = sum of abs(x - y)", norm=1),
    "linf": DistanceFormula(None, f"{_COUNTED} with d = greatest abs(x - y)", norm=np.inf),
    "canberra": DistanceFormula(None, "1 - mean of abs(x - y) / (abs(x) + abs(y))"),
    "braycurtis": DistanceFormula("METRIC_BrayCurtis", "1 - sum of abs(x - y) / sum of abs(x + y)"),
    "jensenshannon": DistanceFormula(
        None, "1 - Jensen-Shannon divergence, in bits, of x / sum of x and y / sum of y"
    ),
}
"""All distances. Where a formula could fall below 0 (euclidean, l1, linf, and braycurtis of
embeddings with negative values), 0 is told instead."""


class Metric(Frozen, extra="forbid"):
    """How embeddings are compared; part of the cache key of the stages that compare."""

    distance: Distance = "cosine"
    scale: float = Field(1.0, gt=0)
    """a, the calibration on the model's card; 1 for user embeddings."""

    @classmethod
    def of_run(cls, record: RunRecord) -> Self:
        """How a finished run compared."""
        scale = float(str(record.model.get("similarity_scale", 1.0)))
        return cls(distance=record.options(NeighborOptions).distance, scale=scale)

    def similarity(self, distances: NDArray[np.floating]) -> Reals:
        """Similarities of distances as :func:`distances_between` defines them, to 1e-6."""
        exact = np.asarray(distances, np.float64)
        if self.distance == "cosine":
            return np.asarray(np.round(1.0 - self.scale * exact, 6), np.float64)
        if DISTANCES[self.distance].norm is not None:
            exact = self.scale * exact**2 / 2.0
        return np.asarray(np.round(np.maximum(1.0 - exact, 0.0), 6), np.float64)


@dataclass(frozen=True)
class Space:
    """Embeddings and how they are compared."""

    vectors: Vectors
    """(n, width), as they are compared: L2-normalised for cosine, else as given."""
    metric: Metric
    unit: float

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def distance(self) -> Distance:
        """By which they are compared."""
        return self.metric.distance

    @cached_property
    def data(self) -> Vectors:
        """The embeddings as they are searched, in a range that FAISS can take."""
        if self.distance == "cosine" or DISTANCES[self.distance].faiss_metric is None:
            return self.vectors
        data = np.array(self.vectors, np.float32)
        if self.distance == "euclidean":
            # FAISS multiplies out the square, which loses small distances beside a large mean.
            data -= data.mean(axis=0, dtype=np.float64).astype(np.float32)
        data /= np.float32(self.unit)
        return data

    @cached_property
    def lengths(self) -> Reals:
        """(n,), what is left of other lengths than 1 for cosine; that of zeros counts as 1."""
        lengths = _lengths(self.vectors, 2)
        return np.where(lengths > 0, lengths, 1.0)

    def between(self, rows: Rows | slice, others: Rows | slice) -> NDArray[np.floating]:
        """The distance of each of some rows to each of others, by :func:`distances_between`."""
        one, other = self.vectors[rows], self.vectors[others]
        return distances_between(one, other, self.distance, self.unit)

    def alike(self, rows: Rows | slice, others: Rows | slice) -> Reals:
        """The similarity of each of some rows to each of others."""
        return self.metric.similarity(self.between(rows, others))

    def similarities(self, queries: Rows, others: Rows) -> Reals:
        """The similarities of what :meth:`distances` compares."""
        return self.metric.similarity(self.distances(queries, others))

    def distances(self, queries: Rows, others: Rows) -> Reals:
        """The distances from each query, a row, to its others, (q, k), to 1e-9.

        -1 is nobody, infinitely far.
        """
        result = np.empty(others.shape, np.float64)
        for part in blocks(len(queries), _BLOCK_VALUES, others.shape[1] * self.vectors.shape[1]):
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


def space_of(vectors: Vectors, metric: Metric) -> Space:
    """Make embeddings, float32 (n, width), finite, ready to be compared.

    Distances from zeros are finite, but mean nothing. InvalidParameterError if the distance does
    not fit the embeddings.
    """
    distance = metric.distance
    if distance == "jensenshannon" and (negative := vectors < 0).any():
        raise InvalidParameterError(
            f"distance = {distance!r} compares shares, which can't be negative, but "
            f"{negative.sum():,} values in {negative.any(axis=1).sum():,} of {len(vectors):,} "
            "embeddings are",
            "Choose another distance, or give embeddings without negative values, such as "
            "histograms",
        )
    unit = unit_of(vectors, distance)
    if distance == "cosine":
        vectors = np.ascontiguousarray(_with_length_one(vectors), np.float32)
    return Space(vectors, metric, unit)


def _with_length_one(vectors: Vectors) -> Vectors:
    """Those of a model have it, but for rounding, and stay as they are; so do zeros."""
    other = np.flatnonzero(of_other_length(_lengths(vectors, 2)))
    if not len(other):
        return vectors
    result = np.array(vectors, np.float32)
    for part in blocks(len(other), _BLOCK_VALUES, vectors.shape[1]):
        result[other[part]] = normalised(vectors[other[part]])
    return result


def unit_of(vectors: Vectors, distance: Distance) -> float:
    """The length that distances count in: the median length of the embeddings in their norm.

    Without a norm it is a power of two near the greatest value, which changes no distance. Zeros do
    not count.
    """
    norm = DISTANCES[distance].norm
    if distance == "cosine" or not vectors.any():
        return 1.0
    lengths = _lengths(vectors, np.inf if norm is None else norm)
    if norm is not None:
        return float(np.median(lengths[lengths > 0]))
    return float(2.0 ** np.round(np.log2(lengths.max())))


def distances_between(
    left: Vectors, right: Vectors, distance: Distance, unit: float
) -> NDArray[np.floating]:
    """The distance of every embedding of ``left`` to every one of ``right``, (m, n).

    They are float32 for cosine, else float64.

    euclidean, l1 and linf count in ``unit``; canberra is the mean over the values instead of their
    sum; jensenshannon is the divergence in bits, 0 to 1 (Lin, Divergence Measures Based on the
    Shannon Entropy, 1991), of embeddings divided by their sums; cosine is 1 - cosine.
    """
    if distance == "cosine":
        # In float32 as one product: components of thousands are compared all with all.
        product = np.asarray(left @ right.T)
        return np.subtract(1.0, product, out=product)
    if distance == "jensenshannon":
        return _divergences(left, right)
    from scipy.spatial.distance import cdist

    found = cdist(left, right, _SCIPY_NAMES.get(distance, distance))  # type: ignore[call-overload]
    if distance == "canberra":
        unit = left.shape[1]
    elif DISTANCES[distance].norm is None:
        unit = 1.0
    return np.asarray(found / unit)


def _divergences(left: Vectors, right: Vectors) -> Reals:
    """Jensen-Shannon divergence in bits: the entropy of the mean less the mean of the entropies."""
    p, q = (
        side / np.maximum(side.sum(axis=1, keepdims=True, dtype=np.float64), _LEAST)
        for side in (left, right)
    )
    of_both = (_entropies(p)[:, None] + _entropies(q)) / 2.0
    parts = [q[part] for part in blocks(len(q), _CACHED_ROWS)]
    of_mean = np.hstack([np.stack([_entropies((one + part) / 2.0) for one in p]) for part in parts])
    return np.maximum((of_mean - of_both) / np.log(2.0), 0.0)


def _entropies(shares: Reals) -> Reals:
    """The entropy of each row, in nats; a share of 0 adds nothing."""
    return -np.einsum("nd,nd->n", shares, np.log(np.add(shares, _LEAST)))


def _lengths(vectors: Vectors, norm: float) -> Reals:
    """The length of each embedding, a few at a time as the array may be mapped."""
    lengths = np.empty(len(vectors), np.float64)
    for part in blocks(len(vectors), _BLOCK_VALUES, vectors.shape[1]):
        lengths[part] = np.linalg.norm(vectors[part].astype(np.float64), norm, axis=1)
    return lengths


def blocks(rows: int, values: int, width: int = 1) -> Iterator[slice]:
    """The rows a block at a time, of at most so many values each where a row has ``width``."""
    step = max(1, values // max(width, 1))
    return (slice(start, start + step) for start in range(0, rows, step))
