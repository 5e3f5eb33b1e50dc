"""A fixed linear map from 1,280 to 384 dimensions that keeps angles and needs no data.

The map is 384 rows of a Hadamard matrix of order 1,280 with random signs (a subsampled
randomised Hadamard transform): its entries are +1 and -1, its rows are orthogonal, and it is
made of integers only, so it is the same to the last bit on every machine.
"""

import numpy as np

PALEY_PRIME = 19


def hadamard_1280() -> np.ndarray:
    """Hadamard matrix int8 [1280, 1280]: Paley's of order 20 times Sylvester's of order 64."""
    squares = {index * index % PALEY_PRIME for index in range(1, PALEY_PRIME)}
    character = np.array([0] + [1 if index in squares else -1 for index in range(1, PALEY_PRIME)])
    index = np.arange(PALEY_PRIME)
    paley = np.eye(PALEY_PRIME + 1, dtype=np.int64)
    paley[0, 1:], paley[1:, 0] = 1, -1
    paley[1:, 1:] += character[(index[None, :] - index[:, None]) % PALEY_PRIME]
    sylvester = np.ones((1, 1), np.int64)
    for _ in range(6):
        sylvester = np.block([[sylvester, sylvester], [sylvester, -sylvester]])
    return np.kron(paley, sylvester).astype(np.int8)


def signed_projection(width: int, seed: int) -> np.ndarray:
    """Matrix int8 [1280, width] of +1 and -1 with orthogonal columns."""
    matrix = hadamard_1280()
    random = np.random.Generator(np.random.PCG64(seed))
    rows = np.sort(random.permutation(len(matrix))[:width])
    signs = random.integers(0, 2, len(matrix)) * 2 - 1
    return np.ascontiguousarray((matrix[rows] * signs).T.astype(np.int8))
