"""Thumbnails of the map: small squares on few sheets, each sheet loaded when it is first needed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from imgvet.reports.inputs import ThumbnailReader
from imgvet.reports.pictures import FOLDER

Pixels = NDArray[np.uint8]

COLUMNS = 20
"""Tiles in a row of a sheet, and rows of a sheet."""

PER_SHEET = COLUMNS * COLUMNS
_MANY = 10_000
_SIDE, _SIDE_OF_MANY = 64, 48
_QUALITY = 72
_EMPTY = 160


@dataclass(frozen=True)
class Tiles:
    """Sheets that were written: side of a tile in pixels, and how many sheets."""

    side: int
    sheets: int


def write_tiles(digests: Sequence[str], read: ThumbnailReader, folder: Path) -> Tiles:
    """Write the sheets ``images/map-000.jpg``, ... of square tiles, in the order of ``digests``.

    A picture is cut to a square around its middle; one that can't be read is a plain tile.
    """
    side = _SIDE if len(digests) <= _MANY else _SIDE_OF_MANY
    parts = [digests[start : start + PER_SHEET] for start in range(0, len(digests), PER_SHEET)]

    def write(number: int) -> None:
        sheet = _sheet([_tile(read(digest), side) for digest in parts[number]], side)
        data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        (folder / sheet_name(number)).write_bytes(data.tobytes())

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, range(len(parts))))
    return Tiles(side, len(parts))


def sheet_name(number: int) -> str:
    """Relative address of a sheet."""
    return f"{FOLDER}/map-{number:03d}.jpg"


def _sheet(tiles: list[Pixels], side: int) -> Pixels:
    rows = -(-len(tiles) // COLUMNS)
    sheet = np.full((rows * side, COLUMNS * side, 3), _EMPTY, np.uint8)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, COLUMNS)
        sheet[row * side : (row + 1) * side, column * side : (column + 1) * side] = tile
    return sheet


def _tile(thumbnail: bytes | None, side: int) -> Pixels:
    picture = _decode(thumbnail, side) if thumbnail else None
    if picture is None:
        return np.full((side, side, 3), _EMPTY, np.uint8)
    height, width = picture.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = picture[top : top + edge, left : left + edge]
    return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _decode(thumbnail: bytes, side: int) -> Pixels | None:
    """The picture in BGR, decoded no larger than it takes for a tile."""
    try:
        return np.asarray(
            simplejpeg.decode_jpeg(
                thumbnail, "BGR", fastdct=True, fastupsample=True, min_height=side, min_width=side
            )
        )
    except ValueError:
        picture = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_COLOR)
        return None if picture is None else np.asarray(picture, np.uint8)
