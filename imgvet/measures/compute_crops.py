"""Stage compute_crops: what compute_stats does, of the crops that each file is cut into."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple

import pyarrow as pa

from imgvet.crops.crop import clip, cut_clipped
from imgvet.crops.cutter import Cutter, cut_key, regions_in
from imgvet.crops.listing import regions_of_text
from imgvet.images.geometry import Region
from imgvet.images.isolation import FLEETING, decoded
from imgvet.images.measure import Measured, Row, measured_picture
from imgvet.images.picture import Picture
from imgvet.measures.compute_stats import (
    ContentClaims,
    Found,
    measure_files,
)
from imgvet.options import VideoOptions
from imgvet.reasons import FINE, Failure
from imgvet.store.files import FileToRead
from imgvet.store.packs import DIGEST
from imgvet.store.store import Store
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS


def cut_files(
    cuts: Mapping[FileToRead, str],
    cutter: Cutter,
    store: Store,
    videos: VideoOptions,
    threads: int,
    done_before: int,
    total: int,
) -> pa.Table:
    """Cut one shard of files and measure their crops, as :func:`measure_files` does whole ones.

    What is cut out of each file is its own boxes as text, or
    :attr:`imgvet.crops.cutter.Cutter.text`.
    """

    def look(file: FileToRead, digest: str, data: bytes, claims: ContentClaims) -> Found | Failure:
        rows: list[Row] = []
        measured: dict[str, Measured] = {}
        picture = decoded(data, full_size=True)
        if isinstance(picture, Failure) and picture.reason in FLEETING:
            return picture
        if isinstance(picture, Failure):
            rows.append({"number": -1} | picture.row)
        else:
            sized = (picture.width, picture.height)
            own = regions_of_text(cuts[file], *sized) if cutter.own_boxes else ()
            for number, region in enumerate(regions_in(picture, cutter, own)):
                row, new = _cut_region(picture, region, claims)
                rows.append({"number": number} | row)
                measured |= new
        key = cut_key(digest, cuts[file])
        rows = rows or [{"number": -1} | FINE.row]
        return Found(measured, [{DIGEST: key, **row} for row in rows])

    return measure_files(list(cuts), store, videos, threads, done_before, total, look)


def _cut_region(
    picture: Picture, region: Region, claims: ContentClaims
) -> tuple[Row, dict[str, Measured]]:
    """One crop as a row, and its measures if its content is new."""
    clipped = clip(region, picture.width, picture.height)
    failure = clipped if isinstance(clipped, Failure) else None
    place = region if isinstance(clipped, Failure) else clipped
    row = {
        **(failure or FINE).row,
        **dict(zip(BOX_COLUMNS, astuple(place.box), strict=True)),
        **dict(zip(CORNER_COLUMNS, place.corners or (), strict=False)),
        "score": region.score,
        "found_label": region.label,
        "text": region.text,
    }
    if failure is not None:
        return row, {}
    crop = cut_clipped(picture, place)
    digest = crop_digest(crop)
    new = {digest: measured_picture(crop, None, None)} if claims.claim(digest) else {}
    return row | {"crop": digest}, new


def crop_digest(crop: Picture) -> str:
    """Digest of a crop's content: of its pixels and of what its measures say of the file.

    Crops of equal pixels are exact duplicates, wherever they were cut.
    """
    shape = f"{crop.pixels.shape} {crop.width} {crop.height} {crop.channels} {crop.bit_depth}"
    state = hashlib.blake2b(shape.encode(), digest_size=16)
    state.update(crop.pixels.tobytes())
    return state.hexdigest()
