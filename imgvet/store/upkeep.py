"""What the store of a work dir holds, whether it is sound, and what of it can go."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import simplejpeg

from imgvet.store.compact import compact, mark_used, today
from imgvet.store.packs import DIGEST, Packs, pack_name, places_in
from imgvet.store.references import content_of
from imgvet.store.store import Store
from imgvet.tables import ITEMS, read_if_sound, read_table
from imgvet.workdir import CROPS_PART, WorkDir

OUTDATED = "of other versions"

_CONTENTS = {
    "places": "which content each file had",
    "measures": "basic metrics and thumbnails",
    "advanced": "advanced metrics",
    "cuts": "which crops pictures were cut into",
    "embeddings": "embeddings of one model",
    "neighbors": "nearest neighbours of earlier runs",
    "search": "index of large sets for search",
    "comparisons": "what pairs have to do with each other",
    "stages": "outputs of stages",
    "results": "Prefect's cache records",
    "prefect": "home of Prefect's temporary server",
    "mirror": "copies of objects in buckets",
    "extracted": "indexes of archives, unpacked archives",
    "frames": "frames of videos",
    "given": "what was given from Python",
}
"""What the folders hold whose names begin so."""

_logger = logging.getLogger(__name__)


class Holding(NamedTuple):
    """A folder of the store; ``size`` in bytes, ``items`` only for packs."""

    name: str
    holds: str
    items: int | None
    files: int
    size: int


def holdings(store: Store) -> list[Holding]:
    """What lies in each folder of the store, by name."""
    packs = {one.folder: one for one in store.all_packs()}
    outdated = store.outdated()
    found = []
    for folder in sorted(path for path in store.work.store.iterdir() if path.is_dir()):
        sizes = list(_sizes_in(folder))
        holds = _CONTENTS.get(folder.name.partition("-")[0], "")
        items = None
        if folder in packs:  # a damaged pack is left out, and left alone
            one = packs[folder]
            tables = (read_if_sound(one.table_path(name), [DIGEST]) for name in one.names())
            items = len({digest for rows in tables if rows for digest in rows[DIGEST].to_pylist()})
        if folder in outdated:
            holds = f"{holds} {OUTDATED}".strip()
        found.append(Holding(folder.name, holds, items, len(sizes), sum(sizes)))
    return found


def _sizes_in(folder: Path) -> Iterator[int]:
    """The sizes of all files, but those that go meanwhile, as a run may be writing."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                yield (Path(parent) / name).stat().st_size


def damaged(store: Store) -> list[Path]:
    """The files of packs and outputs of stages that are not what was written, from every byte.

    Nothing is removed. Packs are checked by their names (made of the digests in them), by the
    checksums of their pages, and by decoding their thumbnails; outputs by the digests in their
    names. OSError if something can't be read now, which says nothing about it.
    """
    packs = (path for one in store.all_packs() for path in _damaged_packs(one))
    stages = sorted(store.work.stages.iterdir()) if store.work.stages.is_dir() else []
    return [*packs, *(path for path in stages if f"-{content_of(path)[0][:16]}" not in path.name)]


def _damaged_packs(packs: Packs) -> Iterator[Path]:
    for name in packs.names():
        table, thumbnails = packs.table_path(name), packs.thumbnails_path(name)
        rows = read_if_sound(table, verify=True)
        if rows is None or pack_name(rows) != name:
            yield table
        elif packs.with_thumbnails and not _are_pictures(thumbnails, rows):
            yield thumbnails


def _are_pictures(thumbnails: Path, rows: pa.Table) -> bool:
    data = memoryview(thumbnails.read_bytes())
    places = places_in(rows.append_column("pack", pa.array([""] * len(rows), pa.string())))
    try:
        for place in places:
            if place.size:
                simplejpeg.decode_jpeg(data[place.offset : place.offset + place.size])
    except ValueError:
        return False
    return sum(place.size for place in places) == len(data)


def collect_garbage(store: Store, unused_days: int) -> None:
    """Remove what is damaged, what other versions wrote, and what no run needed for some days.

    What the results of the last finished runs show is kept, however old they are. The work dir
    must be held (:func:`imgvet.opening.exclusive`).
    """
    for path in damaged(store):
        _logger.warning("%s is damaged and removed; the next run computes it again", path)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    mark_used(store.work, shown(store), today())
    compact(store, today(), unused_days)


def shown(store: Store) -> set[str]:
    """The contents in the tables of the last runs, and the cuts that led to them."""
    shown: set[str] = set()
    for work in (store.work, WorkDir(store.work.path, CROPS_PART)):
        if work.is_finished():
            shown.update(read_table(work.table(ITEMS.name))[DIGEST].dropna())
    cuts = store.cuts.read([DIGEST, "crop"])
    pairs = zip(cuts[DIGEST].to_pylist(), cuts["crop"].to_pylist(), strict=True)
    return shown | {picture for picture, crop in pairs if crop in shown}
