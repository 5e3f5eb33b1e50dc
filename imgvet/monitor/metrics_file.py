"""The last run of a dataset as a file for Prometheus, such as its node exporter collects."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from imgvet.format import slug
from imgvet.monitor.history import Run
from imgvet.monitor.rates import RATES
from imgvet.quality.result import CheckResult, CheckState
from imgvet.summary import RunRecord, Verdict
from imgvet.workdir import write_text

_logger = logging.getLogger(__name__)


def metrics_text(
    run: Run, checks: Sequence[CheckResult] = (), record: RunRecord | None = None
) -> str:
    """A run in the text format of Prometheus; of one that failed there is no more than its row."""
    registry = CollectorRegistry()

    def add(name: str, said: str, values: Mapping[Any, float], *labels: str) -> None:
        gauge = Gauge(f"imgvet_{name}", said, ("dataset", *labels), registry=registry)
        for names, value in values.items():
            gauge.labels(run.dataset, *names).set(value)

    started = datetime.fromisoformat(run.started).timestamp()
    add("run_started_timestamp_seconds", "When the last run began", {(): started})
    add("run_failed", "Whether it ended without results", {(): run.status == "failed"})
    add("alarms", "How many alarms are on", {(): len(run.alarms)})
    add("alarm", "1 of each alarm that is on", {(key,): 1 for key in run.alarms}, "alarm")
    if record is None:
        return generate_latest(registry).decode()
    shares = {rate.name: rate.proportion(run.counts) for rate in RATES}
    add("run_seconds", "How long it took", {(): record.seconds})
    counts = {(name,): number for name, number in run.counts.items()}
    counts |= {("new",): run.new_images} if run.monitored else {}
    add("images", "What was counted, and new images of monitored runs", counts, "what")
    add("rate", "Shares that are watched", {(n,): s.rate for n, s in shares.items() if s}, "rate")
    verdicts = {(one.value,): one is run.verdict for one in Verdict}
    add("verdict", "1 of the verdict, 0 of the others", verdicts, "verdict")
    failed = {(one.name, one.severity): one.state is not CheckState.PASSED for one in checks}
    add("check_failed", "Whether a check did not pass", failed, "check", "severity")
    seconds = {(stage.stage,): stage.seconds for stage in record.stages}
    add("stage_seconds", "How long each stage took", seconds, "stage")
    return generate_latest(registry).decode()


def write_metrics(
    path: Path | None, run: Run, checks: Sequence[CheckResult] = (), record: RunRecord | None = None
) -> None:
    """Write a run to a file, or to one named as its dataset in a folder; no run fails for it.

    A name without an ending is that of a folder: Prometheus collects files that end in .prom.
    """
    if path is None:
        return
    if path.is_dir() or not (path.suffix or path.is_file()):
        is_plain = re.fullmatch(r"[A-Za-z0-9_.-]+", run.dataset)
        path /= f"imgvet-{run.dataset if is_plain else slug(run.dataset)}.prom"
    try:
        write_text(path, metrics_text(run, checks, record))
    except OSError as error:
        _logger.warning("The metrics could not be written to %s: %s", path, error)
