"""Stage find_rotated_duplicates: copies that hashes find and embeddings hardly do, as neighbours.

Embeddings hardly see that a picture is another one rotated by 90 degrees. Its orientation hash
(:mod:`imgvet.images.orientation_hash`) tells the hashes of all eight orientations, so candidates
are pairs whose hashes nearly agree in different orientations. The pictures that candidates connect
are then shown in one orientation, that of most of them; those that are rotated are embedded again,
once each and for later runs too, and the similarity of a candidate is the one between these two.

Candidates are found without comparing all pairs, by what multi-index hashing does for one
orientation: short pieces of a hash become keys, and pictures that share a key are compared. A
piece here holds coefficients and their transposed counterparts, so that the least of its values in
eight orientations is the same for all rotated copies: one sort of the keys replaces eight searches.
Each key compares a window of pictures, so that the frames of a still video take linear time too;
with faiss.IndexBinaryMultiHash their time grows with the square of their number.

Embeddings of forms, or of other pictures of one layout, may tell a JPEG copy from its original
better than two forms: the picture whose hash is nearest as it is becomes a neighbour as well.

Source: M. Norouzi, A. Punjani, D. Fleet: "Fast Exact Search in Hamming Space with Multi-Index
Hashing", IEEE TPAMI 36 (2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse.csgraph import breadth_first_order

from imgvet.embedding.compute import collect_embeddings, embed
from imgvet.images.orientation_hash import (
    HASH,
    HASH_BYTES,
    HASH_QUALITY,
    ORIENTATIONS,
    PAIR_BYTES,
    RELIABLE_QUALITY,
    hash_in_orientation,
)
from imgvet.images.picture import Pixels, decode_thumbnail, oriented
from imgvet.measures.collect import rows_of
from imgvet.models.model import Model
from imgvet.progress import Progress
from imgvet.similarity.distances import Metric, Rows, Vectors, blocks
from imgvet.similarity.pairs import families_of, graph_of
from imgvet.store.compact import mark_used, today
from imgvet.store.packs import DIGEST, Thumbnails
from imgvet.store.store import Store
from imgvet.tables import NEIGHBORS

STAGE = "find_rotated_duplicates"
VERSION = 4

MAX_DISTANCE = 48
"""Bits of 256 in which the hashes of a candidate may differ. Measured on 300 photographs: rotated
copies at JPEG quality 50 or at half size differ in at most 16, overexposed ones in at most 48;
different photographs, in the best of eight orientations, in at least 88."""

MAX_UPRIGHT_DISTANCE = 32
"""The same for copies that are not rotated. Copies of forms at JPEG quality 40 or at 0.6 of their
size differ in at most 22, forms filled in differently in at least 38."""

CANDIDATES = 4
"""Candidates kept for each picture, nearest first, like its nearest neighbours."""

_WINDOW, _UPRIGHT_WINDOW = 64, 16
"""Pictures are compared with so many next ones in order of a key: linear time, whatever the data.
"""

_EVERYDAY_SIZE, _LARGE_SIZE = 200_000, 5_000_000
_PAIRS_AT_ONCE = 4096
_PAIR = ["first", "second"]
_Bytes = NDArray[np.uint8]


def find_rotated_duplicates(
    neighbors: pd.DataFrame,
    contents: pd.DataFrame,
    vectors: Vectors,
    store: Store,
    model: Model,
    metric: Metric,
    threads: int,
) -> pd.DataFrame:
    """The table neighbors with the pairs whose hashes may be those of copies, rotated or upright.

    Rotated pictures are embedded again from their thumbnails, so that similarity means what that of
    any pair does. A pair that was found before keeps the greater one. The contents' embeddings,
    float32 (n, width), are L2-normalised, or zeros, which join no pair; the metric is by cosine or
    euclidean distance.
    """
    digests = contents[DIGEST].tolist()
    known = rows_of(digests, store.measures, [DIGEST, HASH, HASH_QUALITY]).dropna()
    known = known.drop_duplicates(DIGEST).set_index(DIGEST).loc[digests]
    hashes = np.frombuffer(b"".join(known[HASH]), np.uint8).reshape(-1, HASH_BYTES)
    quality, telling = known[HASH_QUALITY].to_numpy(np.int64), (vectors != 0).any(axis=1)
    pairs, upright = (
        those[telling[those["first"]] & telling[those["second"]]]
        for those in (find_rotated_pairs(hashes, quality), find_upright_pairs(hashes, quality))
    )
    if pairs.empty and upright.empty:
        return neighbors
    rotated = rotated_cosines(
        pairs,
        vectors,
        lambda rows, turns: _embedded([digests[row] for row in rows], turns, store, model, threads),
    )
    one, other = (vectors[upright[end]] for end in _PAIR)
    cosines = np.concatenate([rotated, np.einsum("nd,nd->n", one, other).clip(-1, 1)])
    pairs = pd.concat([pairs[_PAIR], upright])
    distances = 1.0 - cosines.astype(np.float64)
    if metric.distance == "euclidean":
        distances = np.sqrt(np.maximum(2 * distances, 0.0))
    ids = contents["id"].to_numpy(np.int64)
    found = pd.DataFrame({"from": ids[pairs["first"]], "to": ids[pairs["second"]]})
    found["similarity"] = metric.similarity(distances)
    back = found.rename(columns={"from": "to", "to": "from"})
    joined = pd.concat([neighbors, found, back], ignore_index=True)
    order = ["from", "similarity", "to"]
    joined = joined.sort_values(order, ascending=[True, False, True], ignore_index=True)
    return joined.drop_duplicates(["from", "to"], ignore_index=True)[NEIGHBORS.column_names]


def _embedded(
    digests: Sequence[str], turns: _Bytes, store: Store, model: Model, threads: int
) -> Vectors:
    """Embeddings of thumbnails in other orientations; they are kept among those of the model."""
    keys = [f"{digest}.{turn}" for digest, turn in zip(digests, turns, strict=True)]
    packs = store.embeddings(model.card.digest)
    held = packs.digests()
    missing = [key for key in keys if key not in held]
    if missing:
        thumbnails = Thumbnails(store.measures)

        def read(key: str) -> Pixels:
            digest, turn = key.split(".")
            return oriented(decode_thumbnail(thumbnails.read(digest) or b""), int(turn) + 1)

        before = Progress(STAGE, 0, len(missing))
        embed(missing, read, store, model, threads=threads, before=before)
    mark_used(store.work, keys, today())
    return collect_embeddings(keys, packs, model.card.width)


def find_rotated_pairs(
    hashes: _Bytes, quality: NDArray[np.integer], limit: int = CANDIDATES
) -> pd.DataFrame:
    """Candidates for rotated or flipped copies, from orientation hashes, uint8 (n, 32).

    Those below :data:`RELIABLE_QUALITY` are left out, and a pair that is not among the ``limit``
    nearest of one of its pictures. Of the rows ``first`` and ``second``, first < second and in this
    order, the first, shown in ``orientation`` (1 to 7), looks like the second; ``distance`` counts
    the bits of 256 in which the hashes differ.
    """
    usable = np.flatnonzero(np.asarray(quality) >= RELIABLE_QUALITY)
    data = np.ascontiguousarray(hashes[usable], np.uint8).reshape(-1, HASH_BYTES)
    nobody = np.empty(0, np.int64)
    bits = np.empty(0, np.uint8)
    found = [part for piece in range(PAIR_BYTES) for part in _pairs_sharing(data, piece)]
    columns = map(np.concatenate, zip((nobody, nobody, bits, bits), *found, strict=True))
    pairs = pd.DataFrame(dict(zip([*_PAIR, "orientation", "distance"], columns, strict=True)))
    pairs = pairs.sort_values([*_PAIR, "distance", "orientation"])
    pairs = _nearest(pairs.drop_duplicates(_PAIR, ignore_index=True), limit)
    return pairs.assign(first=usable[pairs["first"]], second=usable[pairs["second"]])


def find_upright_pairs(hashes: _Bytes, quality: NDArray[np.integer]) -> pd.DataFrame:
    """Of each picture that whose orientation hash, uint8 (n, 32), is nearest as it is.

    The rows ``first`` and ``second``, first < second and in this order. Hashes below
    :data:`RELIABLE_QUALITY` are left out, and those that differ in too many bits. Compared are
    those that lie close together when all are sorted by one piece after another.
    """
    usable = np.flatnonzero(np.asarray(quality) >= RELIABLE_QUALITY)
    data = np.ascontiguousarray(hashes[usable], np.uint8).reshape(-1, HASH_BYTES)
    words, least = data.view(np.uint64), np.full(len(data), MAX_UPRIGHT_DISTANCE + 1)
    nearest = np.full(len(data), -1, np.int64)
    for piece in range(PAIR_BYTES):
        order = np.lexsort((*words.T, data[:, piece + PAIR_BYTES], data[:, piece]))
        shown = words[order]
        for step in range(1, min(_UPRIGHT_WINDOW + 1, len(order))):
            differing = np.bitwise_count(shown[step:] ^ shown[:-step])
            distance = differing.sum(axis=1, dtype=np.int64)
            near = np.flatnonzero(distance <= MAX_UPRIGHT_DISTANCE)
            one, other, distance = order[near + step], order[near], distance[near]
            for row, mate in ((one, other), (other, one)):
                nearer = distance < least[row]
                least[row[nearer]], nearest[row[nearer]] = distance[nearer], mate[nearer]
    found = np.flatnonzero(nearest >= 0)
    ends = np.sort(np.column_stack([usable[found], usable[nearest[found]]]), axis=1)
    return pd.DataFrame(ends, columns=_PAIR).drop_duplicates().sort_values(_PAIR)


def _pairs_sharing(data: _Bytes, piece: int) -> Iterator[tuple[Rows, Rows, _Bytes, _Bytes]]:
    """Pairs whose hashes share one piece, and nearly agree in the orientations that it says.

    They are the columns of :func:`find_rotated_pairs`, some rows at a time.
    """
    keys, shown_in = _least_keys(data, piece)
    # By key, then such that the orientations within a key take turns: among thousands of nearly
    # equal pictures the window of each then holds rotated ones, too.
    turn = pd.DataFrame({"key": keys, "shown_in": shown_in}).groupby(["key", "shown_in"]).cumcount()
    order = np.lexsort((shown_in, turn, keys)).astype(np.int64)
    keys, shown_in = keys[order], shown_in[order]
    shown = np.empty_like(data)
    for orientation in range(ORIENTATIONS):
        chosen = shown_in == orientation
        shown[chosen] = hash_in_orientation(data[order[chosen]], orientation)
    words = shown.view(np.uint64)
    for step in range(1, min(_WINDOW + 1, len(order))):
        same = keys[step:] == keys[:-step]
        if not same.any():
            return
        left = np.flatnonzero(same & (shown_in[step:] != shown_in[:-step]))
        differing = np.bitwise_count(words[left] ^ words[left + step])
        distance = differing.sum(axis=1, dtype=np.int64)
        left, distance = left[distance <= MAX_DISTANCE], distance[distance <= MAX_DISTANCE]
        orientation = _FROM_TO[shown_in[left], shown_in[left + step]]
        one, other = order[left], order[left + step]
        orientation = np.where(one < other, orientation, _INVERSE[orientation])
        yield np.minimum(one, other), np.maximum(one, other), orientation, distance.astype(np.uint8)


def _least_keys(data: _Bytes, piece: int) -> tuple[NDArray[np.uint64], _Bytes]:
    """The least value of a piece in eight orientations, and the orientation that gives it."""
    # More bits of each half for large sets, so that few pictures share a key.
    bits = 8 if len(data) <= _EVERYDAY_SIZE else 10 if len(data) <= _LARGE_SIZE else 12
    keys = np.empty((ORIENTATIONS, len(data)), np.uint64)
    for orientation in range(ORIENTATIONS):
        pairs = hash_in_orientation(data, orientation)[:, : 2 * PAIR_BYTES]
        halves = pairs.reshape(-1, 2, PAIR_BYTES)[:, :, [piece, (piece + 1) % PAIR_BYTES]]
        values = halves.astype(np.uint64) @ np.array([256, 1], np.uint64) >> np.uint64(16 - bits)
        keys[orientation] = values[:, 0] << np.uint64(bits) | values[:, 1]
    return keys.min(axis=0), keys.argmin(axis=0).astype(np.uint8)


def _nearest(pairs: pd.DataFrame, limit: int) -> pd.DataFrame:
    """The pairs that are among the ``limit`` nearest of one of their rows."""
    back = pairs.rename(columns={"first": "second", "second": "first"})
    ends = pd.concat([pairs, back]).sort_values(["first", "distance", "second"])
    kept = ends.groupby("first").head(limit).index.unique().sort_values()
    return pairs.loc[kept].reset_index(drop=True)


def rotated_cosines(
    pairs: pd.DataFrame, vectors: Vectors, embedded: Callable[[Rows, _Bytes], Vectors]
) -> Vectors:
    """Cosine of each pair, (m,), -1..1, after both were shown in the same orientation.

    Where the pictures are more alike as they are it is the cosine of that. A family of m pictures
    takes m - 1 embeddings at most. ``embedded`` gives those of some rows in orientations of theirs,
    L2-normalised as in ``vectors``, float32 (n, width).
    """
    rows, ends = np.unique(pairs[_PAIR].to_numpy(np.int64), return_inverse=True)
    ends = ends.reshape(-1, 2)
    turns = shared_orientations(ends, pairs["orientation"].to_numpy(), len(rows))
    turned = np.flatnonzero(turns)
    straight = np.asarray(vectors[rows], np.float32)
    shown = straight.copy()
    if len(turned):
        shown[turned] = embedded(rows[turned], turns[turned])
    cosines = np.empty((2, len(ends)), np.float32)
    for part in blocks(len(ends), _PAIRS_AT_ONCE):
        one, other = ends[part].T
        for those, found in zip((shown, straight), cosines, strict=True):
            found[part] = np.einsum("nd,nd->n", those[one], those[other])
    return np.clip(cosines.max(axis=0), -1.0, 1.0)


def shared_orientations(ends: NDArray[np.int64], orientation: _Bytes, count: int) -> _Bytes:
    """The orientation in which to show each of ``count`` pictures so that families look alike.

    It is 0, as it is, for most of each family. Of the pictures of a candidate, ``ends`` (m, 2), the
    first, shown in its ``orientation`` (m,), looks like the second. Where candidates contradict
    each other, as they may if a picture is symmetric, a spanning tree of them counts.
    """
    root = count  # is linked to the first picture of each family, so that one search reaches all
    families = families_of(ends, count)
    firsts = np.unique(families, return_index=True)[1]
    links = np.column_stack([np.full(len(firsts), root), firsts])
    graph = graph_of(np.concatenate([ends, links]), count + 1)
    order, before = breadth_first_order(graph, root, directed=False)
    ways = {(a, b): way for (a, b), way in zip(ends.tolist(), orientation.tolist(), strict=True)}
    # In which orientation each picture looks like the first of its family.
    looks = np.zeros(count, np.int64)
    for one in order[1:].tolist():
        other = int(before[one])
        if other != root:
            way = ways[one, other] if (one, other) in ways else _INVERSE[ways[other, one]]
            looks[one] = _FROM_TO[way, _INVERSE[looks[other]]]
    votes = np.zeros((int(families.max(initial=-1)) + 1, ORIENTATIONS), np.int64)
    np.add.at(votes, (families, looks), 1)
    return _FROM_TO[looks, votes.argmax(axis=1)[families]]


def _relations() -> tuple[_Bytes, _Bytes]:
    """In which orientation a picture looks like another, (8, 8), and the way back of each, (8,).

    That is, when it looks in orientation i as the other looks in orientation j.
    """
    probe = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    codes = range(1, ORIENTATIONS + 1)
    looks = [oriented(probe, code).tolist() for code in codes]
    after = np.array(
        [[looks.index(oriented(np.array(look, np.uint8), code).tolist()) for code in codes]
         for look in looks], np.uint8,
    )  # fmt: skip
    inverse = np.argmax(after == 0, axis=1).astype(np.uint8)
    return after[:, inverse], inverse


_FROM_TO, _INVERSE = _relations()
