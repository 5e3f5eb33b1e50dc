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

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

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
class DistanceFormula:
    """What is known of one distance.

    Attributes:
        faiss_metric: FAISS's name of the metric; None where NumPy and SciPy are several times as
            fast as FAISS, or know what to do with zeros.
        similarity: the formula of the similarity, for a person: x and y are two embeddings, a is
            the calibration of the model's card (1 for user embeddings), r the median length.
        to_similarity: similarities of distances, and of a where the formula has one.
        range: the range of the similarity.
        signed: whether embeddings may have negative values.
        norm: order of the norm whose median is the unit r; None without a unit.
        any_index: whether every ``nnf_mode`` searches it; else only Flat.
    """

    faiss_metric: str | None
    similarity: str
    to_similarity: Callable[[Reals, float], Reals]
    range: str = "0 to 1"
    signed: bool = True
    norm: float | None = None
    any_index: bool = False


_COUNTED = "1 - a (d / r)^2 / 2"

DISTANCES: Mapping[Distance, DistanceFormula] = MappingProxyType(
    {
        "cosine": DistanceFormula(
            "METRIC_INNER_PRODUCT",
            "1 - a (1 - cos(x, y))",
            _calibrated,
            range="1 - 2a to 1",
            any_index=True,
        ),
        "euclidean": DistanceFormula(
            "METRIC_L2",
            f"{_COUNTED} with d = square root of the sum of (x - y)^2",
            _calibrated_square,
            norm=2,
            any_index=True,
        ),
        "l1": DistanceFormula(
            "METRIC_L1", f"{_COUNTED} with d = sum of abs(x - y)", _calibrated_square, norm=1
        ),
        "linf": DistanceFormula(
            None, f"{_COUNTED} with d = greatest abs(x - y)", _calibrated_square, norm=np.inf
        ),
        "canberra": DistanceFormula(
            None, "1 - mean of abs(x - y) / (abs(x) + abs(y))", _complement
        ),
        "braycurtis": DistanceFormula(
            "METRIC_BrayCurtis", "1 - sum of abs(x - y) / sum of abs(x + y)", _complement
        ),
        "jensenshannon": DistanceFormula(
            None,
            "1 - Jensen-Shannon divergence, in bits, of x / sum of x and y / sum of y",
            _complement,
            signed=False,
        ),
    }
)
"""All distances. Where a formula could fall below 0 (euclidean, l1, linf, and braycurtis of
embeddings with negative values), 0 is told instead."""


class Metric(BaseModel):
    """How embeddings are compared; part of the cache key of the stages that compare.

    Attributes:
        distance: the distance.
        scale: a, the calibration on the model's card; 1 for user embeddings.
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
        return np.round(DISTANCES[self.distance].to_similarity(exact, self.scale), 6)


def check_distance(options: NeighborOptions) -> None:
    """Refuse a distance that the chosen index can't search.

    Raises:
        InvalidParameterError: it needs Flat; the message lists what goes with what.
    """
    if options.nnf_mode == FLAT or DISTANCES[options.distance].any_index:
        return
    anywhere = " and ".join(name for name, formula in DISTANCES.items() if formula.any_index)
    flat = ", ".join(name for name, formula in DISTANCES.items() if not formula.any_index)
    raise InvalidParameterError(
        f"distance = {options.distance!r} does not go with nnf_mode = {options.nnf_mode!r}",
        f"Use nnf_mode = {FLAT!r}, which searches {flat} too; the others search {anywhere}",
    )
