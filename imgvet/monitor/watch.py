"""Watch a run: compare it with its baseline, add it to the history, say what is to be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imgvet.errors import HistoryDamagedError
from imgvet.monitor.alarms import alarms_after, is_in_order, is_watched
from imgvet.monitor.baselines import (
    Baseline,
    forget_baselines,
    kept_baselines,
    read_baseline,
    write_baseline,
)
from imgvet.monitor.choice import Choice, are_alike, choose, in_force
from imgvet.monitor.compare import Comparison, compare, last_in_order
from imgvet.monitor.events import Event, events_of
from imgvet.monitor.facts import RunFacts, RunIdentity, read_facts
from imgvet.monitor.flagging import images_of
from imgvet.monitor.history import (
    History,
    HistoryRow,
    append_row,
    read_history,
    set_aside,
)
from imgvet.monitor.novelty import Keys
from imgvet.monitor.observe import Observed, as_baseline, observe
from imgvet.monitor.options import FIRST, WatchOptions
from imgvet.workdir import WorkDir


@dataclass(frozen=True)
class Watched:
    """What watching a run gave.

    Attributes:
        comparison: the run compared with its baseline.
        events: what is to be said.
        row: the run's row of the history.
        kept: what is kept of it as a baseline; None of a failed run.
    """

    comparison: Comparison
    events: tuple[Event, ...]
    row: HistoryRow
    kept: Baseline | None = None


@dataclass(frozen=True)
class References:
    """What a run is compared with.

    Attributes:
        baseline: the baseline, None if there is none.
        known: sorted contents of earlier runs, those of the baseline among them.
        notice: what a person should know of the choice.
    """

    baseline: Baseline | None = None
    known: Sequence[Keys] = ()
    notice: str = ""


def watch(
    facts: RunFacts, history: History, references: References, options: WatchOptions
) -> Watched:
    """Compare a finished run with its baseline; reads and writes nothing.

    Args:
        facts: the run.
        history: the runs before it.
        references: what it is compared with.
        options: when to raise an alarm.
    """
    images = images_of(facts)
    own, baseline = as_baseline(images), references.baseline
    if baseline is None:
        observed = observe(images, own, ())
        notice = _with_lapsed(references.notice, history.alarms)
        comparison = Comparison(
            identity=facts.identity,
            notice=notice,
            failed_checks=observed.failed_checks,
            examples=observed.examples,
        )
    else:
        observed = observe(images, baseline, references.known)
        comparison = compare(observed, baseline, history, options, references.notice)
    row = _row_of(observed, comparison, history, options)
    return Watched(comparison, tuple(events_of(history, comparison)), row, own)


def watch_failure(identity: RunIdentity, error: str, history: History) -> Watched:
    """What is to be said of a run that failed.

    Args:
        identity: which run it is.
        error: why it failed; only its first line is used.
        history: the runs before it.
    """
    reason = next(iter(error.strip().splitlines()), "")
    comparison = Comparison(identity=identity, status="failed", error=reason)
    row = HistoryRow(identity, "failed", alarms=alarms_after(history.alarms, comparison))
    return Watched(comparison, tuple(events_of(history, comparison)), row)


def watch_run(work: WorkDir, options: WatchOptions) -> Watched:
    """Watch the run whose results lie in a work dir. The caller holds the work dir.

    Its baseline is kept first and its row added last, so a run that is killed in between is
    watched again as if nothing had been. A retry of a run that is in the history adds nothing and
    gives the same events. A damaged history is set aside, and a new one begun.

    Raises:
        HistoryError: the history was written by a later version.
    """
    facts = read_facts(work)
    history, trouble = _history_for(work)
    history = history.before(facts.identity.run_id)
    references = find_references(work, history, options, facts)
    if trouble:
        references = replace(references, notice=f"{trouble} {references.notice}".strip())
    watched = watch(facts, history, references, options)
    if watched.kept is not None:
        write_baseline(work, watched.kept)
    append_row(work, watched.row)
    _forget(work, History((*history.rows, watched.row)), options)
    return watched


def watch_failed_run(work: WorkDir, identity: RunIdentity, error: str) -> Watched:
    """Watch a run that failed: its row is added to the history.

    Args:
        work: the work dir; the caller holds it.
        identity: which run it is.
        error: why it failed.
    """
    history, _ = _history_for(work)
    watched = watch_failure(identity, error, history.before(identity.run_id))
    append_row(work, watched.row)
    return watched


def find_references(
    work: WorkDir, history: History, options: WatchOptions, facts: RunFacts
) -> References:
    """What a run is compared with: the baseline in force, and the last run that was in order."""
    wanted = in_force(work, options.baseline)
    kept = kept_baselines(work) - {facts.identity.run_id}
    choice = choose(history, kept, wanted, facts.settings)
    baseline = read_baseline(work, choice.run_id) if choice.run_id else None
    if baseline is None and choice.run_id:
        choice = _without(choice)
    if baseline is None:
        return References(notice=choice.notice)
    last = last_in_order(history, baseline.about)
    recent = read_baseline(work, last.run_id) if last else None
    known = [baseline.keys, *([recent.keys] if recent else [])]
    return References(baseline, known, choice.notice)


def _without(choice: Choice) -> Choice:
    return Choice(
        None,
        f"Not compared: the baseline, run {choice.run_id}, can't be read. "
        "Choose another with 'imgvet baseline OUT --set RUN'.",
    )


def _history_for(work: WorkDir) -> tuple[History, str]:
    """The history, begun anew if it is damaged; and what a person should know of that."""
    try:
        return read_history(work), ""
    except HistoryDamagedError as error:
        return History(), f"{error.problem}; it is kept as {set_aside(work).name}."


def _with_lapsed(notice: str, alarms: Sequence[str]) -> str:
    lapsed = [key for key in alarms if is_watched(key)]
    return f"{notice} Alarms that lapse: {', '.join(lapsed)}." if lapsed else notice


def _row_of(
    observed: Observed, comparison: Comparison, history: History, options: WatchOptions
) -> HistoryRow:
    alarms = alarms_after(history.alarms, comparison)
    enough = comparison.baseline is None or observed.new.images >= options.min_new_images
    return HistoryRow(
        identity=observed.identity,
        settings=observed.settings,
        baseline=comparison.baseline.run_id if comparison.baseline else None,
        in_order=is_in_order(alarms) and enough,
        alarms=alarms,
        whole=observed.whole,
        new=observed.new,
        quantiles=observed.quantiles,
        drift=comparison.drift,
    )


def _forget(work: WorkDir, history: History, options: WatchOptions) -> None:
    """Keep baselines of the first run of each kind, the last ones, and those that are in use."""
    rows = [row for row in history.rows if row.status == "finished"]
    wanted = {row.run_id for row in rows[-options.keep_baselines :]}
    wanted |= {row.baseline for row in rows[-1:] if row.baseline}
    wanted |= {in_force(work, options.baseline)} - {FIRST}
    for row in rows[-1:]:
        alike = [other.run_id for other in rows if are_alike(other.settings, row.settings)]
        in_order = [other.run_id for other in rows if other.in_order]
        wanted |= {*alike[:1], *in_order[-options.keep_baselines :]}
    forget_baselines(work, frozenset(wanted))
