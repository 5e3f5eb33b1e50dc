"""All that is kept of one content: its measures and its thumbnail, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from imgvet.images.decode import decode
from imgvet.images.formats import Format, identify
from imgvet.images.measure import measure
from imgvet.images.orientation_hash import HASH, HASH_QUALITY, orientation_hash
from imgvet.images.picture import Picture, encode_thumbnail, to_standard_size
from imgvet.reasons import Failure, Reason

Row = dict[str, object]


@dataclass(frozen=True)
class Measured:
    """What measuring one content gave."""

    row: Row
    """Of the store's measures, without the digest."""
    thumbnail: bytes = b""
    """Empty if it can't be decoded."""


def measured_content(data: bytes) -> Measured:
    """Decode and measure the bytes of a file; bad ones get their reason instead of metrics."""
    picture, kind = decode(data), identify(data)
    if isinstance(picture, Failure):
        return Measured(_row(picture.reason, picture.detail, kind))
    return measured_picture(picture, kind, len(data))


def measured_picture(picture: Picture, kind: Format | None, file_size: int | None) -> Measured:
    """Measure a decoded image; a crop has no format and no size (bytes) of a file of its own."""
    small = to_standard_size(picture.pixels)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    hashed = orientation_hash(gray)
    row = {
        **_row(Reason.OK, picture.detail, kind),
        HASH: hashed.bits.tobytes(),
        HASH_QUALITY: hashed.quality,
        **measure(picture, gray, file_size),
    }
    return Measured(row, encode_thumbnail(small))


def _row(status: Reason, detail: str, kind: Format | None) -> Row:
    return {"status": status.value, "detail": detail, "format": kind}
