"""Watch a run: compare it with its baseline, add it to the history, say what is to be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from imgvet.errors import HistoryError
from imgvet.monitor.baselines import (
    Baseline,
    baseline_of,
    forget_baselines,
    kept_baselines,
    nearest_similarity,
    read_baseline,
    sample_of,
    write_baseline,
)
from imgvet.monitor.choose import REMEDY, choose, in_force
from imgvet.monitor.compare import DRIFT, Comparison, compare, in_order_since
from imgvet.monitor.events import alarms_after, events_of, is_compared, lapsed
from imgvet.monitor.history import (
    Run,
    find_run,
    history_path,
    open_history,
    read_history,
    save_run,
)
from imgvet.monitor.images import Images, Keys, count, new_items, read_images
from imgvet.monitor.options import FIRST, MonitorOptions, WatchOptions
from imgvet.quality.result import CheckResult, CheckState, read_results
from imgvet.summary import read_record
from imgvet.workdir import WorkDir

QUANTILES = (0.05, 0.5, 0.95)
"""Quantiles of each metric that are kept."""

References = tuple[Baseline | None, Sequence[Keys]]
"""What a run is compared with: the baseline, if there is one, and the sorted contents of earlier
runs, those of the baseline among them."""


def watch(
    run: Run,
    images: Images,
    checks: Sequence[CheckResult],
    history: Sequence[Run],
    references: References,
    options: WatchOptions,
) -> tuple[Comparison, Baseline]:
    """Compare a finished run with its baseline; reads and writes nothing.

    Returns:
        how it compares, with its row of the history; and what is kept of it as a baseline.
    """
    own, (baseline, known) = baseline_of(run, images), references
    reference = baseline or own
    similarity = nearest_similarity(images, reference.sample)
    flags = images.flags_below(similarity, reference.outlier_limit)
    new = new_items(images.keys, known)
    quantiles = np.nanquantile(images.metrics, QUANTILES, axis=0).T.tolist()
    run = run.model_copy(
        update={
            "monitored": True,
            "baseline": baseline.run.run_id if baseline else None,
            "counts": {**run.counts, **count(flags)},
            "new_counts": count(flags[new]),
            "quantiles": dict(zip(images.metrics, map(tuple, quantiles), strict=True)),
        }
    )
    fresh = sample_of(images, np.flatnonzero(new[images.first]), np.float32)
    comparison = Comparison(
        run=run,
        before=alarms_of(history),
        baseline=baseline.run if baseline else None,
        findings=compare(run, fresh, baseline, history, options) if baseline else (),
        failed_checks=tuple(check for check in checks if check.state is not CheckState.PASSED),
        examples=images.examples(flags, similarity, new),
    )
    return _judged(comparison, options), own


def _judged(comparison: Comparison, options: WatchOptions) -> Comparison:
    """Add to the run its alarms and what is to be said of it."""
    run, alarms, gone = comparison.run, alarms_after(comparison), lapsed(comparison)
    drifts = [finding for finding in comparison.findings if finding.key.startswith(DRIFT)]
    lapse = f"Alarms that lapse: {', '.join(gone)}." if gone else ""
    enough = comparison.baseline is None or run.new_images >= options.min_new_images
    update = {
        "notice": " ".join(filter(None, [run.notice, lapse])),
        "in_order": enough and not any(map(is_compared, alarms)),
        "alarms": alarms,
        "drift": {finding.key.removeprefix(DRIFT): finding.effect for finding in drifts},
        "events": events_of(comparison),
    }
    return replace(comparison, run=run.model_copy(update=update))


def alarms_of(history: Sequence[Run]) -> tuple[str, ...]:
    """Alarms that are on after the runs of a history."""
    return history[-1].alarms if history else ()


def watch_run(work: WorkDir, options: MonitorOptions) -> Run:
    """Watch the run whose results lie in a work dir. The caller holds the work dir.

    Its baseline is kept first and its row changed last, so a run that is killed in between is
    not in the way of the next. A retry of a run that was watched adds nothing.

    Raises:
        HistoryError: the history can't be read.
    """
    rows = read_history(work)
    run_id = read_record(work).run_id
    run = find_run(rows, run_id)
    if run is None:
        raise HistoryError(f"Run {run_id} is not in {history_path(work)}", "Run again")
    if run.monitored:
        return run
    history = [row for row in rows if row.monitored]
    references, notice = find_references(work, history, options, run)
    notice = " ".join(filter(None, (run.notice, notice)))
    run = run.model_copy(update={"dataset": options.dataset, "notice": notice})
    checks = read_results(work.checks_json)
    comparison, own = watch(run, read_images(work), checks, history, references, options)
    write_baseline(work, own)
    save_run(work, comparison.run)
    _forget(work, [*history, comparison.run], options)
    return comparison.run


def watch_failed_run(work: WorkDir, run: Run) -> Run:
    """Add a run that failed to the history; of ``notice``, why it failed, the first line is used.

    Raises:
        HistoryError: the history was written by a later version.
    """
    history = [row for row in open_history(work)[0] if row.monitored]
    reason = next(iter(run.notice.strip().splitlines()), "")
    run = run.model_copy(update={"status": "failed", "monitored": True, "notice": reason})
    comparison = Comparison(run, alarms_of(history))
    update = {"alarms": alarms_after(comparison), "events": events_of(comparison)}
    failed = run.model_copy(update=update)
    save_run(work, failed)
    return failed


def find_references(
    work: WorkDir, history: Sequence[Run], options: WatchOptions, run: Run
) -> tuple[References, str]:
    """What a run is compared with, that in force and the last in order; and a notice on it."""
    kept = kept_baselines(work) - {run.run_id}
    chosen, notice = choose(history, kept, in_force(work, options.baseline), run.settings)
    if chosen is None:
        return (None, ()), notice
    baseline = read_baseline(work, chosen)
    if baseline is None:
        why = f"Not compared: the baseline, run {chosen.run_id}, can't be read. {REMEDY}"
        return (None, ()), why
    last = (read_baseline(work, row) for row in in_order_since(history, chosen)[-1:])
    return (baseline, [found.keys for found in (baseline, *last) if found is not None]), notice


def _forget(work: WorkDir, history: Sequence[Run], options: WatchOptions) -> None:
    """Keep baselines of the first run of each kind, the last ones, and those that are in use."""
    rows = [run for run in history if run.status == "finished"]
    last, most = rows[-1], options.keep_baselines
    alike = [run for run in rows if not run.changes(last.settings)]
    in_order = [run for run in rows if run.in_order]
    wanted = {run.run_id for run in (*rows[-most:], *alike[:1], *in_order[-most:])}
    wanted |= {last.baseline or last.run_id, in_force(work, options.baseline)}
    forget_baselines(work, frozenset(wanted - {FIRST}))
