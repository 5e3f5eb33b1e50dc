"""The commands ``imgvet export | import-fastdup | compare``: to and from other tools and runs."""

from __future__ import annotations

import argparse

from imgvet.dataset import Dataset
from imgvet.errors import EXIT_CHECKS_FAILED
from imgvet.exchange.options import ExportOptions
from imgvet.format import counted


def export(options: argparse.Namespace) -> int:
    """Export the images of a run; the exit code says if some could not be had."""
    names = ExportOptions.model_fields
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    found = Dataset(work_dir=options.work_dir).export(options.destination, **given)
    more = f", {counted(found.not_chosen, 'valid image')} not chosen" if found.not_chosen else ""
    print(f"{counted(found.images, 'image')} exported to {found.path}{more}.")
    for filename, reason, detail in found.left_out[:10]:
        print(f"left out: {filename!r} ({reason}: {detail})")
    if len(found.left_out) > 10:
        print(f"and {len(found.left_out) - 10:,} more")
    return EXIT_CHECKS_FAILED if found.left_out else 0
