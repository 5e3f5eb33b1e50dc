"""Principal components of vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

_BLOCK = 16_384


def principal_components(vectors: Vectors, width: int) -> Vectors:
    """The vectors in the directions in which they vary most.

    The sign of a direction is that of its greatest entry, so that the result does not depend on the
    linear algebra library.

    Args:
        vectors: float32 (n, d).
        width: how many directions are wanted.

    Returns:
        float32 (n, width), centred, the direction of greatest variance first; zeros in columns
        beyond d.
    """
    count, given = vectors.shape
    found = np.zeros((count, width), np.float32)
    if not count or not given:
        return found
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    covariance = np.zeros((given, given))
    for start in range(0, count, _BLOCK):
        part = vectors[start : start + _BLOCK] - mean
        covariance += part.T @ part
    directions = np.linalg.eigh(covariance)[1][:, ::-1][:, :width]
    greatest = np.abs(directions).argmax(axis=0)
    directions *= np.sign(directions[greatest, np.arange(directions.shape[1])])
    directions = directions.astype(np.float32)
    for start in range(0, count, _BLOCK):
        part = (vectors[start : start + _BLOCK] - mean) @ directions
        found[start : start + _BLOCK, : directions.shape[1]] = part
    return found
