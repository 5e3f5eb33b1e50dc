"""How often is a watched dataset a false alarm, and how often is a true jump seen?

    python -m benchmarks.watching                   hundreds of histories, some minutes
    python -m benchmarks.watching --histories 20    a quick look
    python -m benchmarks.watching --json table.json

The histories are drawn: :mod:`benchmarks.drawn_histories`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import binom, hypergeom

from benchmarks.drawn_histories import QUIET_RUNS, Outcome, Plan, World, simulate
from benchmarks.machine import cores, this_machine
from benchmarks.rows import Row, as_lines, at_least, at_most, only, write_json
from imgvet.monitor.compare import SHARE_OF_RATES, Comparison
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.rates import RATES

HISTORIES = 300
FEW_RUNS = 4
QUESTIONS = 2 * len(RATES)
"""About rates: each of the new images and of the whole."""
FALSE_ALARMS, CAUGHT = 0.01, 0.99
JUMPED, RECOVERED = "imgvet.novelty-rate.jumped", "imgvet.novelty-rate.recovered"


def alarming(run: Comparison) -> bool:
    """Whether a run would have raised an alarm, had none been on."""
    return any(finding.alarming for finding in run.findings)


def power(known: int, new: int, before: float, after: float, options: WatchOptions) -> float:
    """How probably a jump of one rate is seen among new images: exact, nothing is drawn.

    Args:
        known: images that the rate is known from.
        new: new images.
        before: the true rate until now.
        after: the true rate of the new images.
        options: when to raise an alarm. All rates are watched, each in two ways.
    """
    level = SHARE_OF_RATES * options.false_alarm_rate / QUESTIONS
    counts = np.arange(*_span(new, after))
    chance = binom.pmf(counts, new, after)
    total = 0.0
    for earlier in range(*_span(known, before)):
        rises = counts / new - earlier / known >= options.min_difference
        seen = (counts - 1, known + new, earlier + counts, new)
        mid_p = (hypergeom.sf(*seen) + hypergeom.sf(counts, *seen[1:])) / 2
        seen = chance[rises & (mid_p <= level)].sum()
        total += float(binom.pmf(earlier, known, before) * seen)
    return total


def _span(of: int, rate: float) -> tuple[int, int]:
    low, high = binom.interval(1 - 1e-9, of, rate)
    return int(low), int(high) + 1


def outcomes(plan: Plan, histories: int) -> list[Outcome]:
    """As many histories of one plan, on all cores."""
    with ProcessPoolExecutor(cores()) as pool:
        return list(pool.map(partial(simulate, plan), range(histories), chunksize=4))


def caught(comparison: Comparison) -> bool:
    """Whether the alarm of the novelty rate is on after a run."""
    return "novelty_rate" in comparison.run.alarms


def share(answers: Iterable[bool]) -> float:
    """The share of answers that are yes."""
    values = list(answers)
    return sum(values) / len(values)


def watching(histories: int) -> list[Row]:
    """All figures."""
    rows = _exact()
    for measure in (_replaced, _first_runs, _growing, _days, _drifting):
        found = measure(histories)
        for row in found:
            print(f"{row.number}: {row.measured}", file=sys.stderr, flush=True)
        rows += found
    return rows


def _replaced(histories: int) -> list[Row]:
    """Each run brings 1,000 other images; then one with a jump, and one without."""
    found = outcomes(Plan(last=(World(outlier=0.10), World())), histories)
    quiet = [run for outcome in found for run in outcome.quiet]
    jumped = [outcome for outcome in found if tells(outcome.last[0], JUMPED)]
    runs = f"{len(quiet):,} runs of 1,000 other images, nothing changes"
    return [
        at_most(f"{runs}: false alarms", share(map(alarming, quiet)), FALSE_ALARMS),
        at_least(
            f"{len(found):,} jumps of outliers from 5 to 10 % in 1,000 images, after "
            f"{QUIET_RUNS} runs: caught",
            share(caught(outcome.last[0]) for outcome in found),
            CAUGHT,
        ),
        only(
            "of the runs after them, back at 5 %: all-clear at once",
            share(tells(outcome.last[1], RECOVERED) for outcome in jumped),
        ),
    ]


def _first_runs(histories: int) -> list[Row]:
    """The second run of all already jumps, so that 1,000 images are all that is known."""
    rows = []
    for first in (1000, 5000):
        found = outcomes(Plan(first=first, quiet=0, last=(World(outlier=0.10),)), histories)
        rows.append(
            only(
                f"the same jump in the run after a baseline of {first:,} images: caught",
                share(caught(outcome.last[0]) for outcome in found),
            )
        )
    return rows


def _growing(histories: int) -> list[Row]:
    """2,000 images grow by 120 a run, 30 % of the last 120 being outliers."""
    plan = Plan(first=2000, batch=120, growing=True, quiet=FEW_RUNS, last=(World(outlier=0.30),))
    found = outcomes(plan, histories)
    quiet = [run for outcome in found for run in outcome.quiet]
    what = "2,000 images that grow by 120 a run"
    return [
        at_most(f"{what}: false alarms", share(map(alarming, quiet)), FALSE_ALARMS),
        at_least(
            "30 % outliers among 120 new images: caught",
            share(caught(outcome.last[0]) for outcome in found),
            CAUGHT,
        ),
        only(
            "the same, had only the whole dataset been watched",
            share(_by_whole(outcome.last[0]) for outcome in found),
        ),
    ]


def _days(histories: int) -> list[Row]:
    """The novelty rate differs from day to day by more than chance."""
    plan = Plan(world=World(day_spread=0.02), quiet=2 * QUIET_RUNS)
    found = outcomes(plan, histories // 3 or 1)
    early = [run for outcome in found for run in outcome.quiet[:QUIET_RUNS]]
    late = [run for outcome in found for run in outcome.quiet[QUIET_RUNS:]]
    what = "rate differs by 2 points (s.d.) from run to run"
    return [
        only(f"{what}: runs that tell of a new jump, first {QUIET_RUNS}", _telling(early)),
        only(f"{what}: the next {QUIET_RUNS}, that being known", _telling(late)),
    ]


def _drifting(histories: int) -> list[Row]:
    """Metrics and embeddings move by one standard deviation."""
    found = outcomes(Plan(quiet=1, last=(World(shift=1.0),)), histories // 3 or 1)
    return [
        at_least(
            "metrics and embeddings move by 1 s.d. in 1,000 images: drift detected",
            share(tells(outcome.last[0], "imgvet.drift.detected") for outcome in found),
            CAUGHT,
        )
    ]


def _exact() -> list[Row]:
    options = WatchOptions()
    return [
        only(
            f"from 5 to 10 % in 1,000 images where {known:,} are known: caught, at least",
            power(known, 1000, 0.05, 0.10, options),
        )
        for known in (1000, 2000, 4000, 6000, 10_000)
    ]


def tells(comparison: Comparison, name: str) -> bool:
    """Whether a run says an event of a name."""
    return any(event.name == name for event in comparison.run.events)


def _telling(runs: Sequence[Comparison]) -> float:
    return share(tells(run, JUMPED) for run in runs)


def _by_whole(comparison: Comparison) -> bool:
    return any(
        finding.alarming and finding.population == "whole"
        for finding in comparison.findings
        if finding.key == "novelty_rate"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--histories", type=int, default=HISTORIES, help=f"[{HISTORIES}]")
    parser.add_argument("--json", type=Path, help="write the table to this file, too")
    options = parser.parse_args(arguments)
    machine, rows = this_machine(), watching(options.histories)
    print("\n".join(as_lines(rows, machine)))
    if options.json:
        write_json(rows, machine, options.json)


if __name__ == "__main__":
    main()
