"""A perceptual hash from which the hashes of the rotated and mirrored image follow.

The 256 bits are the signs of the coefficients 1 to 16 of the discrete cosine transform of the gray
image, in both directions. To mirror an image changes the signs of the odd coefficients along one
side, and to transpose it transposes the coefficients; the bits are ordered so that these are an
exclusive or with a constant and an exchange of two runs of bytes. So one stored hash stands for
all eight orientations (:func:`hash_in_orientation`), and no image is decoded or hashed twice.

Rotated duplicates, also recompressed, resized or recoloured ones, differ in a few bits of 256;
different images in about half of them.

The transform, the 16 x 16 coefficients and the idea of a quality are those of PDQ (Facebook, "The
TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019); there a bit tells a
coefficient above their median, here one above 0, which alone makes the bits of one orientation
decide those of the others. PDQ's quality is a sum of gradients, which a smooth gradient has too;
here it counts the coefficients that noise cannot turn over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from imgvet.images.picture import COLUMNS_REVERSED, ROWS_REVERSED, TRANSPOSED, Pixels, averaged

HASH_BYTES = 32
PAIR_BYTES = 15
"""Bytes 0..14 of a hash are the coefficients above the diagonal, low frequencies first, 15..29
their counterparts below it, in the same order, and 30..31 the diagonal."""

ORIENTATIONS = 8
"""Orientations are those of EXIF (CIPA DC-008, tag 0x0112), but counted from 0: 0 as it is, 1
left and right exchanged, 2 rotated by 180 degrees, 3 top and bottom exchanged, 4 transposed, 5
rotated by 90 degrees clockwise, 6 transposed along the other diagonal, 7 rotated by 90 degrees
anticlockwise. :func:`imgvet.images.picture.oriented` shows an image so, given orientation + 1."""

RELIABLE_QUALITY = 128
"""Hashes of a lower quality say nothing: less than half of their bits are more than noise."""

HashBits = NDArray[np.uint8]

_FREQUENCIES = 16
_REDUCED_SIDE = 64
_LEAST_SIDE = 32
_FIRM = 1 / 16
"""Gray levels (root mean square) that a coefficient has to contribute to be more than noise."""

_UNITS = 512
"""Cosines are rounded to multiples of 1 / 512. Every sum is then a whole number below 2**53, exact
in float64, so that a hash depends neither on the machine nor on the order of the additions."""

HASH, HASH_QUALITY = "orientation_hash", "orientation_quality"
"""What the columns of bits and quality are called."""


@dataclass(frozen=True)
class OrientationHash:
    """The hash of one image: its 256 bits, and how many of them are more than noise."""

    bits: HashBits
    quality: int


def orientation_hash(gray: Pixels) -> OrientationHash:
    """The hash of an image of any size, shape (h, w); below 32 pixels a side its quality is 0."""
    if min(gray.shape) < _LEAST_SIDE:
        return OrientationHash(np.zeros(HASH_BYTES, np.uint8), 0)
    ordered = _coefficients(_reduced(gray))[_ROW, _COLUMN]
    quality = int((np.abs(ordered) >= _FIRM).sum())
    return OrientationHash(np.packbits(ordered > 0), quality)


def _reduced(gray: Pixels) -> Pixels:
    """Each side to 64 to 127 pixels, by averages of whole blocks; surplus lines are cut evenly."""
    rows, columns = gray.shape
    step_y, step_x = max(1, rows // _REDUCED_SIDE), max(1, columns // _REDUCED_SIDE)
    top, left = rows % step_y // 2, columns % step_x // 2
    width, height = columns // step_x, rows // step_y
    whole = gray[top : top + height * step_y, left : left + width * step_x]
    return averaged(whole, width, height)


def _coefficients(gray: Pixels) -> NDArray[np.float64]:
    """What each pair of 16 x 16 frequencies contributes, in gray levels."""
    rows, columns = gray.shape
    sums = _cosines(rows) @ gray.astype(np.float64) @ _cosines(columns).T
    return np.asarray(sums * (2 / (_UNITS * _UNITS * gray.size)))


@lru_cache(maxsize=2 * _REDUCED_SIDE)
def _cosines(length: int) -> NDArray[np.float64]:
    """Float64 (16, length), whole numbers: rows 1 to 16 of the DCT-II times 512."""
    frequency = np.arange(1, _FREQUENCIES + 1)[:, None]
    position = 2 * np.arange(length)[None] + 1
    return np.rint(_UNITS * np.cos(np.pi * frequency * position / (2 * length)))


def _frequencies() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of the coefficient that each of the 256 bits tells of."""
    row, column = np.triu_indices(_FREQUENCIES, 1)
    low_first = np.argsort(row + column, kind="stable")
    above, below = row[low_first], column[low_first]
    diagonal = np.arange(_FREQUENCIES)
    return np.concatenate([above, below, diagonal]), np.concatenate([below, above, diagonal])


_ROW, _COLUMN = _frequencies()


def hash_in_orientation(bits: HashBits, orientation: int) -> HashBits:
    """What becomes of hashes, uint8 (n, 32), when images are shown in another orientation."""
    bits = bits ^ _SIGN_CHANGES[orientation]
    if orientation + 1 in TRANSPOSED:
        above, below, diagonal = np.split(bits, [PAIR_BYTES, 2 * PAIR_BYTES], axis=1)
        bits = np.concatenate([below, above, diagonal], axis=1)
    return bits


_SIGN_CHANGES = np.packbits(
    [  # Frequencies start at 1, so the even ones are odd.
        ((_COLUMN % 2 == 0) & (code in COLUMNS_REVERSED))
        ^ ((_ROW % 2 == 0) & (code in ROWS_REVERSED))
        for code in range(1, ORIENTATIONS + 1)
    ],
    axis=1,
)
"""(8, 32): the bits that reversing changes, for each orientation."""
