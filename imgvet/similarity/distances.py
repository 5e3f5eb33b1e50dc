"""The distances between embeddings, and the similarity that each one becomes.

Similarity is 1 for identical embeddings and falls as the distance grows, so the order of neighbours
is that of the distance. The thresholds of a run (0.9 and 0.96) are set for cosine. The formulas of
the other distances keep them meaningful, whatever the scale of the embeddings:

* euclidean, l1 and linf count in units of r, the median length of all embeddings in the same norm,
  so multiplying every embedding by one number changes nothing. For embeddings of length 1, as those
  of models, d squared is 2 (1 - cosine): euclidean then gives the similarities of cosine.
* canberra, braycurtis and jensenshannon have a range of their own and need no unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from imgvet.errors import InvalidParameterError
from imgvet.options import Distance, NeighborOptions

Reals = NDArray[np.float64]
FLAT = "Flat"
"""The ``nnf_mode`` that compares every pair."""


def _calibrated(distances: Reals, scale: float) -> Reals:
    return 1.0 - scale * distances


def _calibrated_square(distances: Reals, scale: float) -> Reals:
    return np.maximum(1.0 - scale * distances**2 / 2.0, 0.0)


def _complement(distances: Reals, scale: float) -> Reals:  # noqa: ARG001
    return np.maximum(1.0 - distances, 0.0)


@dataclass(frozen=True)
class DistanceKind:
    """One distance.

    Attributes:
        name: its name.
        faiss_metric: FAISS's name of the metric; None where NumPy and SciPy are several times as
            fast as FAISS, or know what to do with zeros.
        similarity: the formula of the similarity, for a person: x and y are two embeddings, a is
            the calibration of the model's card (1 for own embeddings), r the median length.
        to_similarity: similarities of distances, and of a where the formula has one.
        range: the range of the similarity.
        signed: whether embeddings may have negative values.
        norm: order of the norm whose median is the unit r; None without a unit.
        any_index: whether every ``nnf_mode`` searches it; else only Flat.
    """

    name: Distance
    faiss_metric: str | None
    similarity: str
    to_similarity: Callable[[Reals, float], Reals]
    range: str = "0 to 1"
    signed: bool = True
    norm: float | None = None
    any_index: bool = False


_COUNTED = "1 - a (d / r)^2 / 2"

DISTANCES: tuple[DistanceKind, ...] = (
    DistanceKind(
        name="cosine",
        faiss_metric="METRIC_INNER_PRODUCT",
        similarity="1 - a (1 - cos(x, y))",
        range="1 - 2a to 1",
        to_similarity=_calibrated,
        any_index=True,
    ),
    DistanceKind(
        name="euclidean",
        faiss_metric="METRIC_L2",
        similarity=f"{_COUNTED} with d = square root of the sum of (x - y)^2",
        to_similarity=_calibrated_square,
        norm=2,
        any_index=True,
    ),
    DistanceKind(
        name="l1",
        faiss_metric="METRIC_L1",
        similarity=f"{_COUNTED} with d = sum of abs(x - y)",
        to_similarity=_calibrated_square,
        norm=1,
    ),
    DistanceKind(
        name="linf",
        faiss_metric=None,
        similarity=f"{_COUNTED} with d = greatest abs(x - y)",
        to_similarity=_calibrated_square,
        norm=np.inf,
    ),
    DistanceKind(
        name="canberra",
        faiss_metric=None,
        similarity="1 - mean of abs(x - y) / (abs(x) + abs(y))",
        to_similarity=_complement,
    ),
    DistanceKind(
        name="braycurtis",
        faiss_metric="METRIC_BrayCurtis",
        similarity="1 - sum of abs(x - y) / sum of abs(x + y)",
        to_similarity=_complement,
    ),
    DistanceKind(
        name="jensenshannon",
        faiss_metric=None,
        similarity="1 - Jensen-Shannon divergence, in bits, of x / sum of x and y / sum of y",
        to_similarity=_complement,
        signed=False,
    ),
)
"""All distances. Where a formula could fall below 0 (euclidean, l1, linf, and braycurtis of
embeddings with negative values), 0 is told instead."""

_KINDS = {kind.name: kind for kind in DISTANCES}


def kind_of(distance: Distance) -> DistanceKind:
    """What is known of one distance."""
    return _KINDS[distance]


class Metric(BaseModel):
    """How embeddings are compared; part of the cache key of the stages that compare.

    Attributes:
        distance: the distance.
        scale: a, the calibration on the model's card; 1 for own embeddings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    distance: Distance = "cosine"
    scale: float = Field(1.0, gt=0)

    def similarity(self, distances: NDArray[np.floating]) -> Reals:
        """Similarities of distances, rounded to 1e-6.

        Args:
            distances: any shape, as :func:`imgvet.similarity.space.distances_between` defines them.
        """
        exact = np.asarray(distances, np.float64)
        return np.round(kind_of(self.distance).to_similarity(exact, self.scale), 6)


def check_distance(options: NeighborOptions) -> None:
    """Refuse a distance that the chosen index can't search.

    Raises:
        InvalidParameterError: it needs Flat; the message lists what goes with what.
    """
    if options.nnf_mode == FLAT or kind_of(options.distance).any_index:
        return
    anywhere = " and ".join(kind.name for kind in DISTANCES if kind.any_index)
    flat = ", ".join(kind.name for kind in DISTANCES if not kind.any_index)
    raise InvalidParameterError(
        f"distance = {options.distance!r} does not go with nnf_mode = {options.nnf_mode!r}",
        f"Use nnf_mode = {FLAT!r}, which searches {flat} too; the others search {anywhere}",
    )
