"""``imgvet report OUT``: build the report of a finished run again, from its tables alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_report_command(commands: Any) -> None:
    """Add the command to the parser of ``imgvet``."""
    report = commands.add_parser(
        "report", help="build the report of a finished run again, from its tables alone"
    )
    report.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="its work dir")
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from imgvet.past_runs import past_runs
    from imgvet.reports.build import report_of
    from imgvet.store.references import digest_file
    from imgvet.workdir import exclusive, open_finished

    work = open_finished(options.work_dir)
    with exclusive(work):
        page = report_of(work, past_runs(work, digest_file(work.summary_json)))
    print(page)
    return 0
