"""Where thumbnails lie in their packs, and how they are read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from imgvet.errors import StaleReferenceError
from imgvet.store.packs import DIGEST, THUMBNAIL_PLACE, Packs


class ThumbnailPlace(NamedTuple):
    """Where the thumbnail of one content lies: pack, offset and size in bytes."""

    digest: str
    pack: str
    offset: int
    size: int


PLACE_COLUMNS = [DIGEST, "pack", *THUMBNAIL_PLACE]


def places_in(rows: pa.Table | pd.DataFrame) -> list[ThumbnailPlace]:
    """The places in a table with the columns of :data:`PLACE_COLUMNS`."""
    frame = rows if isinstance(rows, pd.DataFrame) else rows.select(PLACE_COLUMNS).to_pandas()
    return list(map(ThumbnailPlace, *(frame[name].tolist() for name in PLACE_COLUMNS)))


def all_places(packs: Packs) -> list[ThumbnailPlace]:
    """Where the thumbnail of each content lies."""
    rows = packs.read([DIGEST, *THUMBNAIL_PLACE])
    return [] if rows is None else places_in(rows)


def read_thumbnail(packs: Packs, place: ThumbnailPlace) -> bytes:
    """JPEG bytes of one thumbnail.

    Raises:
        StaleReferenceError: the pack is gone or shorter than it was.
    """
    try:
        with packs.thumbnails_path(place.pack).open("rb") as stream:
            stream.seek(place.offset)
            data = stream.read(place.size)
    except FileNotFoundError:
        data = b""
    if len(data) != place.size:
        raise StaleReferenceError(
            f"The thumbnails of pack {place.pack} are damaged",
            "Delete the store folder and run again",
        )
    return data


class Thumbnails:
    """Reads thumbnails by content digest; may be used from several threads.

    Their places are kept in arrays: those of a million take 0.1 GB.
    """

    def __init__(self, packs: Packs) -> None:
        self._packs = packs
        rows = packs.read([DIGEST, *THUMBNAIL_PLACE])
        self._places = pa.table({DIGEST: []}) if rows is None else rows.sort_by(DIGEST)
        self._digests = np.array(self._places.column(DIGEST).to_pylist(), np.bytes_)

    def read(self, digest: str) -> bytes | None:
        """JPEG bytes of the thumbnail of a content, None if there is none.

        Raises:
            StaleReferenceError: its pack has been merged or removed since, or is damaged.
        """
        wanted = digest.encode("ascii", "replace")
        at = int(np.searchsorted(self._digests, np.bytes_(wanted)))
        if self._digests[at : at + 1].tolist() != [wanted]:
            return None
        (place,) = places_in(self._places.slice(at, 1))
        return read_thumbnail(self._packs, place) if place.size else None
