"""Pictures of the report: thumbnails made smaller, each written once, named by content digest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from imgvet.reports import limits
from imgvet.reports.inputs import ThumbnailReader

FOLDER = "images"
_TRIED = 40


@dataclass(frozen=True)
class Picture:
    """A picture in the report's folder: its relative address and its size in pixels."""

    src: str
    width: int
    height: int


def write_pictures(
    digests: Iterable[str], read: ThumbnailReader, folder: Path
) -> dict[str, Picture]:
    """Write the pictures under ``folder/images``.

    Returns:
        digest -> picture, without those not to be had.
    """
    (folder / FOLDER).mkdir()
    names = list(digests)
    side = _side(names, read)

    def write(digest: str) -> Picture | None:
        thumbnail = read(digest)
        shrunk = shrink(thumbnail, side) if thumbnail else None
        if shrunk is None:
            return None
        data, width, height = shrunk
        source = f"{FOLDER}/{digest}.jpg"
        (folder / source).write_bytes(data)
        return Picture(source, width, height)

    with ThreadPoolExecutor() as pool:
        written = zip(names, pool.map(write, names), strict=True)
        return {digest: picture for digest, picture in written if picture is not None}


def shrink(thumbnail: bytes, side: int = limits.PICTURE_SIDE) -> tuple[bytes, int, int] | None:
    """A JPEG of long side ``side`` at most, its width and height; None if unreadable."""
    picture = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else picture
    settings = [cv2.IMWRITE_JPEG_QUALITY, limits.PICTURE_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    return cv2.imencode(".jpg", small, settings)[1].tobytes(), *size


def _side(names: Sequence[str], read: ThumbnailReader) -> int:
    """The long side at which the pictures together stay within their limit.

    Bytes grow about as the area, a little slower; a few evenly chosen pictures tell how many.
    """
    allowed = max(limits.PICTURES_BYTES / max(len(names), 1), limits.PICTURE_BYTES)
    step = max(1, len(names) // _TRIED)
    tried = (shrink(data) for name in names[::step] if (data := read(name)))
    sizes = [len(shrunk[0]) for shrunk in tried if shrunk is not None]
    if not sizes or np.mean(sizes) <= allowed:
        return limits.PICTURE_SIDE
    smaller = limits.PICTURE_SIDE * math.sqrt(allowed / float(np.mean(sizes))) * 0.95
    return max(limits.LEAST_PICTURE_SIDE, int(smaller) // 16 * 16)
