"""The original of an image, for showing: from a folder, a bucket, an archive, a video or a crop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pyarrow.parquet as pq

from imgvet.crops.crop import cut_picture, decode_item
from imgvet.images.formats import Format, identify
from imgvet.images.geometry import Region, points_of, region_of
from imgvet.images.picture import Pixels, averaged, size_within
from imgvet.measures.compute_stats import crop_digest
from imgvet.options import VideoOptions
from imgvet.reasons import Failure
from imgvet.sources.reading import Reader
from imgvet.sources.s3 import is_remote
from imgvet.store.files import files_in
from imgvet.store.references import digest_bytes
from imgvet.store.store import Store
from imgvet.summary import RunRecord
from imgvet.tables import ITEMS, to_frame
from imgvet.workdir import WorkDir

_SHOWN_AS_THEY_ARE = {Format.JPEG, Format.PNG, Format.GIF, Format.WEBP, Format.BMP, Format.AVIF}
"""Formats that browsers show; others are shown as JPEG or PNG."""

PNG_PIXELS = 4_000_000
"""Pictures of at most this many pixels are shown without loss, as PNG; larger ones as JPEG."""

JPEG_QUALITY = 95
LONGEST_SIDE = 32_000
"""Longest side, in pixels, of a picture that is converted; JPEG can hold little more."""


@dataclass(frozen=True)
class Shown:
    """A picture that a browser can show."""

    data: bytes
    media_type: str
    changed: bool = False
    """Whether it is another one than the run saw."""


class Originals:
    """Reads the originals of a finished run; may be used from several threads."""

    def __init__(self, work: WorkDir, record: RunRecord) -> None:
        self._work = work
        self._reader = Reader(work, record.options(VideoOptions))

    def show(self, item: int, *, whole: bool = False) -> Shown | Failure | None:
        """The original of an image, or why it can't be shown; None if the run has no such image.

        Of a crop ``whole`` asks for the picture that it was cut out of, with an outline of it. Only
        what begins as an image is given out as it is, and only what can be decoded is converted.
        Raises an ImgvetError if its bucket can't be reached.
        """
        table = pq.read_table(self._work.table(ITEMS.name), filters=[("id", "=", item)])
        if not len(table):
            return None
        (row,) = table.to_pylist()
        version = Store(self._work).files.version_of(row["path"]) if is_remote(row["path"]) else ""
        (file,) = files_in(to_frame(table).assign(mtime_ns=None, version=version))
        content = self._reader.read(file)
        if isinstance(content, Failure):
            return content
        now, kind = digest_bytes(content.data), identify(content.data)
        if file.box is None and kind in _SHOWN_AS_THEY_ARE:
            shown = Shown(content.data, f"image/{kind.value.lower()}")
        else:
            picture = decode_item(content.data, None, full_size=True)
            if isinstance(picture, Failure):
                return picture
            pixels = picture.pixels
            if file.box is not None:
                region = region_of(file.box)
                crop = cut_picture(picture, region)
                if isinstance(crop, Failure):
                    return crop
                now = crop_digest(crop)
                pixels = _outlined(pixels, region) if whole else crop.pixels
            shown = _encoded(pixels)
        return replace(shown, changed=row["digest"] not in (None, now))


def _outlined(pixels: Pixels, region: Region) -> Pixels:
    """A picture with a line around a region of it, white on black: it is seen on any picture."""
    box, size = region.box, np.array([region.box.width, region.box.height])
    upright = (box.x, box.y) + np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * size
    corners = upright if region.corners is None else points_of(region.corners)
    marked, line = pixels.copy(), max(1, max(pixels.shape) // 400)
    for colour, width in ((0, 4 * line), (255, 2 * line)):
        cv2.polylines(marked, [corners.round().astype(np.int32)], True, [colour] * 3, width)
    return marked


def _encoded(pixels: Pixels) -> Shown:
    height, width = pixels.shape[:2]
    shown = averaged(pixels, *size_within(width, height, LONGEST_SIDE, LONGEST_SIDE))
    coloured = cv2.cvtColor(shown, cv2.COLOR_RGB2BGR)
    if height * width <= PNG_PIXELS:
        return Shown(cv2.imencode(".png", coloured)[1].tobytes(), "image/png")
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return Shown(cv2.imencode(".jpg", coloured, settings)[1].tobytes(), "image/jpeg")
