"""Stage embed, and the array made of its results or of user embeddings."""

from __future__ import annotations

import numpy as np

from imgvet.embedding import compute, user_embeddings
from imgvet.embedding.user_embeddings import UserEmbeddingsReference
from imgvet.models import calibrate
from imgvet.models.model import Model, ModelCard
from imgvet.options import VideoOptions
from imgvet.parameters import Frozen
from imgvet.progress import Progress
from imgvet.sources.reading import Reader
from imgvet.store.files import files_in
from imgvet.store.packs import DIGEST, places_in
from imgvet.store.references import Reference, load_array, load_table, store_array
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage, transport_stage
from imgvet.tasks.shards import Shard, computed_anywhere


class Scale(Frozen):
    """The scale of similarity of the embeddings of a run, None if they can't tell."""

    scale: float | None


@transport_stage
@computed_anywhere
def embed(context: RunContext, model: Model, videos: VideoOptions, shard: Shard) -> None:
    """Embed one shard of contents; items are cached one by one, in packs."""
    rows = load_table(context.work, shard.rows)
    read = compute.thumbnail_reader(places_in(rows), context.store)
    if model.card.wants_originals:
        files = dict(zip(rows[DIGEST], files_in(rows), strict=True))
        read = compute.original_reader(files, Reader(context.work, videos), read)
    compute.embed(
        rows[DIGEST].tolist(),
        read,
        context.store,
        model,
        threads=context.threads,
        before=Progress(compute.STAGE, shard.done_before, shard.total),
    )


@cached_stage(compute.VERSION)
def collect_embeddings(context: RunContext, contents: Reference, card: ModelCard) -> Reference:
    """The array of embeddings, row i being that of row i of the distinct contents."""
    digests = load_table(context.work, contents)[DIGEST].tolist()
    packs = context.store.embeddings(card.digest)
    vectors = compute.collect_embeddings(digests, packs, card.width)
    return store_array(context.work, "embeddings", vectors)


@cached_stage(user_embeddings.VERSION)
def collect_user_embeddings(
    context: RunContext, items: Reference, given: UserEmbeddingsReference
) -> Reference:
    """The array of user embeddings, row i being that of row i of the distinct contents."""
    vectors = user_embeddings.match_user_embeddings(
        given.load(), load_table(context.work, items), given.folders
    )
    return store_array(context.work, "embeddings", np.ascontiguousarray(vectors))


@cached_stage(calibrate.VERSION)
def estimate_scale(context: RunContext, embeddings: Reference) -> Scale:
    """The scale of similarity of a model of which none was measured."""
    return Scale(scale=calibrate.scale_of(np.asarray(load_array(context.work, embeddings))))
