"""How far new images have moved from those of a baseline: a score, 0..1, and its probability."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgvet.monitor.reference_sample import normalised

EMBEDDINGS = "embeddings"
"""Name under which the drift of embeddings is kept, beside those of the metrics."""

LEAST_IMAGES = 20
"""Of fewer images drift is not judged."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Drift:
    """How far one distribution lies from another.

    Attributes:
        score: 0 alike, 1 wholly apart.
        p_value: how probable such a score is if they are alike.
    """

    score: float
    p_value: float


def value_drift(reference: Values, new: Values) -> Drift | None:
    """Drift of a metric: the two-sample test of Kolmogorov and Smirnov.

    Its statistic, the greatest difference of the two cumulative shares, is at most the share of
    images that lie elsewhere. It needs no bins, so its probability is known for any size, and ties
    only make it more careful; the population stability index needs bins, and what counts as
    large for it depends on their number and on the number of images.

    Args:
        reference: float64 (m,), finite or NaN.
        new: float64 (n,), finite or NaN.

    Returns:
        None if either has fewer than :data:`LEAST_IMAGES` values.
    """
    from scipy.stats import ks_2samp

    before, after = reference[np.isfinite(reference)], new[np.isfinite(new)]
    if min(len(before), len(after)) < LEAST_IMAGES:
        return None
    with warnings.catch_warnings():
        # Where rounding stops the exact computation, scipy says so and uses the limit.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = ks_2samp(before, after)
    return Drift(float(found.statistic), float(found.pvalue))


def embedding_drift(reference: NDArray[np.floating], new: NDArray[np.floating]) -> Drift | None:
    """Drift of embeddings: how well new images can be told from those of the baseline.

    A witness two-sample test. On one half of each set a function is formed that is high where new
    images are dense and low where the baseline's are (the witness function of the maximum mean
    discrepancy, with a Gaussian kernel); on the other halves Mann and Whitney's test tells whether
    it is higher for new images. Unlike the discrepancy itself it has a probability without
    permutations, and a score that means something: 2 AUC - 1, where AUC is how often the function
    is higher for a new image than for one of the baseline. Sources: Gretton et al., A Kernel
    Two-Sample Test, JMLR 13, 2012; Kuebler et al., A Witness Two-Sample Test, AISTATS 2022.

    Args:
        reference: float (m, width), in random order.
        new: float (n, width), in random order.

    Returns:
        None if either has fewer than :data:`LEAST_IMAGES` rows.
    """
    from scipy.stats import mannwhitneyu

    if min(len(reference), len(new)) < LEAST_IMAGES:
        return None
    before, after = normalised(reference), normalised(new)
    learn, judge = (before[::2], after[::2]), (before[1::2], after[1::2])
    width = float(np.median(1.0 - learn[0] @ learn[0].T)) or 1.0

    def witness(vectors: NDArray[np.float32]) -> Values:
        low, high = (np.exp((vectors @ part.T - 1.0) / width).mean(axis=1) for part in learn)
        return np.asarray(high - low, np.float64)

    values = [witness(part) for part in judge]
    if not np.ptp(np.concatenate(values)):
        return Drift(0.0, 1.0)
    found = mannwhitneyu(values[1], values[0], alternative="greater", method="asymptotic")
    area = float(found.statistic) / (len(values[0]) * len(values[1]))
    return Drift(max(0.0, 2 * area - 1), float(found.pvalue))
