"""Stage compute_advanced_stats: measure thumbnails, without reading an original."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from imgvet.images.measure import measure_advanced
from imgvet.images.standard_size import decode_thumbnail
from imgvet.progress import tracked
from imgvet.store.packs import DIGEST
from imgvet.store.store import ADVANCED_SCHEMA, Store
from imgvet.store.thumbnails import ThumbnailPlace, read_thumbnail
from imgvet.threads import in_threads

STAGE = "compute_advanced_stats"


def measure_thumbnails(
    places: Sequence[ThumbnailPlace], store: Store, threads: int, done_before: int, total: int
) -> None:
    """Measure one shard of thumbnails and write its pack.

    Args:
        places: where the thumbnails of the shard lie.
        store: where packs are kept.
        threads: how many thumbnails are measured at a time.
        done_before: thumbnails in the shards before this one, for the progress.
        total: thumbnails in all shards, for the progress.
    """

    def row(place: ThumbnailPlace) -> dict[str, object]:
        pixels = decode_thumbnail(read_thumbnail(store.measures, place))
        return {DIGEST: place.digest, **measure_advanced(pixels)}

    rows = list(tracked(in_threads(row, places, threads), STAGE, done_before, total))
    store.advanced.write(pa.Table.from_pylist(rows, schema=ADVANCED_SCHEMA))
