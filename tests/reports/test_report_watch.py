"""A monitored run: the alarms that are on, what each counts, and all runs over time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgvet.monitor.alarms import in_short
from imgvet.reports import limits
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.sections.watch import alarms
from imgvet.sections import Section
from support.report_sections import section, words


def test_runs_are_told_apart_by_the_ends_of_their_ids(full_inputs: ReportInputs) -> None:
    # Prefect's ids of runs that are scheduled together begin with the same time.
    runs = [
        run.model_copy(update={"run_id": f"01a229f4-14be-7138-b2ab-b0dd33c1{place:04}"})
        for place, run in enumerate(full_inputs.runs)
    ]
    told = words(replace(full_inputs, runs=tuple(runs)), Section.HISTORY)
    assert all(run.run_id[-6:] in told for run in runs)


def test_the_images_of_an_alarm_are_exactly_those_of_its_rows(full_inputs: ReportInputs) -> None:
    found = section(full_inputs, Section.ALARMS)
    table = full_inputs.table("alarms")
    shown = {
        alarm["key"]: [entry["image"].id for entry in alarm["images"]["entries"]]
        for alarm in found.alarms
    }
    assert list(shown) == ["dark_rate", "novelty_rate", "drift:sharpness"]
    assert shown == {key: table.loc[table["alarm"] == key, "id"].tolist() for key in shown}


def test_it_says_since_when_why_and_compared_with_what(full_inputs: ReportInputs) -> None:
    told = words(full_inputs, Section.ALARMS)
    assert "4 alarms are on" in told
    assert "Compared with the run of 2026-01-01 00:00:00 UTC ( run-1 ); 12" in told
    assert "Dark rate On since the run of 2026-01-01 12:00:00 UTC. Of 10 <new> images, 4." in told
    assert "See: a.jpg" not in told
    assert "similarity 0.01 to the baseline" in told
    assert "Failed checks Few invalid files: 6.25 %, allowed is at most 1 %." in told
    assert "Dark rate 0 % 5 % 4 % 0 % 40 % 20 % on" in told.replace("\u00a0", " ")
    assert "Invalid rate \u2013 \u2013 \u2013 0 % 10 % \u2013 \u2013" in told.replace("\u00a0", " ")
    assert "Drift: sharpness 0.60 0.30 on" in told
    assert "4 alarms are on: how this run" in words(full_inputs, Section.OVERVIEW)


def test_a_quiet_run_says_so_and_one_that_is_not_monitored_has_no_such_page(
    full_inputs: ReportInputs,
) -> None:
    first = replace(full_inputs, runs=full_inputs.runs[:1])
    told = words(first, Section.ALARMS)
    assert "No alarm is on Compared with no earlier run" in told
    assert "No alarm is on" in words(first, Section.OVERVIEW)
    assert alarms(replace(full_inputs, runs=())) is None


def test_an_alarm_that_was_not_judged_says_that_it_stays(full_inputs: ReportInputs) -> None:
    *before, last = full_inputs.runs
    custom = last.model_copy(update={"compared": ()})
    told = words(replace(full_inputs, runs=(*before, custom)), Section.ALARMS)
    assert "It could not be judged in this run, so it stays on." in told


def test_all_runs_stand_in_the_history_with_their_alarms(full_inputs: ReportInputs) -> None:
    found = section(full_inputs, Section.HISTORY)
    assert [run.run_id for run in found.runs][1:] == ["run-<2>", "run-f", "run-1"]
    told = words(full_inputs, Section.HISTORY)
    assert "4 runs into this work dir" in told
    assert "2026-01-01 06:00 Run failed No space </td> left Run failed" in told
    assert "Dark, novelty, drift, 1 check" in told


def test_rates_stand_on_an_axis_of_time_with_their_bands(full_inputs: ReportInputs) -> None:
    lines = {line["number"].title: line for line in section(full_inputs, Section.HISTORY).lines}
    dark = lines["Dark"]["chart"]
    assert dark.numbers["run"].tolist() == [
        "2026-01-01 00:00:00 UTC", "2026-01-01 12:00:00 UTC", "2026-01-02 03:04:05 UTC",
    ]  # fmt: skip
    assert dark.numbers["limit"].tolist()[1:] == [0.04, 0.04]
    assert dark.numbers["new"].tolist()[1:] == [0.4, 0.4]
    assert dark.numbers["alarm"].tolist() == [False, True, True]
    assert dark.figure["layout"]["xaxis"]["type"] == "date"
    band, whole, ticks, new = dark.figure["data"]
    assert band["y"] == [None, 0.04, 0.04]
    assert ticks["y"] == [None, 0.2, 0.2]
    assert whole["x"][1] == "2026-01-01 12:00:00"
    assert new["meta"]["over"] == [False, True, True]
    assert (lines["Dark"]["alarms"], lines["Bright"]["alarms"]) == (2, 0)
    told = words(full_inputs, Section.HISTORY)
    assert "Dark 0 % at first, 5 % now; a jump was on after 2 runs. Good if it is low" in told
    assert "now; never a jump. Good if it is low" in told


def test_of_a_long_history_the_latest_runs_are_shown(
    full_inputs: ReportInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RUNS", 3)
    found = section(full_inputs, Section.HISTORY)
    assert [run.run_id for run in found.runs][1:] == ["run-<2>", "run-f"]
    assert all(len(line["chart"].numbers) == 2 for line in found.lines)
    told = words(full_inputs, Section.HISTORY)
    assert "4 runs into this work dir" in told
    assert "The latest 3 of 4 runs." in told


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ((), "\u2013"),
        (("run",), "Run failed"),
        (("check:a", "check:b", "drift:x"), "Drift, 2\u00a0checks"),
        (("novelty_rate", "invalid_rate"), "Invalid, novelty"),
    ],
)
def test_alarms_in_few_words(keys: tuple[str, ...], told: str) -> None:
    assert in_short(keys) == told
