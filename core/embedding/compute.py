"""Stage embed: one embedding for each distinct valid content, computed from its thumbnail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from imgvet.embedding.model import Model, open_session
from imgvet.media.thumbnail import decode_thumbnail
from imgvet.progress import tracked
from imgvet.store.packs import DIGEST, Packs
from imgvet.store.store import Store, embeddings_schema
from imgvet.store.thumbnails import ThumbnailPlace, read_thumbnail
from imgvet.threads import in_threads

STAGE = "embed"
BATCH = 8
"""Pictures in one run of the model; larger batches gain nothing on a processor."""

Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]


def embed_pictures(pictures: Sequence[Pixels], model: Model) -> Vectors:
    """Embeddings of pictures (RGB, uint8, any size), float32 of shape (n, width), L2-normalised."""
    size = model.card.input_size
    inputs = np.empty((len(pictures), size, size, 3), np.uint8)
    for row, picture in enumerate(pictures):
        cv2.resize(picture, (size, size), dst=inputs[row], interpolation=cv2.INTER_LINEAR)
    session = open_session(model.path)
    (vectors,) = session.run(None, {session.get_inputs()[0].name: inputs})
    return np.asarray(vectors, np.float32)


def embed(
    places: Sequence[ThumbnailPlace],
    store: Store,
    model: Model,
    threads: int,
    done_before: int,
    total: int,
) -> None:
    """Embed one shard of contents and write its pack.

    Args:
        places: where their thumbnails lie.
        store: where packs are kept.
        model: the embedding model.
        threads: how many batches are computed at a time.
        done_before: contents in the shards before this one, for the progress.
        total: contents in all shards, for the progress.
    """

    def batch_vectors(batch: Sequence[ThumbnailPlace]) -> Vectors:
        pictures = [decode_thumbnail(read_thumbnail(store.measures, place)) for place in batch]
        return embed_pictures(pictures, model)

    vectors = chain.from_iterable(in_threads(batch_vectors, _batches(places), threads))
    done = np.stack(list(tracked(vectors, STAGE, done_before, total)))
    store.embeddings(model.card.sha256).write(_rows([place.digest for place in places], done))


def _batches(places: Sequence[ThumbnailPlace]) -> Iterator[Sequence[ThumbnailPlace]]:
    return (places[start : start + BATCH] for start in range(0, len(places), BATCH))


def _rows(digests: list[str], vectors: Vectors) -> pa.Table:
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    return pa.Table.from_arrays(
        [pa.array(digests), values], schema=embeddings_schema(vectors.shape[1])
    )


def collect_embeddings(digests: Sequence[str], packs: Packs, width: int) -> Vectors:
    """The embeddings of contents, in the order given, float32 of shape (n, width).

    Args:
        digests: contents, each held by some pack.
        packs: the packs of one model.
        width: values of one embedding.
    """
    row_of = {digest: row for row, digest in enumerate(digests)}
    vectors = np.zeros((len(digests), width), np.float32)
    for rows in packs.tables():
        held = [row_of.get(digest, -1) for digest in rows.column(DIGEST).to_pylist()]
        wanted = np.array(held, np.int64)
        values = rows.column("embedding").combine_chunks().flatten().to_numpy().reshape(-1, width)
        vectors[wanted[wanted >= 0]] = values[wanted >= 0]
    return vectors
