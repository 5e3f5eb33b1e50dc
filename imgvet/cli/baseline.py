"""The command ``imgvet baseline``: show or choose what later runs are compared with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from imgvet.errors import InvalidParameterError, RunNotFoundError


def add_baseline_command(commands: Any) -> None:
    """Add ``imgvet baseline`` to the commands."""
    baseline = commands.add_parser(
        "baseline",
        help="show or choose what monitored runs are compared with",
        description="Show which run later runs are compared with, or choose another.",
    )
    baseline.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="the watched work dir")
    baseline.add_argument(
        "--set", dest="wanted", metavar="RUN", help="first, last:N, or the id of a run"
    )
    baseline.set_defaults(command=_baseline)


def _baseline(options: argparse.Namespace) -> int:
    from imgvet.monitor.choose import baseline_lines, set_baseline
    from imgvet.monitor.options import is_run_id, last_of
    from imgvet.workdir import WorkDir

    work = WorkDir(options.work_dir.expanduser().absolute())
    if not work.path.is_dir():
        raise RunNotFoundError(
            f"No watched dataset in {options.work_dir}",
            f"Start with 'imgvet monitor INPUT --work-dir {options.work_dir}'",
        )
    wanted = options.wanted
    if wanted is not None:
        if not is_run_id(wanted) and last_of(wanted) is None:
            raise InvalidParameterError(
                f"--set {wanted!r} is no baseline", "Use first, last:N or a run id"
            )
        set_baseline(work, wanted)
    print("\n".join(baseline_lines(work)))
    return 0
