"""Expectations of a team: read from a file, held against planted tables, told as other checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from imgvet.check_options import CheckLimits
from imgvet.errors import InputUnreadableError, InvalidParameterError
from imgvet.quality.checks import CHECKS
from imgvet.quality.result import CheckResult, CheckState
from imgvet.quality.run_checks import run_checks
from imgvet.quality.suite import merged, name_of, own_suite, read_suite, suite_text

TABLES = {
    "items": pd.DataFrame(
        {"id": [7, 8, 9], "filename": ["a.jpg", "b.jpg", "c.png"], "label": ["cat", "dog", "cow"]}
    ),
    "stats": pd.DataFrame({"id": [7, 8], "width": [100, 640], "sharpness": [0.5, 0.9]}),
    "outliers": pd.DataFrame({"id": [9], "similarity": [0.2]}),
}
NUMBERS = {"images": 3.0, "valid": 2.0}

Written = dict[str, Any]


def write(folder: Path, *expectations: Written) -> str:
    file = folder / "suite.json"
    file.write_text(json.dumps({"name": "ours", "expectations": list(expectations)}))
    return str(file)


def entry(kind: str, table: str = "", name: str = "", **arguments: Any) -> Written:
    meta = {key: text for key, text in (("table", table), ("name", name)) if text}
    return {"type": kind, "kwargs": arguments, "meta": meta, "severity": "warning", "id": None}


def checked(folder: Path, *expectations: Written) -> list[CheckResult]:
    return list(run_checks(read_suite(write(folder, *expectations)), NUMBERS, {}, TABLES))


def test_what_is_expected_of_images_is_judged_by_image(tmp_path: Path) -> None:
    known = entry("expect_column_values_to_be_in_set", column="label", value_set=["cat", "dog"])
    wide = entry("expect_column_values_to_be_between", column="width", min_value=320)
    typed = entry("expect_column_values_to_match_regex", column="filename", regex=r"\.(jpg|png)$")
    labels, width, names = checked(tmp_path, known, wide, typed)
    assert (labels.name, labels.state) == ("column_values_to_be_in_set(label)", CheckState.FAILED)
    assert labels.title == "label: values to be in set"
    assert (labels.observed, labels.examples) == ("1 of 3 values (33 %) otherwise", (9,))
    assert labels.allowed == "value set ['cat', 'dog']"
    assert (width.allowed, width.examples, width.value) == ("at least 320", (7,), 1.0)
    assert (names.state, names.severity, names.section) == (CheckState.PASSED, "warning", "")
    assert names.observed == "all of 3 values"


def test_tables_and_numbers_are_judged_as_a_whole(tmp_path: Path) -> None:
    mean = entry("expect_column_mean_to_be_between", "stats", column="sharpness", max_value=0.5)
    count = entry("expect_table_row_count_to_be_between", "outliers", "few_outliers", max_value=0)
    valid = entry("expect_column_values_to_be_between", "rates", column="valid", min_value=2)
    sharp, few, enough = checked(tmp_path, mean, count, valid)
    assert (sharp.state, sharp.observed, sharp.allowed) == (CheckState.FAILED, "0.7", "at most 0.5")
    assert (few.name, few.observed, few.state) == ("few_outliers", "1", CheckState.FAILED)
    assert (enough.state, enough.observed, enough.value) == (CheckState.PASSED, "2", 2.0)


def test_what_this_run_does_not_have_is_an_error_of_its_own_check(tmp_path: Path) -> None:
    leaks = entry("expect_table_row_count_to_be_between", "leaks", max_value=0)
    column = entry("expect_column_values_to_not_be_null", column="split")
    good = entry("expect_column_values_to_not_be_null", column="label")
    no_table, no_column, passed = checked(tmp_path, leaks, column, good)
    assert no_table.state is no_column.state is CheckState.ERRORED
    assert no_table.detail == "this run has no table leaks"
    assert no_column.detail == "there is no column 'split'"
    assert (passed.state, no_column.value, no_column.observed) == (CheckState.PASSED, None, "")


def test_our_suite_is_exported_edited_and_takes_the_place_of_the_checks(tmp_path: Path) -> None:
    file = tmp_path / "suite.json"
    file.write_text(suite_text(own_suite(CheckLimits())))
    assert read_suite(str(file)) == own_suite(CheckLimits())
    suite = json.loads(file.read_text())
    (dark,) = (one for one in suite["expectations"] if one["meta"]["name"] == "dark_rate")
    dark["severity"], dark["kwargs"]["max_value"] = "critical", 0.1
    file.write_text(json.dumps(suite))
    expected = merged(own_suite(CheckLimits()), read_suite(str(file)))
    assert [name_of(one) for one in expected] == [check.name for check in CHECKS if check.limit]
    (result,) = run_checks(expected, {"dark_rate": 0.125}, {}, {})
    assert (result.state, result.severity, result.section) == (
        CheckState.FAILED, "critical", "dark",
    )  # fmt: skip
    assert (result.observed, result.allowed) == ("12.5 %", "at most 10 %")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"type": "expect_magic", "kwargs": {}}, "expect_magic not found"),
        ({"kwargs": {}}, "expectations.0.type: Field required"),
        (entry("expect_column_values_to_be_between", colum="x"), "column: field required"),
        ({**entry("expect_column_values_to_not_be_null", column="x"), "severity": "loud"}, "crit"),
        (entry("expect_column_to_exist", "secrets", column="x"), "no table 'secrets', but images"),
        (
            entry("expect_column_to_exist", "rates", "dark_rate", column="x"),
            "dark_rate: only a limit of this check may be called so",
        ),
        (entry("expect_column_to_exist", name="measures_in_range", column="x"), "another name"),
    ],
)
def test_what_makes_no_sense_is_one_line_before_the_run(
    written: Written, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidParameterError, match=said) as refused:
        read_suite(write(tmp_path, written))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_suite_is_refused(tmp_path: Path) -> None:
    twice = entry("expect_column_to_exist", column="x")
    with pytest.raises(InvalidParameterError, match="two are called column_to_exist"):
        read_suite(write(tmp_path, twice, twice))
    file = tmp_path / "suite.json"
    for text, said in (
        ("{", "not JSON"),
        ("{}", "expectations: Field required"),
        ("3", "valid tuple"),
    ):
        file.write_text(text)
        with pytest.raises(InvalidParameterError, match=said):
            read_suite(str(file))
    with pytest.raises(InputUnreadableError, match="can't be read"):
        read_suite(str(tmp_path / "gone.json"))
