"""Stage list_items."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from imgvet.annotations.schema import Annotations
from imgvet.crops.cutter import Cutter, cut_key
from imgvet.crops.listing import NO_BOXES, annotated
from imgvet.options import SourceOptions
from imgvet.reasons import Reason
from imgvet.sources.inputs import list_items as list_source_items
from imgvet.sources.listing import with_digests
from imgvet.store.files import FILE_COLUMNS
from imgvet.store.packs import DIGEST
from imgvet.store.references import Reference, store_arrow
from imgvet.tables import to_frame
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import uncached_stage
from imgvet.tasks.shards import Plan, plan


class Listed(BaseModel):
    """What was listed: the listing, and the files that have to be read."""

    model_config = ConfigDict(frozen=True)

    listing: Reference
    to_read: Plan


@uncached_stage
def list_items(
    context: RunContext,
    options: SourceOptions,
    listing: pa.Table | None,
    annotations: Annotations | None,
    cutter: Cutter | None,
) -> Listed:
    """List the items, and plan reading those whose content is not known and measured.

    Args:
        context: where the run happens.
        options: what to analyse.
        listing: the items, if they were listed when the request was checked.
        annotations: what is known of the images, None if nothing is.
        cutter: how pictures are cut, None if whole ones are analysed.
    """
    work, store = context.work, context.store
    if listing is None:
        listing = list_source_items(options, work)
    listing = with_digests(listing, store.files.load())
    listing = annotated(listing, options, annotations, cutter)
    rows, columns = to_frame(listing), list(FILE_COLUMNS)
    done = rows["status"] != Reason.OK.value
    if cutter is None:
        done |= rows[DIGEST].isin(store.measures.digests())
    else:
        known, columns = store.cuts.digests(), [*columns, "cut"]
        nothing_to_cut = [
            cut == NO_BOXES or (isinstance(digest, str) and cut_key(digest, cut) in known)
            for digest, cut in zip(rows[DIGEST], rows["cut"], strict=True)
        ]
        done |= pd.Series(nothing_to_cut, rows.index, dtype=bool)
    to_read = plan(work, "compute_stats", rows, done, columns)
    return Listed(listing=store_arrow(work, "listing", listing), to_read=to_read)
