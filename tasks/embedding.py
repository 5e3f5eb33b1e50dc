"""Stage embed, and the array made of its results or of own embeddings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from imgvet.embedding.compute import Pixels, embed_contents
from imgvet.embedding.compute import collect_embeddings as collect_vectors
from imgvet.embedding.compute import embed as embed_thumbnails
from imgvet.embedding.originals import note_missing, read_pixels
from imgvet.embedding.user_embeddings import OwnChoice, match_own, read_own_embeddings
from imgvet.images.picture import Failure
from imgvet.images.standard_size import decode_thumbnail
from imgvet.models.model import Model, ModelCard
from imgvet.options import VideoOptions
from imgvet.sources.reading import Reader
from imgvet.store.files import files_in
from imgvet.store.packs import DIGEST
from imgvet.store.references import Reference, load_table, store_array
from imgvet.store.thumbnails import places_in, read_thumbnail
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage, transport_stage
from imgvet.tasks.shards import Shard


@transport_stage
def embed(context: RunContext, model: Model, videos: VideoOptions, shard: Shard) -> None:
    """Embed one shard of contents; items are cached one by one, in packs."""
    rows = load_table(context.work, shard.rows)
    if model.card.wants_originals:
        _embed_originals(context, model, videos, rows, shard)
    else:
        embed_thumbnails(
            places_in(rows),
            context.store,
            model,
            context.threads,
            shard.done_before,
            shard.total,
        )


def _embed_originals(
    context: RunContext, model: Model, videos: VideoOptions, rows: pd.DataFrame, shard: Shard
) -> None:
    store, reader = context.store, Reader(context.work, videos)
    places = {place.digest: place for place in places_in(rows)}
    files = dict(zip(rows[DIGEST], files_in(rows), strict=True))

    def read(digest: str) -> Pixels:
        pixels = read_pixels(files[digest], reader)
        if isinstance(pixels, Failure):
            note_missing(files[digest], pixels)
            return decode_thumbnail(read_thumbnail(store.measures, places[digest]))
        return pixels

    embed_contents(
        list(files),
        read,
        store,
        model,
        threads=context.threads,
        done_before=shard.done_before,
        total=shard.total,
    )


@cached_stage(version=2)
def collect_embeddings(context: RunContext, contents: Reference, card: ModelCard) -> Reference:
    """The array of embeddings, row i being that of row i of the distinct contents."""
    digests = load_table(context.work, contents)[DIGEST].tolist()
    vectors = collect_vectors(digests, context.store.embeddings(card.digest), card.width)
    return store_array(context.work, "embeddings", vectors)


@cached_stage(version=1)
def collect_own_embeddings(context: RunContext, items: Reference, own: OwnChoice) -> Reference:
    """The array of own embeddings, row i being that of row i of the distinct contents."""
    found = match_own(read_own_embeddings(own.path), load_table(context.work, items), own.folders)
    return store_array(context.work, "embeddings", np.ascontiguousarray(found))
