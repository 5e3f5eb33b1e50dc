"""Keeps the store as small as what it is used for: few packs, and no images that are long gone.

Of every content the day is kept on which any run of the work dir last needed it. What no run needed
for ``UNUSED_DAYS`` goes: from the file index at once, from a pack as soon as that is less than
half full without it. Packs that are less than half full are merged when there are many.

A merged pack is complete before its parts are removed, so this may be interrupted at any time. No
other run may be writing (:func:`imgvet.opening.exclusive`); readers list the packs again.
"""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imgvet.store.packs import DIGEST, PACK_ITEMS, Packs, places_in, read_thumbnail
from imgvet.store.store import Store
from imgvet.tables import read_if_sound
from imgvet.workdir import UNUSED_DAYS, WorkDir, write_atomically

SMALL_PACKS = 8
"""So many packs of one kind may be less than half full before they are merged."""

LAST_USED = "last-used.parquet"
"""File of the store that says when each content was last needed."""

_logger = logging.getLogger(__name__)
_DAY = "day"
_SCHEMA = pa.schema([(DIGEST, pa.string()), (_DAY, pa.int64())])


def today() -> dt.date:
    """The present day, UTC."""
    return dt.datetime.now(dt.UTC).date()


def mark_used(work: WorkDir, digests: Iterable[str], today: dt.date) -> None:
    """Note that the run of this day needs some contents; they may be given twice."""
    day = _last_used(work)
    used = pd.Series(today.toordinal(), pd.Index(list(digests), dtype=object).unique())
    if not day.reindex(used.index).eq(used).all():
        _write_last_used(work, pd.concat([day[~day.index.isin(used.index)], used]))


def compact(store: Store, today: dt.date, unused_days: int = UNUSED_DAYS) -> None:
    """Forget what no run needed for long, and what other versions measured; merge small packs.

    What was never marked counts as needed today.
    """
    for folder in store.outdated():
        shutil.rmtree(folder)
    day = _last_used(store.work)
    gone = unused(store.work, today, unused_days)
    held = store.files.digests().union(*(packs.digests() for packs in store.all_packs()))
    new = sorted(held.difference(day.index))
    store.files.compact(gone)
    for packs in store.all_packs():
        _compact_packs(packs, gone)
    # Last, so that what an interruption left is still known to be gone; what stays in a pack is
    # told of again until the pack is merged.
    forgotten = day.index.isin(gone - held)
    if new or forgotten.any():
        added = pd.Series(today.toordinal(), pd.Index(new, dtype=object))
        _write_last_used(store.work, pd.concat([day[~forgotten], added]))


def unused(work: WorkDir, today: dt.date, unused_days: int = UNUSED_DAYS) -> frozenset[str]:
    """The contents that no run needed for so many days."""
    day = _last_used(work)
    return frozenset(day.index[day < today.toordinal() - unused_days])


def _last_used(work: WorkDir) -> pd.Series:
    """The day (a number) on which each content was last needed; nothing if that is not known."""
    path = work.store / LAST_USED
    rows = (read_if_sound(path) if path.is_file() else None) or _SCHEMA.empty_table()
    days = rows.column(_DAY).to_numpy()
    return pd.Series(days, pd.Index(rows.column(DIGEST).to_pylist(), dtype=object))


def _write_last_used(work: WorkDir, day: pd.Series) -> None:
    rows = pa.table([day.index.tolist(), day.to_numpy(np.int64)], schema=_SCHEMA)
    path = work.store / LAST_USED
    write_atomically(path, lambda draft: pq.write_table(rows, draft, compression="zstd"))


def _compact_packs(packs: Packs, gone: frozenset[str]) -> None:
    by_name = packs.digests_by_name()
    kept = {name: len(digests - gone) for name, digests in by_name.items()}
    small = [name for name, count in kept.items() if count < PACK_ITEMS // 2]
    names = set(packs.names())
    if len(small) > SMALL_PACKS or any(kept[name] < len(by_name[name]) for name in small):
        names = names.difference(small) | set(_merge(packs, small, gone))
    packs.keep_only(names)


def _merge(packs: Packs, names: list[str], gone: frozenset[str]) -> Iterator[str]:
    """Write the rows of some packs, without what is gone, as few packs, and give their names."""
    waiting: list[pa.Table] = []
    count = 0
    for rows in _kept_rows(packs, names, gone):
        digests = pc.count_distinct(rows.column(DIGEST)).as_py()
        if count + digests > PACK_ITEMS:
            yield _write(packs, waiting)
            waiting, count = [], 0
        waiting.append(rows)
        count += digests
    if waiting:
        yield _write(packs, waiting)


def _write(packs: Packs, parts: list[pa.Table]) -> str:
    rows = pa.concat_tables(parts)
    thumbnails = None
    if packs.with_thumbnails:
        thumbnails = [read_thumbnail(packs, place) for place in places_in(rows)]
    return packs.write(rows.drop_columns("pack"), thumbnails)


def _kept_rows(packs: Packs, names: list[str], gone: frozenset[str]) -> Iterator[pa.Table]:
    """The rows of each pack that are neither gone nor in one before, with the column ``pack``."""
    taken = set(gone)
    for name in names:
        rows = packs.read_one(name)
        if rows is not None and packs.with_thumbnails:
            ends = pc.add(rows.column("thumbnail_offset"), rows.column("thumbnail_size"))
            is_cut = packs.thumbnails_path(name).stat().st_size < (pc.max(ends).as_py() or 0)
            rows = None if is_cut else rows
        if rows is None:
            _logger.warning("The pack %s is damaged, its items are computed again", name)
            continue
        digests = rows.column(DIGEST).to_pylist()
        wanted = [digest not in taken for digest in digests]
        taken.update(digests)
        if any(wanted):
            yield rows.filter(pa.array(wanted))
