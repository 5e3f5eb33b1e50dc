"""Alarms, what keeps them on, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from imgvet.monitor.compare import Comparison, Finding
from imgvet.monitor.events import alarms_after, events_of
from imgvet.monitor.history import Event, Run
from imgvet.monitor.rates import RATES, Proportion, WatchedRate
from imgvet.quality.checks import CHECK_BY_NAME
from imgvet.quality.result import CheckResult, CheckState

EXAMPLES = tuple(f"/photos/{number}.jpg" for number in range(9))
COUNTED = pd.concat(
    pd.DataFrame({"filename": EXAMPLES}).assign(alarm=rate.name, id=0, value=0) for rate in RATES
)


def rate(count: int, *, key: str = "novelty_rate", p_value: float = 1e-9) -> Finding:
    """So many of 100 new images, where 5 of 100 were usual."""
    before, after = Proportion(500, 10_000), Proportion(count, 100)
    effect = after.rate - before.rate
    return Finding(key, "new", effect, p_value, 0.02, 0.001, before, after)


def drift(name: str, score: float) -> Finding:
    medians = None if name == "embeddings" else (0.8, 0.41234)
    return Finding(f"drift:{name}", "new", score, 1e-9, 0.3, 0.001, medians=medians)


def check(name: str, state: CheckState = CheckState.FAILED) -> CheckResult:
    return CheckResult(
        name=name,
        title="Invalid files",
        state=state,
        severity="critical",
        observed="3 %",
        allowed="at most 1 %",
        value=0.03,
        section="invalid",
    )


def compared(number: int, *findings: Finding, checks: tuple[CheckResult, ...] = ()) -> Comparison:
    run = Run(
        run_id=f"run-{number}", started=f"2030-01-{number:02}T06:00:00+00:00", dataset="photos",
        new_counts={"images": 100},
    )  # fmt: skip
    return Comparison(run, findings, checks, COUNTED)


def failed(number: int, reason: str = "disk full") -> Comparison:
    run = compared(number).run.model_copy(update={"status": "failed", "notice": reason})
    return Comparison(run)


def told(*runs: Comparison) -> list[list[Event]]:
    """What is said of each run of a history, one after the other."""
    alarms: tuple[str, ...] = ()
    said = []
    for run in runs:
        following = replace(run, run=run.run.model_copy(update={"alarms": alarms}))
        said.append(list(events_of(following)))
        alarms = alarms_after(following)
    return said


def names(*runs: Comparison) -> list[list[str]]:
    return [[event.name for event in events] for events in told(*runs)]


def test_an_alarm_is_said_once_and_so_is_its_all_clear() -> None:
    runs = [compared(number, rate(count)) for number, count in enumerate((5, 30, 31, 30, 5, 5), 1)]
    jumped, recovered = "imgvet.novelty-rate.jumped", "imgvet.novelty-rate.recovered"
    assert names(*runs) == [[], [jumped], [], [], [recovered], []]


def test_an_alarm_needs_a_difference_and_proof() -> None:
    assert names(compared(1, rate(6))) == [[]]
    assert names(compared(1, rate(30, p_value=0.002))) == [[]]


def test_an_alarm_that_is_on_does_not_flicker() -> None:
    weaker = rate(8, p_value=0.01)  # would raise none
    assert not weaker.alarming
    assert names(compared(1, rate(30)), compared(2, weaker), compared(3, rate(30)))[1:] == [[], []]


def test_what_could_not_be_judged_stays_on() -> None:
    assert names(compared(1, rate(30)), compared(2), compared(3, rate(30)))[1:] == [[], []]


def test_alarms_stay_on_through_a_run_of_other_parameters_and_are_not_said_again() -> None:
    not_compared = compared(2)
    runs = [compared(1, rate(30)), not_compared, compared(3, rate(30)), compared(4, rate(5))]
    assert names(*runs) == [
        ["imgvet.novelty-rate.jumped"], [], [], ["imgvet.novelty-rate.recovered"],
    ]  # fmt: skip


def test_a_failed_run_says_nothing_of_the_dataset() -> None:
    assert names(
        compared(1, rate(30)), failed(2), failed(3), compared(4, rate(30)), compared(5, rate(5))
    ) == [
        ["imgvet.novelty-rate.jumped"],
        ["imgvet.run.failed"],
        [],
        ["imgvet.run.recovered"],
        ["imgvet.novelty-rate.recovered"],
    ]


@pytest.mark.parametrize("new", [0, 19])
def test_drift_is_over_when_there_are_too_few_new_images_for_it(new: int) -> None:
    few = compared(2)
    few = replace(few, run=few.run.model_copy(update={"new_counts": {"images": new}}))
    assert names(compared(1, drift("mean", 0.5)), compared(2)) == [["imgvet.drift.detected"], []]
    assert names(compared(1, drift("mean", 0.5)), few)[1] == ["imgvet.drift.ended"]


def test_drift_is_said_in_one_event_and_more_of_it_in_another() -> None:
    first = compared(1, drift("sharpness", 0.5), drift("mean", 0.4), drift("max", 0.1))
    second = compared(2, drift("sharpness", 0.5), drift("mean", 0.1), drift("max", 0.6))
    said = told(first, second)
    assert [event.alarms for event in said[0]] == [("drift:mean", "drift:sharpness")]
    assert [(event.name, event.alarms) for event in said[1]] == [
        ("imgvet.drift.detected", ("drift:max",)),
        ("imgvet.drift.ended", ("drift:mean",)),
    ]


def test_checks_are_said_when_they_begin_to_fail_and_when_they_pass_again() -> None:
    errored = check("dark_rate", CheckState.ERRORED)
    runs = [
        compared(1, checks=(check("invalid_rate"),)),
        compared(2, checks=(check("invalid_rate"), errored)),
        compared(3),
    ]
    said = told(*runs)
    assert [[event.alarms for event in events] for events in said] == [
        [("check:invalid_rate",)],
        [("check:dark_rate",)],
        [("check:dark_rate", "check:invalid_rate")],
    ]
    assert said[0][0].severity == "critical"
    assert "Invalid files: 3 %, allowed is at most 1 %." in said[0][0].body
    assert said[2][0].severity == "info"


@pytest.mark.parametrize("watched", RATES)
def test_every_rate_has_an_event_with_its_severity(watched: WatchedRate) -> None:
    (event,) = told(compared(1, rate(30, key=watched.name)))[0]
    check = CHECK_BY_NAME.get(watched.name)
    assert event.severity == (check.severity if check else "warning")
    assert (event.before, event.after) == (0.05, 0.3)


def test_the_text_reads_well_on_a_phone() -> None:
    whole = replace(rate(7), population="whole", effect=0.025)
    (event,) = told(compared(3, whole, rate(30)))[0]
    assert event.title == "photos: novelty rate jumped from 5 % to 30 % among new images"
    assert event.body.splitlines() == [
        "Of 100 new images, 30 are unlike the baseline's; until now 5 % of 10,000.",
        "Whole dataset: 7 % of 100 images unlike the baseline's, baseline 5 % of 10,000.",
        "Chance alone makes such a difference in less than 1 of 1,000,000 comparisons.",
        "See: 0.jpg, 1.jpg, 2.jpg",
    ]
    assert event.examples == EXAMPLES


def test_the_other_texts_say_what_happened() -> None:
    (event,) = told(compared(1, drift("sharpness", 0.5), drift("embeddings", 0.6)))[0]
    assert event.title == "photos: new images differ in what they show and sharpness"
    assert "Sharpness: median 0.8 before, 0.4123 now (drift 0.50 of 1)." in event.body
    (event,) = told(compared(1, replace(drift("file_size", 0.5), medians=(91_970.0, 8_044.0))))[0]
    assert "File size: median 91,970 before, 8,044 bytes now (drift" in event.body
    (event,) = told(failed(1, "disk full"))[0]
    assert event.title == "photos: the run failed"
    assert event.body == "disk full"
    for events in told(
        compared(1, rate(30), drift("sharpness", 0.5)),
        compared(2, rate(5), drift("sharpness", 0.1)),
    ):
        for event in events:
            assert len(event.title) <= 90
            assert len(event.body.splitlines()) <= 5
