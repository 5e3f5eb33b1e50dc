"""Stages compute_stats and compute_advanced_stats, and the tables made of what they measured."""

from __future__ import annotations

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from imgvet.measures.catalogue import ADVANCED_VERSION, MEASURE_VERSION
from imgvet.measures.collect import collect_items as collect_item_rows
from imgvet.measures.collect import collect_stats as collect_stat_rows
from imgvet.measures.compute import compute_stats as compute_shard
from imgvet.measures.compute_advanced import compute_advanced_stats as compute_advanced_shard
from imgvet.options import MediaOptions, StatsOptions, VideoOptions
from imgvet.store.files import FileToRead
from imgvet.store.packs import DIGEST
from imgvet.store.references import Reference, load_table, resolve, store_arrow, store_table
from imgvet.store.thumbnails import PLACE_COLUMNS, places_in
from imgvet.tables import CONTENTS, INVALID, ITEMS, STATS
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import cached_stage, transport_stage, uncached_stage
from imgvet.tasks.shards import Plan, Shard, plan


class Collected(BaseModel):
    """References to items, invalid and contents, and the contents still to be computed."""

    model_config = ConfigDict(frozen=True)

    items: Reference
    invalid: Reference
    contents: Reference
    to_embed: Plan
    to_measure: Plan


@transport_stage
def compute_stats(context: RunContext, videos: VideoOptions, shard: Shard) -> Reference:
    """Read, decode and measure one shard of files; items are cached one by one, in packs."""
    rows = load_table(context.work, shard.rows)
    files = [FileToRead(*values) for values in rows.itertuples(index=False)]
    reads = compute_shard(
        files, context.store, videos, context.threads, shard.done_before, shard.total
    )
    return store_arrow(context.work, "reads", reads)


@uncached_stage
def collect_items(
    context: RunContext,
    listing: Reference,
    reads: list[Reference],
    options: MediaOptions,
    stats: StatsOptions,
    model_digest: str,
) -> Collected:
    """Put listing and measures together, and plan what the thumbnails are needed for."""
    work, store = context.work, context.store
    read_rows = [pq.read_table(resolve(work, part)) for part in reads]
    found = collect_item_rows(pq.read_table(resolve(work, listing)), read_rows, store, options)
    embedded = found.contents[DIGEST].isin(store.embeddings(model_digest).digests())
    measured = found.contents[DIGEST].isin(store.advanced.digests()) | (
        not stats.run_advanced_stats
    )
    return Collected(
        items=store_table(work, ITEMS, found.items),
        invalid=store_table(work, INVALID, found.invalid),
        contents=store_table(work, CONTENTS, found.contents),
        to_embed=plan(work, "embed", found.contents[~embedded], PLACE_COLUMNS, int(embedded.sum())),
        to_measure=plan(
            work, "advanced", found.contents[~measured], PLACE_COLUMNS, int(measured.sum())
        ),
    )


@uncached_stage
def compute_advanced_stats(context: RunContext, shard: Shard) -> None:
    """Measure one shard of thumbnails; items are cached one by one, in packs."""
    places = places_in(load_table(context.work, shard.rows))
    compute_advanced_shard(places, context.store, context.threads, shard.done_before, shard.total)


@cached_stage(version=100 * MEASURE_VERSION + ADVANCED_VERSION)
def collect_stats(context: RunContext, items: Reference, options: StatsOptions) -> Reference:
    """The table stats."""
    stats = collect_stat_rows(load_table(context.work, items), context.store, options)
    return store_table(context.work, STATS, stats)
