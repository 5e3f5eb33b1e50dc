"""Copies that were mirrored or turned by quarters: found by their hashes, then compared upright.

Embeddings hardly see that a picture is another one turned by 90 degrees. Its orientation hash
(:mod:`imgvet.images.orientation_hash`) tells the hashes of all eight orientations, so candidates
are pairs whose hashes nearly agree in different orientations. Each candidate is then judged like
any other pair: one picture is turned to the orientation of the other and embedded again, and the
similarity of the pair is the one between these two (:func:`turned_cosines`).

Candidates are found without comparing all pairs, by what multi-index hashing does for one
orientation: short pieces of a hash become keys, and pictures that share a key are compared. A
piece here holds coefficients and their transposed counterparts, so that the least of its values in
eight orientations is the same for all turned copies: one sort of the keys replaces eight searches.

Source:
    M. Norouzi, A. Punjani, D. Fleet: "Fast Exact Search in Hamming Space with Multi-Index
    Hashing", IEEE TPAMI 36 (2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from imgvet.images.orientation_hash import (
    HASH_BYTES,
    ORIENTATIONS,
    PAIR_BYTES,
    RELIABLE_QUALITY,
    hash_in_orientation,
)
from imgvet.images.picture import Pixels, oriented
from imgvet.threads import in_threads

MAX_DISTANCE = 48
"""Bits of 256 in which the hashes of a candidate may differ. Measured on 300 photographs: turned
copies at JPEG quality 50 or at half size differ in at most 16, overexposed ones in at most 48;
different photographs, in the best of eight orientations, in at least 88."""

CANDIDATES = 4
"""Candidates kept for each picture, nearest first, like its nearest neighbours."""

BATCH = 8
"""Pictures that are embedded at a time."""

_WINDOW = 64
"""Pictures that share a key are compared with so many next ones: linear time, whatever the data."""

_EVERYDAY_SIZE, _LARGE_SIZE = 200_000, 5_000_000
_UPRIGHT = 0
Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]
_Keys = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class TurnedPairs:
    """Pairs of pictures of which one, turned or mirrored, may be the other.

    Attributes:
        first: int64 (m,), row of the one; always below ``second``.
        second: int64 (m,), row of the other.
        orientation: uint8 (m,), 1 to 7: the first, shown in this orientation (numbered as in
            :data:`imgvet.images.orientation_hash.ORIENTATIONS`), looks like the second.
        distance: uint8 (m,), bits of 256 in which the hashes differ.
    """

    first: Rows
    second: Rows
    orientation: NDArray[np.uint8]
    distance: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.first)

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> TurnedPairs:
        """Some of the pairs, by position or by mask."""
        return TurnedPairs(
            self.first[chosen],
            self.second[chosen],
            self.orientation[chosen],
            self.distance[chosen],
        )


def find_turned_pairs(
    hashes: NDArray[np.uint8], quality: NDArray[np.integer], limit: int = CANDIDATES
) -> TurnedPairs:
    """Candidates for turned or mirrored copies, in order of their rows.

    Args:
        hashes: uint8 (n, 32), the orientation hashes of n distinct contents.
        quality: integers (n,), their qualities; rows below :data:`RELIABLE_QUALITY` are left out.
        limit: a pair is kept if it is among the ``limit`` nearest of one of its pictures.
    """
    usable = np.flatnonzero(np.asarray(quality) >= RELIABLE_QUALITY)
    data = np.ascontiguousarray(hashes[usable], np.uint8).reshape(-1, HASH_BYTES)
    found = [pairs for piece in range(PAIR_BYTES) for pairs in _pairs_sharing(data, piece)]
    best = _nearest(_each_once(_joined(found)), limit)
    return TurnedPairs(usable[best.first], usable[best.second], best.orientation, best.distance)


def _pairs_sharing(data: NDArray[np.uint8], piece: int) -> Iterator[TurnedPairs]:
    """Pairs whose hashes share one piece, and nearly agree in the orientations that it says."""
    keys, shown_in = _least_keys(data, piece)
    order = _grouped(keys, shown_in)
    keys, shown_in = keys[order], shown_in[order]
    words = _shown(data[order], shown_in).view(np.uint64)
    for step in range(1, min(_WINDOW + 1, len(order))):
        same = keys[step:] == keys[:-step]
        if not same.any():
            return
        left = np.flatnonzero(same & (shown_in[step:] != shown_in[:-step]))
        differing = np.bitwise_count(words[left] ^ words[left + step])
        distance = differing.sum(axis=1, dtype=np.int64)
        near = distance <= MAX_DISTANCE
        left = left[near]
        orientation = _FROM_TO[shown_in[left], shown_in[left + step]]
        one, other = order[left], order[left + step]
        orientation = np.where(one < other, orientation, _INVERSE[orientation])
        yield TurnedPairs(
            np.minimum(one, other),
            np.maximum(one, other),
            orientation.astype(np.uint8),
            distance[near].astype(np.uint8),
        )


def _least_keys(data: NDArray[np.uint8], piece: int) -> tuple[_Keys, NDArray[np.uint8]]:
    """The least value of a piece in eight orientations, and the orientation that gives it."""
    bits = _piece_bits(len(data))
    least = np.full(len(data), np.iinfo(np.uint64).max, np.uint64)
    shown_in = np.zeros(len(data), np.uint8)
    for orientation in range(ORIENTATIONS):
        pairs = hash_in_orientation(data, orientation)[:, : 2 * PAIR_BYTES]
        halves = pairs.reshape(-1, 2, PAIR_BYTES)[:, :, [piece, (piece + 1) % PAIR_BYTES]]
        values = halves.astype(np.uint64) @ np.array([256, 1], np.uint64) >> np.uint64(16 - bits)
        keys = values[:, 0] << np.uint64(bits) | values[:, 1]
        less = keys < least
        least[less], shown_in[less] = keys[less], orientation
    return least, shown_in


def _piece_bits(count: int) -> int:
    """Bits of each half of a piece: more of them for large sets, so that few share a key."""
    return 8 if count <= _EVERYDAY_SIZE else 10 if count <= _LARGE_SIZE else 12


def _grouped(keys: _Keys, shown_in: NDArray[np.uint8]) -> Rows:
    """Order by key, then such that the orientations within a key take turns.

    Among thousands of nearly equal pictures the window of each then holds turned ones, too.
    """
    kinds = keys << np.uint64(3) | shown_in.astype(np.uint64)
    order = np.argsort(kinds, kind="stable")
    starts = np.searchsorted(kinds[order], kinds[order])
    turn = np.empty(len(order), np.int64)
    turn[order] = np.arange(len(order)) - starts
    return np.lexsort((shown_in, turn, keys)).astype(np.int64)


def _shown(data: NDArray[np.uint8], orientations: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each hash in an orientation of its own: uint8 (n, 32)."""
    shown = np.empty_like(data)
    for orientation in range(ORIENTATIONS):
        chosen = orientations == orientation
        shown[chosen] = hash_in_orientation(data[chosen], orientation)
    return shown


def _joined(parts: Sequence[TurnedPairs]) -> TurnedPairs:
    rows, small = np.empty(0, np.int64), np.empty(0, np.uint8)
    return TurnedPairs(
        np.concatenate([rows, *(part.first for part in parts)]),
        np.concatenate([rows, *(part.second for part in parts)]),
        np.concatenate([small, *(part.orientation for part in parts)]),
        np.concatenate([small, *(part.distance for part in parts)]),
    )


def _each_once(pairs: TurnedPairs) -> TurnedPairs:
    """Each pair of rows once, in its best orientation, in order of rows."""
    order = np.lexsort((pairs.orientation, pairs.distance, pairs.second, pairs.first))
    pairs = pairs.take(order)
    again = (np.diff(pairs.first, prepend=-1) == 0) & (np.diff(pairs.second, prepend=-1) == 0)
    return pairs.take(~again)


def _nearest(pairs: TurnedPairs, limit: int) -> TurnedPairs:
    """The pairs that are among the ``limit`` nearest of one of their rows."""
    ends = np.concatenate([pairs.first, pairs.second])
    others = np.concatenate([pairs.second, pairs.first])
    order = np.lexsort((others, np.tile(pairs.distance, 2), ends))
    starts = np.searchsorted(ends[order], ends[order])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - starts
    return pairs.take(rank.reshape(2, -1).min(axis=0) < limit)


def joining_pairs(pairs: TurnedPairs, known: NDArray[np.int64], count: int) -> TurnedPairs:
    """The candidates that join what known pairs leave apart, as few and as near as possible.

    A group of m copies then costs m - 1 embeddings at most, and none if it is known already.

    Args:
        pairs: the candidates.
        known: int64 (k, 2), pairs of rows that are joined anyway.
        count: the number of rows.
    """
    edges = coo_matrix((np.ones(len(known), np.int8), (known[:, 0], known[:, 1])), (count, count))
    _, group = connected_components(edges, directed=False)
    one, other = group[pairs.first], group[pairs.second]
    low, high = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((pairs.second, pairs.first, pairs.distance))
    order = order[low[order] != high[order]]
    _, first = np.unique(low[order].astype(np.int64) * count + high[order], return_index=True)
    order = order[np.sort(first)]
    # Unlike distances, ranks are never equal, so that there is just one tree of least weight.
    weights = np.arange(1.0, len(order) + 1)
    tree = minimum_spanning_tree(
        coo_matrix((weights, (low[order], high[order])), (count, count)).tocsr()
    )
    return pairs.take(np.sort(order[tree.data.astype(np.int64) - 1]))


def turned_cosines(
    pairs: TurnedPairs,
    vectors: Vectors,
    read: Callable[[int], Pixels],
    embed: Callable[[Sequence[Pixels]], Vectors],
    threads: int,
) -> Vectors:
    """Cosine of each pair after the first was shown in the orientation of the second.

    Args:
        pairs: the candidates to judge.
        vectors: float32 (n, width), L2-normalised embeddings of the rows.
        read: the thumbnail of a row, RGB, uint8; called from several threads at once.
        embed: the embeddings of pictures, float32 (b, width), L2-normalised, as in ``vectors``;
            called from several threads at once.
        threads: how many batches are computed at a time.

    Returns:
        float32 (m,), -1..1; where the pictures are more alike as they are, the cosine of that.
    """

    def batch_cosines(start: int) -> Vectors:
        batch = pairs.take(np.arange(start, min(start + BATCH, len(pairs))))
        shown = [
            oriented(read(int(row)), int(orientation) + 1)
            for row, orientation in zip(batch.first, batch.orientation, strict=True)
        ]
        second = vectors[batch.second]
        turned = np.einsum("nd,nd->n", embed(shown), second)
        return np.maximum(turned, np.einsum("nd,nd->n", vectors[batch.first], second))

    parts = in_threads(batch_cosines, range(0, len(pairs), BATCH), threads)
    cosines = np.concatenate([np.empty(0, np.float32), *parts])
    return np.minimum(cosines, 1.0).astype(np.float32)


def _relations() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """How orientations follow each other.

    Returns:
        uint8 (8, 8): in which orientation a picture looks like another, when it looks in
        orientation i as the other looks in orientation j; and uint8 (8,): the way back of each.
    """
    probe = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    looks = [oriented(probe, orientation + 1) for orientation in range(ORIENTATIONS)]

    def which(picture: Pixels) -> int:
        return next(place for place, look in enumerate(looks) if np.array_equal(picture, look))

    codes = range(1, ORIENTATIONS + 1)
    after = np.array([[which(oriented(look, code)) for code in codes] for look in looks], np.uint8)
    inverse = np.argmax(after == _UPRIGHT, axis=1).astype(np.uint8)
    return after[:, inverse], inverse


_FROM_TO, _INVERSE = _relations()
