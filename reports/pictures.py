"""Pictures of the report: thumbnails made smaller, and small squares for the map.

A picture is a file, named by its content digest; squares stand on few sheets, each of which is
loaded when it is first needed.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg
from cv2.typing import MatLike
from numpy.typing import NDArray

from imgvet.reports import limits
from imgvet.reports.inputs import ThumbnailReader

Pixels = NDArray[np.uint8]

FOLDER = "images"
COLUMNS = 20  # tiles in a row of a sheet, and rows of a sheet
PER_SHEET = COLUMNS * COLUMNS
_MANY = 10_000
_SIDE, _SIDE_OF_MANY = 64, 48
_TILE_QUALITY = 72
_EMPTY = 160
_TRIED = 40


class Picture(NamedTuple):
    """A picture in the report's folder: its relative address and its size in pixels."""

    src: str
    width: int
    height: int


def write_pictures(
    digests: Collection[str], read: ThumbnailReader, folder: Path
) -> dict[str, Picture]:
    """Write the pictures under ``folder/images``; returns those that are to be had, by digest."""
    (folder / FOLDER).mkdir()
    side = _side(list(digests), read)

    def write(digest: str) -> Picture | None:
        shrunk = shrink(read(digest), side)
        if shrunk is None:
            return None
        data, *size = shrunk
        source = f"{FOLDER}/{digest}.jpg"
        (folder / source).write_bytes(data)
        return Picture(source, *size)

    with ThreadPoolExecutor() as pool:
        written = zip(digests, pool.map(write, digests), strict=True)
        return {digest: picture for digest, picture in written if picture}


def as_address(picture: Path | bytes) -> str:
    """The address of a JPEG that is all of it."""
    data = picture.read_bytes() if isinstance(picture, Path) else picture
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def shrink(
    thumbnail: bytes | None, side: int = limits.PICTURE_SIDE
) -> tuple[bytes, int, int] | None:
    """A JPEG of long side ``side`` at most, its width and height; None if unreadable."""
    picture = _decoded(thumbnail) if thumbnail else None
    if picture is None:
        return None
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else picture
    settings = [cv2.IMWRITE_JPEG_QUALITY, limits.PICTURE_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    return cv2.imencode(".jpg", small, settings)[1].tobytes(), *size


def _side(digests: Sequence[str], read: ThumbnailReader) -> int:
    """The long side at which the pictures together stay within their limit.

    Bytes grow about as the area, a little slower; a few evenly chosen pictures tell how many.
    """
    allowed = max(limits.PICTURES_BYTES / max(len(digests), 1), limits.PICTURE_BYTES)
    step = max(1, len(digests) // _TRIED)
    tried = (shrink(read(digest)) for digest in digests[::step])
    sizes = [len(shrunk[0]) for shrunk in tried if shrunk]
    if not sizes or np.mean(sizes) <= allowed:
        return limits.PICTURE_SIDE
    smaller = limits.PICTURE_SIDE * math.sqrt(allowed / float(np.mean(sizes))) * 0.95
    return max(limits.LEAST_PICTURE_SIDE, int(smaller) // 16 * 16)


def write_tiles(digests: Sequence[str], read: ThumbnailReader, folder: Path) -> int:
    """Write the sheets ``images/map-000.jpg``, ... of square tiles, in the order of ``digests``.

    A picture is cut to a square around its middle; one that can't be read is a plain tile. Returns
    the side of a tile in pixels.
    """
    side = _SIDE if len(digests) <= _MANY else _SIDE_OF_MANY

    def write(start: int) -> None:
        chosen = digests[start : start + PER_SHEET]
        rows = -(-len(chosen) // COLUMNS)
        sheet = np.full((rows, side, COLUMNS, side, 3), _EMPTY, np.uint8)
        for place, digest in enumerate(chosen):
            tile = _tile(read(digest), side)
            if tile is not None:
                sheet[place // COLUMNS, :, place % COLUMNS] = tile
        pixels = sheet.reshape(rows * side, COLUMNS * side, 3)
        data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _TILE_QUALITY])[1]
        (folder / FOLDER / f"map-{start // PER_SHEET:03d}.jpg").write_bytes(data.tobytes())

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, range(0, len(digests), PER_SHEET)))
    return side


def _tile(thumbnail: bytes | None, side: int) -> Pixels | None:
    """The middle of a picture in BGR, decoded no larger than it takes; None without one."""
    if not thumbnail:
        return None
    try:
        picture = simplejpeg.decode_jpeg(
            thumbnail, "BGR", fastdct=True, fastupsample=True, min_height=side, min_width=side
        )
    except ValueError:
        picture = _decoded(thumbnail)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = picture[top : top + edge, left : left + edge]
    return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _decoded(thumbnail: bytes) -> MatLike | None:
    return cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_COLOR)
