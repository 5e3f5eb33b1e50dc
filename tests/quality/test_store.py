"""Results survive the way to disk and back."""

import json
from pathlib import Path

import pytest

from imgvet.errors import RunNotFoundError
from imgvet.quality.result import CheckResult, CheckState, read_results, write_results

RESULTS = (
    CheckResult(
        name="dark_rate", title="Dark images", state=CheckState.FAILED, severity="warning",
        observed="1.25 %", allowed="at most 1 %", value=0.0125, section="dark", examples=(3, 1),
    ),
    CheckResult(
        name="blurry_rate", title="Unschärfe", state=CheckState.ERRORED, severity="info",
        observed="", allowed="at most 1 %", value=None, section="blurry",
        detail="no column 'sharpness'",
    ),
)  # fmt: skip


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "checks.json"
    write_results(RESULTS, path)
    assert read_results(path) == RESULTS
    assert [row["name"] for row in json.loads(path.read_text("utf-8"))] == [
        "dark_rate", "blurry_rate",
    ]  # fmt: skip


def test_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "checks.json"
    write_results(RESULTS, path)
    write_results((), path)
    assert read_results(path) == ()
    assert list(tmp_path.iterdir()) == [path]


def test_refuses_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "checks.json"
    path.write_text('[{"name": "dark_rate"}]')
    with pytest.raises(RunNotFoundError):
        read_results(path)
