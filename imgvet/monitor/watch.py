"""Watch a run: which run is its baseline, how it compares, and what is to be said of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from imgvet.errors import RunNotFoundError
from imgvet.format import filled
from imgvet.monitor import baselines
from imgvet.monitor.alarms import is_compared
from imgvet.monitor.baselines import Baseline, kept_baselines, read_baseline
from imgvet.monitor.compare import Comparison, Finding, compare, in_order_since
from imgvet.monitor.events import count_images, with_events
from imgvet.monitor.history import (
    UNSEEN,
    Run,
    as_latest,
    find_run,
    monitored_runs,
    open_history,
    read_history,
)
from imgvet.monitor.images import Images, Keys, new_items
from imgvet.monitor.options import FIRST, WatchOptions, is_baseline, last_of
from imgvet.monitor.rates import rates_in_words
from imgvet.monitor.shape import count_groups, judge_shape
from imgvet.quality.result import CheckResult, CheckState
from imgvet.quality.summarize import totals
from imgvet.workdir import WorkDir, write_text

CHOSEN = "baselines/chosen.txt"  # in a work dir: the baseline that was set
REMEDY = "Choose another with 'imgvet baseline OUT --set RUN'."

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
    """How a finished run, whose alarms are those before it, compares; and what is kept of it."""
    own, (baseline, known) = baselines.baseline_of(run, images), references
    reference = baseline or own
    similarity = baselines.nearest_similarity(images, reference.sample)
    flags = images.flags_below(similarity, reference.novelty_limit)
    new = new_items(images.keys, known)
    run = run.model_copy(
        update={
            "monitored": True,
            "baseline": baseline.run.run_id if baseline else None,
            "counts": {**run.counts, **totals(flags)},
            "groups": count_groups(images.groups),
            "new_counts": {**run.new_counts, **totals(flags[new])},
        }
    )
    fresh = baselines.sample_of(images, np.flatnonzero(new[images.first]), np.float32)
    findings: tuple[Finding, ...] = ()
    if baseline:
        fresh_groups = count_groups(images.groups[new])
        findings = compare(run, fresh, baseline, history, options)
        findings += judge_shape(run, fresh_groups, baseline.run, history, options)
    failed = tuple(check for check in checks if check.state is not CheckState.PASSED)
    comparison = Comparison(run, findings, failed)
    counted = count_images(comparison, images, flags, new, similarity)
    run = with_events(replace(comparison, counted=counted))
    enough = baseline is None or run.new_images >= options.min_new_images
    in_order = enough and not any(map(is_compared, run.alarms))
    run = run.model_copy(update={"in_order": in_order})
    return replace(comparison, run=run, counted=counted), own


def watch_run(
    work: WorkDir, run: Run, images: Images, checks: Sequence[CheckResult], options: WatchOptions
) -> tuple[Run, pd.DataFrame]:
    """Watch a run of a work dir, which the caller holds, before its results are published.

    Returns its row, to be put last into the history, and the table alarms. Its baseline is kept
    at once: that of a run which never gets into the history is not in the way of the next.
    HistoryError if the history was written by a later version.
    """
    rows, renamed = open_history(work)
    history = [row for row in rows if row.monitored and row.run_id != run.run_id]
    references, notice = _find_references(work, history, options, run)
    kept = {"notice": f"{renamed} {notice}".strip(), "new_counts": _unseen(work, images, history)}
    run = as_latest(rows, run).model_copy(update=kept)
    comparison, own = watch(run, images, checks, history, references, options)
    baselines.write_baseline(work, own)
    compared = tuple(finding.kept for finding in comparison.findings)
    run = comparison.run.model_copy(update={"compared": compared})
    _forget(work, [*history, run], options)
    return run, comparison.counted


def _unseen(work: WorkDir, images: Images, history: Sequence[Run]) -> dict[str, int]:
    """How many images the run before did not have; nothing if that is not known."""
    last = next((row for row in reversed(history) if row.status == "finished"), None)
    before = last and read_baseline(work, last)
    return {UNSEEN: int(new_items(images.keys, [before.keys]).sum())} if before else {}


def _find_references(
    work: WorkDir, history: Sequence[Run], options: WatchOptions, run: Run
) -> tuple[References, str]:
    """What a run is compared with, that in force and the last in order; and a notice on it."""
    kept = kept_baselines(work) - {run.run_id}
    chosen, notice = choose(history, kept, in_force(work, options.baseline), run.settings)
    if chosen is None:
        return (None, ()), notice
    if (baseline := read_baseline(work, chosen)) is None:
        said = f"Not compared: the baseline, run {chosen.run_id}, can't be read. {REMEDY}"
        return (None, ()), said
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
    baselines.forget_baselines(work, frozenset(wanted - {FIRST}))


def choose(
    history: Sequence[Run], kept: frozenset[str], wanted: str, settings: Mapping[str, str]
) -> tuple[Run | None, str]:
    """Which of the monitored runs before it, and of those kept, a run is compared with.

    None if there is none; with it comes what a person should know of it, empty if nothing.
    """
    number = last_of(wanted)
    if wanted != FIRST and number is None:
        return _named(history, kept, wanted, settings)
    finished = [run for run in history if run.status == "finished"]
    alike = [run for run in finished if not run.changes(settings)]
    if not finished:
        return None, "The first run: later ones are compared with it."
    if not alike:
        changes = ", ".join(finished[-1].changes(settings).values())
        said = f"Not compared with earlier runs: {changes}. Later runs are compared with this."
        return None, said
    known = [run for run in alike if run.run_id in kept]
    if not known:
        said = "The baselines were deleted, so nothing was compared. Later runs are, with this."
        return None, said
    good = [run for run in known if run.in_order] or known
    if number is not None or known[0] is alike[0]:
        return (good if number is None else good[-number:])[0], ""
    gone = f"The baseline, run {alike[0].run_id}, was deleted"
    return good[0], f"{gone}; run {good[0].run_id} of {good[0].minute} UTC is the first one now."


def _named(
    history: Sequence[Run], kept: frozenset[str], run_id: str, settings: Mapping[str, str]
) -> tuple[Run | None, str]:
    run, said = find_run(history, run_id), f"the baseline, run {run_id}"
    if run is None or run_id not in kept:
        what = "is not in the history" if run is None else "was deleted"
        return None, f"Not compared: {said}, {what}. {REMEDY}"
    if changes := run.changes(settings):
        return None, f"Not compared with {said}: {', '.join(changes.values())}. {REMEDY}"
    return run, ""


def in_force(work: WorkDir, option: str | None) -> str:
    """Which baseline is wanted: the option if given, else what was set, else the first run."""
    path = work.path / CHOSEN
    text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    return option or (text if is_baseline(text) else FIRST)


def set_baseline(work: WorkDir, wanted: str) -> None:
    """Choose the baseline of later runs: first, last:N or a run id.

    RunNotFoundError if none is kept of that run, HistoryError if the history can't be read.
    """
    if wanted != FIRST and last_of(wanted) is None:
        kept = kept_baselines(work)
        known = [run.run_id for run in read_history(work) if run.run_id in kept]
        if wanted not in known:
            raise RunNotFoundError(
                f"Of run {wanted!r} no baseline is kept in {work.path}",
                f"Kept are {', '.join(known[::-1])}" if known else "Watch a run first",
            )
    write_text(work.path / CHOSEN, wanted + "\n")


def baseline_lines(work: WorkDir) -> list[str]:
    """Which run later runs are compared with, its rates, and which could be set instead."""
    history = monitored_runs(work)
    last = next((run for run in reversed(history) if run.status == "finished"), None)
    if last is None:
        return ["No run was watched yet: the first one becomes the baseline."]
    kept, wanted = kept_baselines(work), in_force(work, None)
    chosen, notice = choose(history, kept, wanted, last.settings)
    baseline = chosen and read_baseline(work, chosen)
    rates = rates_in_words(baseline.run.counts) if baseline else {}
    text = filled(
        "baseline.txt", wanted=wanted, notice=notice, baseline=baseline and baseline.run,
        rates=", ".join(f"{name.lower()} {share}" for name, share in rates.items()),
        runs=history[::-1], kept=kept,
    )  # fmt: skip
    return text.splitlines()
