"""The similarity scale of a model of which none was measured, from the embeddings of a run.

What is told similar must be more so than different pictures are. How alike different pictures come
out is read off the data: samples so small that few copies meet in one, the nearest neighbour of
each in its sample, and the upper end of those cosines, as far above the median as the lower end is
below it, so that copies among them hardly count. That end gets the similarity that it has with the
built-in model on photographs, so that thresholds mean about the same. Of the built-in model, whose
scale was measured as 0.55, this finds 0.53 to 0.59 on landscapes, overlapping parts of photographs,
photographs with 17 edits of each, and things on white. The size of the samples was chosen after 50,
100 and 200 had been seen on these same four sets, so on others it may do worse.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgvet.models.prepare import normalised

LEAST_CONTENTS = 50
"""Fewer embeddings say too little."""

TAIL_SIMILARITY = 0.845
"""What the end of different pictures gets: what the most similar of 300 photographs have."""

VERSION = 3

_SAMPLES, _SIZE, _LOW = 64, 50, 0.01


def scale_of(vectors: NDArray[np.float32]) -> float | None:
    """The a of similarity = 1 - a (1 - cosine), two digits; None if the data can't tell.

    Embeddings of distinct contents, float32 (n, width), in any order; those of zeros say nothing.
    """
    telling = np.flatnonzero(vectors.any(axis=1))
    if len(telling) < LEAST_CONTENTS:
        return None
    random, nearest = np.random.default_rng(0), []
    for _ in range(_SAMPLES):
        sample = normalised(vectors[random.permutation(telling)[:_SIZE]])
        cosines = sample @ sample.T
        np.fill_diagonal(cosines, -1.0)
        nearest.append(cosines.max(axis=1))
    low, median = np.quantile(np.concatenate(nearest), (_LOW, 0.5))
    end = 2 * median - low
    return float(f"{(1 - TAIL_SIMILARITY) / (1 - end):.2g}") if end < 1 - 1e-3 else None
