"""Stage find_turned_copies: mirrored and turned copies, added to the nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.embedding.compute import embed_pictures
from imgvet.images.orientation_hash import HASH_BYTES
from imgvet.images.picture import Pixels
from imgvet.images.standard_size import decode_thumbnail
from imgvet.models.model import Model
from imgvet.similarity.distances import Metric
from imgvet.similarity.turned import find_turned_pairs, turned_cosines
from imgvet.store.packs import DIGEST
from imgvet.store.store import HASH, HASH_QUALITY, Store
from imgvet.store.thumbnails import all_places, read_thumbnail
from imgvet.tables import NEIGHBORS

PAIR = ["from", "to"]


@dataclass(frozen=True)
class Upright:
    """What has been found without turning.

    Attributes:
        neighbors: the table neighbors.
        contents: the table contents.
        vectors: float32 (n, width), L2-normalised embeddings of the contents; those of zeros join
            no pair.
    """

    neighbors: pd.DataFrame
    contents: pd.DataFrame
    vectors: NDArray[np.float32]


def with_turned_copies(
    found: Upright, store: Store, model: Model, metric: Metric, threads: int
) -> pd.DataFrame:
    """The table neighbors with the pairs of which one is a mirrored or turned copy of the other.

    Each candidate is embedded again from its thumbnail, turned upright to the other, so that its
    similarity means what that of any pair does. A pair that was found before keeps the greater one.

    Args:
        found: what has been found without turning.
        store: holds hashes and thumbnails.
        model: the model that the embeddings are of.
        metric: how embeddings are compared: cosine or euclidean.
        threads: how many batches are embedded at a time.
    """
    contents = found.contents
    hashes, quality = _hashes(contents[DIGEST].tolist(), store)
    pairs = find_turned_pairs(hashes, quality)
    telling = (found.vectors != 0).any(axis=1)
    pairs = pairs.take(telling[pairs.first] & telling[pairs.second])
    if not len(pairs):
        return found.neighbors
    places, digests = all_places(store.measures), contents[DIGEST].tolist()

    def read(row: int) -> Pixels:
        return decode_thumbnail(read_thumbnail(store.measures, places[digests[row]]))

    def embed(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        return embed_pictures(pictures, model)

    cosines = turned_cosines(pairs, found.vectors, read, embed, threads)
    ids = contents["id"].to_numpy(np.int64)
    similarity = metric.similarity(_distances(cosines, metric))
    return _merged(found.neighbors, ids[pairs.first], ids[pairs.second], similarity)


def _hashes(digests: list[str], store: Store) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The orientation hashes of contents: uint8 (n, 32) and their qualities."""
    row_of = {digest: row for row, digest in enumerate(digests)}
    found: set[str] = set()
    hashes = np.zeros((len(digests), HASH_BYTES), np.uint8)
    quality = np.zeros(len(digests), np.int64)
    for rows in store.measures.tables([DIGEST, HASH, HASH_QUALITY]):
        known = rows.drop_null()
        names = known[DIGEST].to_pylist()
        found.update(names)
        places = np.array([row_of.get(name, -1) for name in names], np.int64)
        bits = b"".join(known[HASH].to_pylist())
        values = np.frombuffer(bits, np.uint8).reshape(-1, HASH_BYTES)
        hashes[places[places >= 0]] = values[places >= 0]
        quality[places[places >= 0]] = known[HASH_QUALITY].to_numpy()[places >= 0]
    store.measures.require(digests, found)
    return hashes, quality


def _distances(cosines: NDArray[np.float32], metric: Metric) -> NDArray[np.float64]:
    exact = 1.0 - np.asarray(cosines, np.float64)
    return np.sqrt(np.maximum(2 * exact, 0.0)) if metric.distance == "euclidean" else exact


def _merged(
    neighbors: pd.DataFrame,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    similarity: NDArray[np.float64],
) -> pd.DataFrame:
    """The table with pairs in both directions, each once with its greatest similarity."""
    turned = pd.DataFrame(
        {
            "from": np.concatenate([first, second]),
            "to": np.concatenate([second, first]),
            "similarity": np.concatenate([similarity, similarity]),
        }
    )
    joined = pd.concat([neighbors, turned], ignore_index=True)
    order = ["from", "similarity", "to"]
    joined = joined.sort_values(order, ascending=[True, False, True], ignore_index=True)
    return joined.drop_duplicates(PAIR, ignore_index=True)[NEIGHBORS.column_names]
