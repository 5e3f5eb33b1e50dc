"""The commands ``imgvet export | import-fastdup | compare``: to and from other tools and runs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from imgvet.cli.arguments import run_parameters
from imgvet.dataset import Dataset
from imgvet.errors import EXIT_CHECKS_FAILED, written
from imgvet.exchange.compare import Difference, compare_sides, read_side
from imgvet.exchange.options import ExportOptions
from imgvet.format import counted, each, table_text, visible
from imgvet.opening import exclusive
from imgvet.spreadsheet import csv_bytes
from imgvet.workdir import write_bytes


def export(options: argparse.Namespace) -> int:
    """Export the images of a run; the exit code says if some could not be had."""
    given = run_parameters(options, ExportOptions)
    found = Dataset(work_dir=options.work_dir).export(options.destination, **given)
    rest = f", {counted(found.not_chosen, 'valid image')} not chosen" if found.not_chosen else ""
    print(f"{counted(found.images, 'image')} exported to {found.path}{rest}.")
    lost = [f"left out: {name!r} ({reason}: {detail})" for name, reason, detail in found.left_out]
    kept = [f"not corrected: {name!r} (boxes of several classes)" for name in found.uncorrected]
    for lines in (lost, kept):
        more = [f"and {len(lines) - 10:,} more"] if len(lines) > 10 else []
        print(*lines[:10], *more, sep="\n", end="\n" if lines else "")
    return EXIT_CHECKS_FAILED if found.left_out else 0


def import_fastdup(options: argparse.Namespace) -> None:
    """Turn an old work dir of fastdup into a finished run, with its report."""
    from imgvet.exchange.fastdup_import import import_fastdup as import_from
    from imgvet.reports.build import report_of

    source = options.source.expanduser().absolute()
    work_dir = source / "imgvet" if options.work_dir is None else options.work_dir
    found = import_from(source, work_dir, os.cpu_count() or 1)
    with exclusive(found.work):
        report_of(found.work)
    gone = f", {found.gone:,} of them without their files, and so pictures" if found.gone else ""
    print(f"{counted(found.images, 'image')} imported into {work_dir}{gone}.\n")
    Dataset(work_dir=work_dir).summary()


def compare(options: argparse.Namespace) -> int:
    """Print what parts two runs or data sets; the exit code says what ``--fail-on`` asks for."""
    threads = os.cpu_count() or 1
    found = compare_sides(*(read_side(name, threads) for name in (options.before, options.after)))
    print("\n".join(difference_lines(found)))
    if options.csv is not None:
        lists = {name: found.images[name].map("; ".join) for name in ("newly_bad", "newly_good")}
        write_file(options.csv, csv_bytes(found.images.assign(**lists)))
    if options.page is not None:
        from imgvet.reports.comparison import comparison_page

        write_file(options.page, comparison_page(found).encode())
    failed = {
        "never": False, "worse": found.counts["newly_bad"] > 0, "any": len(found.images) > 0,
    }  # fmt: skip
    return EXIT_CHECKS_FAILED if failed[options.fail_on] else 0


def difference_lines(found: Difference) -> list[str]:
    """What parts two runs or data sets, for a terminal."""
    sides = [
        f"{side.title} ({counted(len(side.images), 'image')})"
        for side in (found.before, found.after)
    ]
    rows = [("Before", sides[0]), ("After", sides[1])]
    for name, number in found.counts.items():
        text = counted(number, "image")
        if name in ("newly_bad", "newly_good") and number:
            text += f": {each(dict(found.findings(name).most_common()))}"
        rows.append((name.replace("_", " ").capitalize(), text))
    rows += [("Parameters", words) for words in found.parameters.values()]
    if found.not_compared:
        rows.append(("Not compared", ", ".join(found.not_compared)))
    return [visible(line) for line in table_text(rows, "<<").split("\n")]


def write_file(path: Path, data: bytes) -> None:
    """Write a file that was asked for, and say so, but not among what is printed."""
    with written(path):
        write_bytes(path.expanduser().absolute(), data)
    print(f"Written {path}", file=sys.stderr)
