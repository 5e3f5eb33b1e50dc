"""Print the numbers to meet, as measured on this machine.

python -m benchmarks                   all of them; the peer is installed under .bench/
python -m benchmarks steady recall     some of them
python -m benchmarks --quick           small sizes and no peer, to see that everything works
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.incremental import incremental
from benchmarks.inputs import inputs
from benchmarks.listing import listing
from benchmarks.machine import this_machine
from benchmarks.memory import memory
from benchmarks.neighbors import neighbors
from benchmarks.picture_cost import picture_cost
from benchmarks.recall import recall
from benchmarks.rows import Row, as_lines, write_json
from benchmarks.settings import FOLDER, Settings
from benchmarks.steady import steady
from benchmarks.verification import verification
from benchmarks.whole_run import whole_run

BENCHMARKS: dict[str, Callable[[Settings], list[Row]]] = {
    "whole_run": whole_run,
    "steady": steady,
    "picture_cost": picture_cost,
    "incremental": incremental,
    "neighbors": neighbors,
    "recall": recall,
    "verification": verification,
    "memory": memory,
    "inputs": inputs,
    "listing": listing,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    settings = Settings(
        folder=options.folder.absolute(),
        photos=options.photos,
        pictures=options.pictures.absolute() if options.pictures else None,
        peer=options.peer,
        quick=options.quick,
        full=options.full,
        repeats=options.repeats,
    )
    machine = this_machine()
    rows = []
    for name in options.names or BENCHMARKS:
        print(f"Measuring {name}", file=sys.stderr, flush=True)
        rows += [unjudged(row) if settings.quick else row for row in BENCHMARKS[name](settings)]
    print("\n".join(as_lines(rows, machine)))
    if options.json:
        write_json(rows, machine, options.json)


def unjudged(row: Row) -> Row:
    """The row without a verdict, as small sizes prove nothing."""
    return Row(row.number, row.measured, row.value, row.to_meet)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"which: {', '.join(BENCHMARKS)} [all]")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is judged")
    parser.add_argument("--full", action="store_true", help="also the sizes that take an hour")
    parser.add_argument("--repeats", type=int, default=2, help="pairs of runs with the peer [2]")
    parser.add_argument("--peer", type=Path, help="Python interpreter that has fastdup 2.54")
    parser.add_argument("--photos", type=Path, help="folder of distinct photographs")
    parser.add_argument("--pictures", type=Path,
                        help="folder of pictures for inputs, as they are")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write the table to this file, too")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for pictures and results")
    return parser


if __name__ == "__main__":
    main()
