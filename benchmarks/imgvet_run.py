"""A whole run of imgvet, as a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.process import Finished, run


def run_imgvet(
    source: Path | str,
    work_dir: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """``imgvet run`` on one input, from the command to the report on disk."""
    command = [sys.executable, "-m", "imgvet", "run", str(source)]
    command += ["--work-dir", str(work_dir), *options]
    finished = run(command, environment or {}, work_dir.with_suffix(".log"))
    if not (work_dir / "report" / "index.html").is_file():
        raise RuntimeError(f"the run left no report in {work_dir}")
    return finished


def stage_seconds(work_dir: Path) -> dict[str, float]:
    """How long each stage of the last run in a work dir took, as the run itself recorded it."""
    record = json.loads((work_dir / "run.json").read_text(encoding="utf-8"))
    return {timing["stage"]: timing["seconds"] for timing in record["stages"]}
