"""The stages that compute something of each content: metrics, crops, embeddings; their tables."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from imgvet.crops.cutter import Cutter
from imgvet.curation.decisions import Decisions
from imgvet.embedding import compute, user_embeddings
from imgvet.embedding.user_embeddings import UserEmbeddingsReference
from imgvet.measures import collect
from imgvet.measures.compute_stats import cutting, measure_files, measure_thumbnails
from imgvet.models import calibrate
from imgvet.models.model import Model, ModelCard
from imgvet.options import MediaOptions, StatsOptions, VideoOptions
from imgvet.parameters import Frozen
from imgvet.sources.reading import Reader
from imgvet.store.compact import mark_used, today
from imgvet.store.files import FILE_COLUMNS, files_in
from imgvet.store.packs import DIGEST, PLACE_COLUMNS, places_in
from imgvet.store.references import (
    Reference,
    resolve,
    store_array,
    store_arrow,
    store_file,
    write_scattered,
)
from imgvet.tables import CONTENTS, CROPS, INVALID, ITEMS, STATS
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage, transport_stage, uncached_stage
from imgvet.tasks.shards import Plan, Shard, computed_anywhere, plan


class ItemOptions(Frozen):
    """What decides which contents are items, and what is computed of them.

    There is no cutter of whole images, and no card of a model of user embeddings.
    """

    media: MediaOptions
    stats: StatsOptions
    cutter: Cutter | None = None
    card: ModelCard | None = None
    decisions: Decisions = Decisions()
    """What a person decided, of which labels take the place of those that are given."""


class CollectedItems(Frozen):
    """References to tables, and the contents still to be computed.

    Of crops how many images were cut, and how many of these gave none. Splits and labels are how
    many different ones valid items have.
    """

    tables: dict[str, Reference]
    """Those of a run: items, invalid, and of crops crops."""
    contents: Reference
    to_embed: Plan
    to_measure: Plan
    sources: int | None = None
    without_crops: int | None = None
    splits: int = 0
    labels: int = 0


@transport_stage
@computed_anywhere
def compute_stats(context: RunContext, videos: VideoOptions, shard: Shard) -> Reference:
    """Read, decode and measure one shard of files; items are cached one by one, in packs."""
    files = files_in(context.table(shard.rows))
    reads = measure_files(files, context.store, videos, context.threads, shard.before)
    return store_arrow(context.work, "reads", reads)


@transport_stage
@computed_anywhere
def compute_crops(
    context: RunContext, videos: VideoOptions, cutter: Cutter, shard: Shard
) -> Reference:
    """Read and decode one shard of pictures, cut them, and measure their crops."""
    rows = context.table(shard.rows)
    cuts = dict(zip(files_in(rows), rows["cut"], strict=True))
    how = (context.store, videos, context.threads, shard.before)
    reads = measure_files(list(cuts), *how, cutting(cuts, cutter))
    return store_arrow(context.work, "reads", reads)


@uncached_stage
def collect_items(
    context: RunContext, listing: Reference, reads: list[Reference], options: ItemOptions
) -> CollectedItems:
    """Put listing and measures together, and plan what the thumbnails are needed for.

    All contents are marked as used, so that the store keeps them.
    """
    work, store = context.work, context.store
    read_rows = [pq.read_table(resolve(work, part)) for part in reads]
    rows = collect.with_reads(pq.read_table(resolve(work, listing)), read_rows)
    cropped = collect.crops_of(rows, store) if options.cutter is not None else None
    items = rows if cropped is None else cropped.rows
    tables = collect.item_tables(items, store, options.media)
    tables.items["label"] = options.decisions.corrected(tables.items)
    wanted = tables.contents if options.stats.run_advanced_stats else tables.contents.iloc[:0]
    measured = store.advanced.hold(wanted[DIGEST])
    valid = tables.items[tables.items["embedding_row"].notna()]
    keys = [] if cropped is None else [*cropped.keys, *items[DIGEST].dropna()]
    mark_used(work, [*rows[DIGEST].dropna(), *keys], today())
    made = {ITEMS: tables.items, INVALID: tables.invalid}
    if cropped is not None:
        made[CROPS] = cropped.crops
    return CollectedItems(
        tables={table.name: context.save(table, frame) for table, frame in made.items()},
        contents=context.save(CONTENTS, tables.contents),
        to_embed=_to_embed(context, items, tables.contents, options.card),
        to_measure=plan(work, "compute_advanced_stats", wanted, measured, PLACE_COLUMNS),
        sources=None if cropped is None else len(rows),
        without_crops=None if cropped is None else cropped.without,
        splits=valid["split"].nunique(),
        labels=valid["label"].nunique(),
    )


def _to_embed(
    context: RunContext, items: pd.DataFrame, contents: pd.DataFrame, card: ModelCard | None
) -> Plan:
    """The contents that the model has not embedded yet; none without a model."""
    columns = list(PLACE_COLUMNS)
    if card is None:
        return Plan(shards=(), pending=0, stored=0)
    if card.wants_originals:
        contents = contents.merge(items[list(FILE_COLUMNS)], on="id")
        columns += FILE_COLUMNS
    done = context.store.embeddings(card.digest).hold(contents[DIGEST])
    return plan(context.work, "embed", contents, done, columns)


@transport_stage
@computed_anywhere
def compute_advanced_stats(context: RunContext, shard: Shard) -> None:
    """Measure one shard of thumbnails; items are cached one by one, in packs."""
    places = places_in(context.table(shard.rows))
    measure_thumbnails(places, context.store, context.threads, shard.before)


@cached_stage(collect.VERSION)
def collect_stats(context: RunContext, items: Reference, options: StatsOptions) -> Reference:
    """The table stats."""
    return context.save(STATS, collect.stats_table(context.table(items), context.store, options))


@transport_stage
@computed_anywhere
def embed(context: RunContext, model: Model, videos: VideoOptions, shard: Shard) -> None:
    """Embed one shard of contents; items are cached one by one, in packs."""
    rows = context.table(shard.rows)
    read = compute.thumbnail_reader(places_in(rows), context.store)
    if model.card.wants_originals:
        files = dict(zip(rows[DIGEST], files_in(rows), strict=True))
        read = compute.original_reader(files, Reader(context.work, videos), read)
    how = (context.store, model, context.threads, shard.before)
    compute.embed(rows[DIGEST].tolist(), read, *how)


@cached_stage(compute.VERSION)
def collect_embeddings(context: RunContext, contents: Reference, card: ModelCard) -> Reference:
    """The array of embeddings, row i being that of row i of the distinct contents."""
    digests = context.table(contents)[DIGEST].tolist()
    packs = context.store.embeddings(card.digest)
    parts = compute.embeddings_in(packs, digests, card.width)
    write = partial(write_scattered, parts, (len(digests), card.width))
    return store_file(context.work, "embeddings", ".npy", write)


@cached_stage(user_embeddings.VERSION)
def collect_user_embeddings(
    context: RunContext, items: Reference, given: UserEmbeddingsReference
) -> Reference:
    """The array of user embeddings, row i being that of row i of the distinct contents."""
    rows = context.table(items)
    vectors = user_embeddings.match_user_embeddings(given.load(), rows, given.folders)
    return store_array(context.work, "embeddings", np.ascontiguousarray(vectors))


@cached_stage(calibrate.VERSION)
def estimate_scale(context: RunContext, embeddings: Reference) -> float | None:
    """The scale of similarity of a model of which none was measured, None if they can't tell."""
    return calibrate.scale_of(np.asarray(context.array(embeddings)))
