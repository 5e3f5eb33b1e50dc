"""A whole run of imgvet, as a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.process import Finished, run


def run_imgvet(pictures: Path, work_dir: Path, *options: str) -> Finished:
    """``imgvet run`` on a folder, from the command to the report on disk."""
    command = [sys.executable, "-m", "imgvet.interface.cli", "run", str(pictures)]
    command += ["--work-dir", str(work_dir), *options]
    finished = run(command, {}, work_dir.with_suffix(".log"))
    if not (work_dir / "report" / "index.html").is_file():
        raise RuntimeError(f"the run left no report in {work_dir}")
    return finished
