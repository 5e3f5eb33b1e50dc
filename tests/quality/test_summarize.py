"""Checks of planted numbers: each state, severity, order, evidence, and nothing left behind."""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from pydantic import v1
from pydantic.v1.fields import ModelField

from imgvet.check_options import CheckLimits
from imgvet.metrics import BASIC_METRICS, METRICS
from imgvet.quality import expectations
from imgvet.quality.checks import CHECK_BY_NAME, CHECKS
from imgvet.quality.result import CheckResult, CheckState, verdict
from imgvet.quality.run_checks import run_checks
from imgvet.quality.suite import own_suite
from imgvet.quality.summarize import wrong_measures
from imgvet.summary import Verdict, read_summary
from support.finished_run import finish_run, judge
from support.pictures import jpeg, photograph, write_photographs

LIMITS = CheckLimits()
RATE_CHECKS = [check.name for check in CHECKS if check.name.endswith("_rate")]
GOOD = {"images_present": 100.0, **dict.fromkeys(RATE_CHECKS, 0.0)}
MEASURES = {"measures_complete", "measures_in_range"}


def stats(rows: int = 30) -> pd.DataFrame:
    """A stats table whose values touch both ends of each range."""
    ends = {
        metric.name: np.resize([metric.low or 0.0, metric.high or 1e6], rows)
        for metric in BASIC_METRICS
    }
    return pd.DataFrame({"id": np.arange(100, 100 + rows), **ends})


def check(
    rates: dict[str, float] = GOOD,
    table: pd.DataFrame | None = None,
    examples: dict[str, list[int]] | None = None,
    limits: CheckLimits = LIMITS,
) -> dict[str, CheckResult]:
    wrong = wrong_measures(stats() if table is None else table)
    ids = (stats() if table is None else table)["id"]
    numbers = rates | {name: int(number.sum()) for name, number in wrong.items()}
    shown = (examples or {}) | {name: ids[number > 0].tolist() for name, number in wrong.items()}
    return {result.name: result for result in run_checks(own_suite(limits), numbers, shown, {})}


def others_pass(results: dict[str, CheckResult], *names: str) -> bool:
    return all(
        result.state is CheckState.PASSED for name, result in results.items() if name not in names
    )


def test_a_good_dataset_passes_every_check_in_order() -> None:
    results = check()
    assert list(results) == [check.name for check in CHECKS]
    assert others_pass(results)
    assert all(result.severity == CHECK_BY_NAME[name].severity for name, result in results.items())
    assert verdict(results.values()) is Verdict.PASSED


@pytest.mark.parametrize("failing", [RATE_CHECKS[::2], RATE_CHECKS[1::2]])
def test_a_rate_passes_at_its_limit_and_fails_above(failing: list[str]) -> None:
    limits = {name: getattr(LIMITS, f"max_{name}") for name in RATE_CHECKS}
    above = {name: float(np.nextafter(limits[name], 1)) for name in failing}
    results = check(GOOD | limits | above)
    assert {name for name, result in results.items() if result.state is CheckState.FAILED} == set(
        failing
    )
    assert others_pass(results, *failing)
    assert all(results[name].value == limits[name] for name in set(RATE_CHECKS) - set(failing))


def test_words_and_evidence() -> None:
    result = check(GOOD | {"duplicate_rate": 0.0125}, examples={"duplicate_rate": list(range(30))})[
        "duplicate_rate"
    ]
    assert (result.observed, result.allowed, result.section) == (
        "1.25 %",
        "at most 1 %",
        "duplicates",
    )
    assert result.examples == tuple(range(20))


def test_no_images_fail_once() -> None:
    results = check(GOOD | {"images_present": 0}, stats(0))
    assert results["images_present"].state is CheckState.FAILED
    assert results["images_present"].observed == "0 images"
    assert others_pass(results, "images_present")
    assert verdict(results.values()) is Verdict.FAILED


def test_limits_are_the_users() -> None:
    limits = CheckLimits(min_images=101, max_dark_rate=0.5)
    results = check(GOOD | {"dark_rate": 0.5}, limits=limits)
    assert results["images_present"].state is CheckState.FAILED
    assert results["images_present"].allowed == "at least 101 images"
    assert results["dark_rate"].state is CheckState.PASSED


def test_a_rate_that_is_not_known_errs_alone() -> None:
    results = check(GOOD | {"blurry_rate": float("nan"), "outlier_rate": float("inf")})
    for name in ("blurry_rate", "outlier_rate"):
        result = results[name]
        assert (result.state, result.value, result.observed) == (CheckState.ERRORED, None, "")
        assert result.detail
    assert others_pass(results, "blurry_rate", "outlier_rate")
    assert verdict(results.values()) is Verdict.ERRORED


def test_values_out_of_range_are_counted_and_named() -> None:
    table = stats()
    table.loc[[4, 9], "mean"] = [-0.5, 255.5]
    table.loc[9, "contrast"] = 1.01
    results = check(table=table)
    result = results["measures_in_range"]
    assert (result.state, result.severity) == (CheckState.FAILED, "warning")
    assert (result.observed, result.allowed, result.value) == ("3 values", "none", 3.0)
    assert set(result.examples) == {104, 109}
    assert others_pass(results, "measures_in_range")


def test_missing_values_are_incomplete_but_not_out_of_range() -> None:
    table = stats().astype({"width": "Int64"})
    table.loc[2, "width"] = pd.NA
    table.loc[5, "sharpness"] = np.nan
    results = check(table=table)
    result = results["measures_complete"]
    assert (result.state, result.value) == (CheckState.FAILED, 2.0)
    assert set(result.examples) == {102, 105}
    assert others_pass(results, "measures_complete")
    crops = check(table=stats().assign(file_size=np.nan))
    assert crops["measures_complete"].state is CheckState.PASSED, "a crop is no file"


def test_advanced_metrics_are_checked_where_they_were_measured() -> None:
    names = [metric.name for metric in METRICS if metric.advanced]
    unmeasured = stats().assign(**dict.fromkeys(names, np.nan))
    wrong = check(table=unmeasured.assign(mean_hue=361.0))["measures_in_range"]
    assert (wrong.state, wrong.value) == (CheckState.FAILED, 30.0)
    assert len(wrong.examples) == 20


def test_what_is_not_observed_is_not_checked() -> None:
    left_out = {"dark_rate", "leak_rate"}
    observed = {name: rate for name, rate in GOOD.items() if name not in left_out}
    names = {result.name for result in run_checks(own_suite(LIMITS), observed, {}, {})}
    assert names == set(CHECK_BY_NAME) - MEASURES - left_out


def test_the_process_warns_as_it_did() -> None:
    show = warnings.showwarning
    run_checks(own_suite(LIMITS), GOOD, {}, {})
    assert warnings.showwarning is show


def test_models_made_while_it_is_imported_change_no_other() -> None:
    """They share what the fields of their bases hold, but not what they add to it."""
    with expectations._fields_not_copied_deeply():

        class Base(v1.BaseModel):
            number: int = 1
            numbers: list[int] = [1]

            @v1.validator("number")
            def no_zero(cls, value: int) -> int:
                assert value != 0
                return value

        class Even(Base):
            class Config:
                fields: ClassVar = {"numbers": {"max_items": 1}}

            @v1.validator("number")
            def even(cls, value: int) -> int:
                assert value % 2 == 0
                return value

        class Other(Base):
            pass

    assert not hasattr(ModelField, "__deepcopy__")
    assert [model(number=3, numbers=[1, 2]).number for model in (Base, Other)] == [3, 3]
    assert Even(number=2).numbers is not Base().numbers
    for model, wrong in ((Base, {"number": 0}), (Even, {"number": 3}), (Even, {"number": 0})):
        with pytest.raises(v1.ValidationError):
            model(**wrong)
    assert Base.__fields__["numbers"].field_info is not Even.__fields__["numbers"].field_info


GUARDED_RUN = """
import socket, sys
def refuse(*args):
    raise AssertionError(f"a connection was opened: {args}")
socket.socket.connect = socket.socket.connect_ex = refuse
from imgvet.quality.run_checks import run_checks
from imgvet.quality.suite import own_suite
from imgvet.check_options import CheckLimits
assert not {"great_expectations", "scipy", "sqlalchemy"} & set(sys.modules), "imported too early"
import logging, gc, types, warnings
show = warnings.showwarning
logging.basicConfig()  # warnings may become logs
warnings.filterwarnings("always", "IProgress")  # tqdm catches it as an error
for name in ("IPython", "ipykernel.zmqshell"):  # as in a notebook
    sys.modules[name] = types.SimpleNamespace(get_ipython=lambda: None)
names = ("invalid", "duplicate", "near_duplicate", "outlier")
rates = {"images_present": 1, **{f"{name}_rate": 0 for name in names}}
results = run_checks(own_suite(CheckLimits()), rates, {}, {})
assert len(results) == 5 and gc.isenabled() and warnings.showwarning is show
assert "scipy.stats._stats_py" not in sys.modules, "imported, though no check needs it"
from scipy import stats
from scipy.stats import norm
assert stats.norm is norm and norm.cdf(0) == 0.5
"""


def test_writes_nothing_opens_nothing_says_nothing(tmp_path: Path) -> None:
    """A process of its own, whose home is empty, whose warnings are errors, without a network."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("GX_", "XDG_"))
    }
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", GUARDED_RUN],
        cwd=here, env={**kept, "HOME": str(home), "USERPROFILE": str(home), "PYTHONPATH": paths},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [*home.iterdir(), *here.iterdir()] == []


def test_components_and_near_duplicates_do_not_depend_on_how_many_neighbours_are_listed(
    tmp_path: Path,
) -> None:
    write_photographs(tmp_path / "photos", 2)
    qualities = range(60, 100, 5)
    for quality in qualities:
        path = tmp_path / "photos" / f"one {quality}.jpg"
        path.write_bytes(jpeg(photograph(1), quality=quality))
    few, many = (
        read_summary(
            judge(finish_run(tmp_path / "photos", tmp_path / str(k), nearest_neighbors_k=k))
        ).counts
        for k in (1, 20)
    )
    assert few.largest_component == len(qualities) + 1
    for count in ("largest_component", "components", "near_duplicate_images"):
        assert getattr(few, count) == getattr(many, count)
