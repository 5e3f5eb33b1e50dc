"""Read the results of a finished run back: from its work dir, or from stored stage outputs."""

from __future__ import annotations

from imgvet.summary import RunRecord, RunSummary
from imgvet.workdir import WorkDir


def read_summary(work: WorkDir) -> RunSummary:
    """The summary of a finished run."""
    return RunSummary.model_validate_json(work.summary_json.read_bytes())


def read_record(work: WorkDir) -> RunRecord:
    """The record of a finished run."""
    return RunRecord.model_validate_json(work.run_json.read_bytes())
