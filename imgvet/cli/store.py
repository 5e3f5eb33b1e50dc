"""The commands ``imgvet store info | verify | gc``: what a work dir keeps for its next runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from imgvet.errors import EXIT_CHECKS_FAILED, InvalidParameterError, RunNotFoundError
from imgvet.format import counted, size_text, table_text
from imgvet.opening import exclusive, work_dir_at
from imgvet.store.store import Store
from imgvet.store.upkeep import collect_garbage, damaged, holdings


def info(options: argparse.Namespace) -> None:
    """Print what the store holds."""
    with _held(options) as store:
        found = holdings(store)
    rows = [("FOLDER", "ITEMS", "FILES", "SIZE", "HOLDS")]
    for one in found:
        items = "" if one.items is None else f"{one.items:,}"
        rows.append((one.name, items, f"{one.files:,}", size_text(one.size), one.holds))
    files, size = sum(one.files for one in found), sum(one.size for one in found)
    rows.append(("all", "", f"{files:,}", size_text(size), ""))
    print(table_text(rows, "<>>><"))


def verify(options: argparse.Namespace) -> int:
    """Print what is damaged, which the exit code says too."""
    with _held(options) as store:
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
    with _held(options) as store:
        if options.unused_days < 0:
            raise InvalidParameterError(
                "unused_days is negative", "Give a number of days, 0 or more"
            )
        before = sum(one.size for one in holdings(store))
        collect_garbage(store, options.unused_days)
        after = sum(one.size for one in holdings(store))
    print(f"{size_text(before - after)} removed, {size_text(after)} kept.")


@contextmanager
def _held(options: argparse.Namespace) -> Iterator[Store]:
    """The store of a work dir, while no run uses it."""
    work = work_dir_at(options.work_dir, stored=True)
    if not work.store.is_dir():
        raise RunNotFoundError(
            f"No store in {work.name}", f"A run makes one: imgvet run INPUT --work-dir {work.name}"
        )
    with exclusive(work):
        yield Store(work)
