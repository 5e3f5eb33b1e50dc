"""Pictures of the report: thumbnails made smaller, each written once, named by content digest."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from imgvet.reports import limits
from imgvet.reports.inputs import ThumbnailReader

FOLDER = "images"


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
    thumbnails = (read(digest) for digest in names)
    with ThreadPoolExecutor() as pool:
        encoded = list(pool.map(lambda data: shrink(data) if data else None, thumbnails))
    pictures = {}
    for digest, found in zip(names, encoded, strict=True):
        if found is not None:
            data, width, height = found
            source = f"{FOLDER}/{digest}.jpg"
            (folder / source).write_bytes(data)
            pictures[digest] = Picture(source, width, height)
    return pictures


def shrink(thumbnail: bytes) -> tuple[bytes, int, int] | None:
    """A JPEG of long side ``PICTURE_SIDE`` at most, its width and height; None if unreadable."""
    picture = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    scale = min(1.0, limits.PICTURE_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else picture
    settings = [cv2.IMWRITE_JPEG_QUALITY, limits.PICTURE_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    return cv2.imencode(".jpg", small, settings)[1].tobytes(), *size
