"""A bounded version of the simulation: few false alarms, and jumps that are caught.

Bounds are such that what the documentation promises fails them in less than one of 10,000 cases;
the seeds are fixed, so a failure is a change.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drawn_histories import Plan, World, simulate
from benchmarks.watching import JUMPED, QUESTIONS, RECOVERED, alarming, caught, power
from imgvet.monitor.compare import SHARE_OF_RATES
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.rates import NOVEL, Proportion, p_of_rise

HISTORIES = 4


def test_quiet_histories_are_quiet_and_jumps_are_caught_once() -> None:
    plan = Plan(quiet=3, last=(World(outlier=0.12), World(outlier=0.12), World()))
    found = [simulate(plan, seed) for seed in range(HISTORIES)]
    assert sum(alarming(run) for outcome in found for run in outcome.quiet) <= 1
    for outcome in found:
        assert caught(outcome.last[0])
        names = [event.name for found in outcome.last for event in found.run.events]
        assert names.count(JUMPED) == 1
        assert names.count(RECOVERED) <= 1
    assert sum(not caught(outcome.last[2]) for outcome in found) >= HISTORIES - 2


def test_a_bad_batch_is_seen_where_the_whole_does_not_move() -> None:
    plan = Plan(first=1500, batch=120, growing=True, quiet=1, last=(World(outlier=0.35),))
    for seed in range(2):
        outcome = simulate(plan, seed)
        assert caught(outcome.last[0])
        counts = outcome.last[0].run.counts
        assert counts[NOVEL] / counts["valid"] < 0.09


@pytest.mark.parametrize(("known", "least"), [(1000, 0.79), (10_000, 0.99)])
def test_a_jump_from_5_to_10_percent_in_1000_images_is_caught(known: int, least: float) -> None:
    assert power(known, 1000, 0.05, 0.10, WatchOptions()) >= least


def test_the_computed_power_is_that_of_a_simulation() -> None:
    rng = np.random.default_rng(6)
    options = WatchOptions()
    level = SHARE_OF_RATES * options.false_alarm_rate / QUESTIONS
    seen = 0
    for _ in range(1000):
        now, before = (
            Proportion(int(rng.binomial(300, 0.15)), 300),
            Proportion(int(rng.binomial(500, 0.05)), 500),
        )
        seen += now.rate - before.rate >= 0.02 and p_of_rise(now, before) <= level
    assert seen / 1000 == pytest.approx(power(500, 300, 0.05, 0.15, options), abs=0.04)
