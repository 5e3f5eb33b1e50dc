"""The commands ``imgvet store info | verify | gc``: what a work dir keeps for its next runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgvet.errors import EXIT_CHECKS_FAILED, InvalidParameterError, RunNotFoundError
from imgvet.format import counted, size_text, table_text

if TYPE_CHECKING:
    from imgvet.store.store import Store

_UNUSED_DAYS = 30


def add_store_commands(commands: Any) -> None:
    """Add ``store`` with its own commands to the commands of ``imgvet``."""
    store = commands.add_parser("store", help="show, check or shrink what a work dir keeps")
    actions = store.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, act: Callable[[Store, argparse.Namespace], int], text: str) -> Any:
        action = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
        action.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="of any run")
        action.set_defaults(command=lambda options: _held(options, act))
        return action

    add("info", _info, "print what the store holds, and its sizes")
    add("verify", _verify, "read all of the store, and print what is damaged")
    collect = add("gc", _collect, "remove what is damaged, outdated or was long not needed")
    collect.add_argument(
        "--unused-days", type=int, default=_UNUSED_DAYS, metavar="N",
        help="keep what a run needed in the last N days; what the last results show is kept "
        f"anyway [{_UNUSED_DAYS}]",
    )  # fmt: skip


def _held(options: argparse.Namespace, act: Callable[[Store, argparse.Namespace], int]) -> int:
    """Act on the store while no run does."""
    from imgvet.store.store import Store
    from imgvet.workdir import exclusive, work_dir_at

    work = work_dir_at(options.work_dir)
    if not work.store.is_dir():
        raise RunNotFoundError(
            f"No store in {work.path}", f"A run makes one: imgvet run INPUT --work-dir {work.path}"
        )
    with exclusive(work):
        return act(Store(work), options)


def _info(store: Store, _: argparse.Namespace) -> int:
    from imgvet.store.upkeep import holdings

    found = holdings(store)
    rows = [("FOLDER", "ITEMS", "FILES", "SIZE", "HOLDS")]
    for one in found:
        items = "" if one.items is None else f"{one.items:,}"
        rows.append((one.name, items, f"{one.files:,}", size_text(one.size), one.holds))
    files, size = sum(one.files for one in found), sum(one.size for one in found)
    rows.append(("all", "", f"{files:,}", size_text(size), ""))
    print(table_text(rows, "<>>><"))
    return 0


def _verify(store: Store, _: argparse.Namespace) -> int:
    from imgvet.store.upkeep import damaged

    found = damaged(store)
    for path in found:
        print(f"damaged: {path}")
    if found:
        print(f"{counted(len(found), 'file')} of the store can't be used. 'imgvet store gc "
              f"{store.work.path}' removes them, the next run makes them again.")  # fmt: skip
        return EXIT_CHECKS_FAILED
    print("All packs and outputs of stages are what was written.")
    return 0


def _collect(store: Store, options: argparse.Namespace) -> int:
    from imgvet.store.upkeep import collect_garbage, holdings

    if options.unused_days < 0:
        raise InvalidParameterError("unused_days is negative", "Give a number of days, 0 or more")
    before = sum(one.size for one in holdings(store))
    collect_garbage(store, options.unused_days)
    after = sum(one.size for one in holdings(store))
    print(f"{size_text(before - after)} removed, {size_text(after)} kept.")
    return 0
