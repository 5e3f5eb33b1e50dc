"""Stages that make inputs ready and list them: sync_s3_to_local, extract_archives, list_items."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from imgvet.annotations.schema import Annotations
from imgvet.crops.cutter import Cutter, cut_key
from imgvet.crops.listing import NO_BOXES, annotated
from imgvet.options import FetchOptions, SourceOptions, VideoOptions
from imgvet.parameters import Frozen
from imgvet.progress import tracked
from imgvet.reasons import Reason
from imgvet.sources.inputs import list_items as list_source_items
from imgvet.sources.inputs import mirror
from imgvet.sources.kinds import Kind, kind_of_file
from imgvet.sources.listing import with_digests
from imgvet.sources.reading import containers_in
from imgvet.sources.s3_mirror import SyncReport, remove_downloaded
from imgvet.store.files import FILE_COLUMNS
from imgvet.store.packs import DIGEST
from imgvet.store.references import Reference, store_arrow
from imgvet.tables import to_frame
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import transport_stage, uncached_stage
from imgvet.tasks.shards import Plan, plan
from imgvet.threads import in_threads


@transport_stage
def sync_s3_to_local(
    context: RunContext, name: str, sources: SourceOptions, fetch: FetchOptions, run: str
) -> SyncReport:
    """Mirror the archives and videos of one input and, if asked for, its images.

    ``name`` is a bucket, a folder or an object in it, or a list that names objects; by ``run``
    :func:`remove_mirrored` knows what it downloaded.
    """
    return mirror(name, sources, context.work, run, images=fetch.sync_s3_to_local)


@uncached_stage
def extract_archives(
    context: RunContext, paths: tuple[str, ...], videos: VideoOptions, enough: int | None = None
) -> list[int]:
    """Index archives, unpack those that can't be read in any order, and decode videos.

    What the store already holds of an unchanged file is used again. Paths are absolute, each once,
    in order; where some of them hold ``enough`` items, the rest is left. The result is how many
    items each holds.
    """
    containers = containers_in(context.work, videos, max(1, context.threads // len(paths)))

    def prepare(path: str) -> int:
        return containers[kind_of_file(path)].prepare(Path(path))

    found = in_threads(prepare, paths, context.threads)
    held = []
    for count in tracked(found, "extract_archives", 0, len(paths)):
        held.append(count)
        if enough is not None and sum(held) >= enough:
            break
    return held


@uncached_stage
def remove_mirrored(
    context: RunContext, fetch: FetchOptions, videos: VideoOptions, run: str
) -> int:
    """Remove what this run downloaded, with all that was made of it, and count it."""
    containers = containers_in(context.work, videos)

    def is_wanted(key: str) -> bool:
        return fetch.delete_img if kind_of_file(key) is Kind.IMAGE else fetch.delete_tar

    def forget(path: Path) -> None:
        kind = kind_of_file(path.name)
        if kind in containers and path.exists():
            containers[kind].forget(path)

    return remove_downloaded(context.work.mirror, run, is_wanted, before=forget)


class Listed(Frozen):
    """What was listed: the listing, and the files that have to be read."""

    listing: Reference
    to_read: Plan


@transport_stage
def list_items(
    context: RunContext,
    options: SourceOptions,
    listing: pa.Table | None,
    annotations: Annotations | None,
    cutter: Cutter | None,
) -> Listed:
    """List the items, and plan reading those whose content is not known and measured.

    They may have been listed when the request was checked; without a cutter they are whole images.
    """
    work, store = context.work, context.store
    if listing is None:
        listing = list_source_items(options, work)
    listing = with_digests(listing, store.files.load())
    listing = annotated(listing, options, annotations, cutter)
    rows, columns = to_frame(listing), list(FILE_COLUMNS)
    rows = rows[(rows["status"] == Reason.OK.value) & (rows["cut"] != NO_BOXES)]
    if cutter is None:
        done = store.measures.hold(rows[DIGEST])
    else:
        known, columns = store.cuts.digests(), [*columns, "cut"]
        cuts = zip(rows[DIGEST], rows["cut"], strict=True)
        is_cut = [isinstance(digest, str) and cut_key(digest, cut) in known for digest, cut in cuts]
        done = pd.Series(is_cut, rows.index, dtype=bool)
    to_read = plan(work, "compute_stats", rows, done, columns)
    return Listed(listing=store_arrow(work, "listing", listing), to_read=to_read)
