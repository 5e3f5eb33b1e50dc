"""Stage list_items."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from imgvet.media.reasons import Reason
from imgvet.options import SourceOptions
from imgvet.sources.listing import list_items as list_source_items
from imgvet.store.files import FILE_COLUMNS
from imgvet.store.references import Reference, store_arrow
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import uncached_stage
from imgvet.tasks.shards import Plan, plan


class Listed(BaseModel):
    """What was listed: the listing, and the files that have to be read."""

    model_config = ConfigDict(frozen=True)

    listing: Reference
    to_read: Plan


@uncached_stage
def list_items(context: RunContext, options: SourceOptions) -> Listed:
    """List the items, and plan reading those whose content is not known and measured."""
    listing = list_source_items(options, context.store.files.load(), context.work)
    rows = listing.to_pandas()
    measured = rows["digest"].isin(context.store.measures.digests())
    pending = rows[(rows["status"] == Reason.OK.value) & ~measured]
    return Listed(
        listing=store_arrow(context.work, "listing", listing),
        to_read=plan(
            context.work, "compute_stats", pending, list(FILE_COLUMNS), len(rows) - len(pending)
        ),
    )
