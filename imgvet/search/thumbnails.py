"""The thumbnails of a run, found by content digest in arrays: a million take 0.1 GB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from imgvet.store.packs import DIGEST
from imgvet.store.store import Store
from imgvet.store.thumbnails import PLACE_COLUMNS, places_in, read_thumbnail
from imgvet.workdir import WorkDir


@dataclass(frozen=True)
class ThumbnailIndex:
    """Where thumbnails lie; may be used from several threads.

    Attributes:
        store: where they are kept.
        digests: content digests, ASCII, sorted.
        rows: the row of ``places`` of each.
        places: pack, offset and size of each thumbnail.
    """

    store: Store
    digests: NDArray[np.bytes_]
    rows: NDArray[np.int64]
    places: pa.Table | None

    @classmethod
    def of(cls, work: WorkDir) -> ThumbnailIndex:
        """The thumbnails of a work dir."""
        store = Store(work)
        places = store.measures.read([name for name in PLACE_COLUMNS if name != "pack"])
        if places is None:
            return cls(store, np.empty(0, "S1"), np.empty(0, np.int64), None)
        digests = np.array(places.column(DIGEST).to_pylist(), np.bytes_)
        order = np.argsort(digests, kind="stable")
        return cls(store, digests[order], order, places)

    def read(self, digest: str) -> bytes | None:
        """JPEG bytes of the thumbnail of a content, None if there is none.

        Raises:
            StaleReferenceError: its pack has been merged or removed since.
        """
        wanted = np.bytes_(digest.encode("ascii", "replace"))
        at = int(np.searchsorted(self.digests, wanted))
        if self.places is None or at == len(self.digests) or self.digests[at] != wanted:
            return None
        place = places_in(self.places.slice(int(self.rows[at]), 1))[0]
        return read_thumbnail(self.store.measures, place) if place.size else None
