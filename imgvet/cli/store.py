"""The commands ``imgvet store info | verify | gc``: what a work dir keeps for its next runs."""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext

from imgvet.errors import EXIT_CHECKS_FAILED, InvalidParameterError, RunNotFoundError
from imgvet.format import counted, size_text, table_text
from imgvet.opening import exclusive, work_dir_at
from imgvet.store.store import Store
from imgvet.store.upkeep import collect_garbage, damaged, holdings


def info(options: argparse.Namespace) -> None:
    """Print what the store holds."""
    found = holdings(_store_at(options))
    rows = [("FOLDER", "ITEMS", "FILES", "SIZE", "HOLDS")]
    for one in found:
        items = "" if one.items is None else f"{one.items:,}"
        rows.append((one.name, items, f"{one.files:,}", size_text(one.size), one.holds))
    files, size = sum(one.files for one in found), sum(one.size for one in found)
    rows.append(("all", "", f"{files:,}", size_text(size), ""))
    print(table_text(rows, "<>>><"))


def verify(options: argparse.Namespace) -> int:
    """Print what is damaged, which the exit code says too."""
    store = _store_at(options)
    is_writable = os.access(store.work.store, os.W_OK)  # else it is kept as it is
    with exclusive(store.work) if is_writable else nullcontext():
        found = damaged(store)
    for path in found:
        print(f"damaged: {path}")
    if found:
        print(f"{counted(len(found), 'file')} of the store can't be used. 'imgvet store gc "
              f"{store.work.name}' removes them, the next run makes them again.")  # fmt: skip
        return EXIT_CHECKS_FAILED
    print("All packs and outputs of stages are what was written.")
    return 0


def gc(options: argparse.Namespace) -> None:
    """Remove what can go, and print how much that was."""
    if options.unused_days < 0:
        raise InvalidParameterError("unused_days is negative", "Give a number of days, 0 or more")
    store = _store_at(options)
    with exclusive(store.work):
        before = sum(one.size for one in holdings(store))
        collect_garbage(store, options.unused_days)
        after = sum(one.size for one in holdings(store))
    print(f"{size_text(before - after)} removed, {size_text(after)} kept.")


def _store_at(options: argparse.Namespace) -> Store:
    """The store of a work dir."""
    work = work_dir_at(options.work_dir, stored=True)
    if not work.store.is_dir():
        raise RunNotFoundError(
            f"No store in {work.name}", f"A run makes one: imgvet run INPUT --work-dir {work.name}"
        )
    return Store(work)
