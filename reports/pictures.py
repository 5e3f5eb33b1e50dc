"""Pictures of the report: thumbnails made smaller, and small squares for the map.

A picture is a file, named by its content digest; squares stand on few sheets, each of which is
loaded when it is first needed.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg

from imgvet.errors import StaleReferenceError
from imgvet.images.picture import Pixels, middle_square, preview_of
from imgvet.reports import limits
from imgvet.reports.inputs import ThumbnailReader
from imgvet.store.packs import Thumbnails
from imgvet.store.store import Store
from imgvet.threads import in_threads
from imgvet.workdir import WorkDir, link

FOLDER = "images"
COLUMNS = 20  # tiles in a row of a sheet, and rows of a sheet
PER_SHEET = COLUMNS * COLUMNS
_HOW, _VERSION = "made.txt", 2  # says in which way, and how large, the pictures were made
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
    digests: Collection[str], read: ThumbnailReader, folder: Path, earlier: Path | None = None
) -> dict[str, Picture]:
    """Write the pictures under ``folder/images``; returns those that are to be had, by digest.

    Those that the report in ``earlier`` shows in the same size are taken from there.
    """
    (folder / FOLDER).mkdir()
    side = _side(digests, read)
    made_so = f"{_VERSION} {side}\n"
    (folder / FOLDER / _HOW).write_text(made_so)
    known: set[str] = set()
    how = earlier and earlier / FOLDER / _HOW
    if how and how.is_file() and how.read_text() == made_so:
        known = {path.name for path in how.parent.iterdir()}

    def write(digest: str) -> Picture | None:
        name = f"{digest}.jpg"
        target = folder / FOLDER / name
        if earlier is not None and name in known:
            link(earlier / FOLDER / name, target)
            height, width, *_ = simplejpeg.decode_jpeg_header(target.read_bytes())
            return Picture(f"{FOLDER}/{name}", width, height)
        shrunk = shrink(read(digest), side)
        if shrunk is None:
            return None
        data, *size = shrunk
        target.write_bytes(data)
        return Picture(f"{FOLDER}/{name}", *size)

    written = zip(digests, in_threads(write, digests, cv2.getNumThreads()), strict=True)
    return {digest: picture for digest, picture in written if picture}


def as_address(picture: Path | bytes) -> str:
    """The address of a JPEG that is all of it."""
    data = picture.read_bytes() if isinstance(picture, Path) else picture
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def address_of(
    digest: object, read: ThumbnailReader, side: int = limits.LEAST_PICTURE_SIDE + 32
) -> str:
    """The thumbnail of a content, made smaller, as an address; empty if there is none."""
    shrunk = shrink(read(digest), side) if isinstance(digest, str) else None
    return as_address(shrunk[0]) if shrunk else ""


def inliner(work: WorkDir | None) -> Callable[[object], str]:
    """Gives pictures of a work dir as addresses while their page is light, and then nothing."""
    if work is None:
        return lambda _: ""
    read, left = Thumbnails(Store(work).measures).read, limits.PICTURES_BYTES

    def inline(digest: object) -> str:
        nonlocal left
        address = ""
        with suppress(StaleReferenceError):  # another run merged the packs meanwhile
            address = address_of(digest, read) if left > 0 else ""
        left -= len(address)
        return address

    return inline


def shrink(
    thumbnail: bytes | None, side: int = limits.PICTURE_SIDE
) -> tuple[bytes, int, int] | None:
    """A JPEG of long side ``side`` at most, its width and height; None if unreadable."""
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(thumbnail or b"")
        scale = min(1.0, side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = _decoded(thumbnail or b"", *size)
    except ValueError:
        return None
    if picture.shape[1::-1] != size:
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    settings = [cv2.IMWRITE_JPEG_QUALITY, limits.PICTURE_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    return cv2.imencode(".jpg", picture, settings)[1].tobytes(), *size


def _decoded(jpeg: bytes, width: int, height: int) -> Pixels:
    """A picture in BGR, decoded to the least size that is no smaller; ValueError if it is none."""
    return np.asarray(
        simplejpeg.decode_jpeg(
            jpeg, "BGR", fastdct=True, fastupsample=True, min_height=height, min_width=width
        ),
        np.uint8,
    )


def _side(digests: Collection[str], read: ThumbnailReader) -> int:
    """The long side at which the pictures together stay within their limit.

    Bytes grow about as the area, a little slower; a few pictures tell how many. Those of the
    least digests are chosen by chance as well as any, and hardly change with the set, so that its
    pictures are not made anew in another size for a few others among them.
    """
    allowed = max(limits.PICTURES_BYTES / max(len(digests), 1), limits.PICTURE_BYTES)
    tried = (shrink(read(digest)) for digest in sorted(digests)[:_TRIED])
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

    list(in_threads(write, range(0, len(digests), PER_SHEET), cv2.getNumThreads()))
    return side


def _tile(thumbnail: bytes | None, side: int) -> Pixels | None:
    """The middle of a picture in BGR; None without one."""
    try:
        return middle_square(_decoded(preview_of(thumbnail or b""), side, side), side)
    except ValueError:
        return None
