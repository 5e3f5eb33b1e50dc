"""Stage embed, and the array made of its results."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from imgvet.embedding.compute import collect_embeddings as collect_vectors
from imgvet.embedding.compute import embed as embed_shard
from imgvet.embedding.model import ModelCard, load_model
from imgvet.store.packs import DIGEST
from imgvet.store.references import Reference, load_table, store_array
from imgvet.store.thumbnails import places_in
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage, uncached_stage
from imgvet.tasks.shards import Shard


class ModelChoice(BaseModel):
    """Which model embeds: its folder and its card."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    card: ModelCard


@uncached_stage
def embed(context: RunContext, model: ModelChoice, shard: Shard) -> None:
    """Embed one shard of thumbnails; items are cached one by one, in packs."""
    places = places_in(load_table(context.work, shard.rows))
    embed_shard(
        places,
        context.store,
        load_model(model.folder),
        context.threads,
        shard.done_before,
        shard.total,
    )


@cached_stage(version=1)
def collect_embeddings(context: RunContext, contents: Reference, card: ModelCard) -> Reference:
    """The array of embeddings, row i being that of row i of the distinct contents."""
    digests = load_table(context.work, contents)[DIGEST].tolist()
    vectors = collect_vectors(digests, context.store.embeddings(card.sha256), card.width)
    return store_array(context.work, "embeddings", vectors)
