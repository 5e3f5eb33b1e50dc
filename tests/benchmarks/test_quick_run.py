"""The benchmarks run: small sizes, as a person would start them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks import pictures
from benchmarks.__main__ import BENCHMARKS, main

IN_PROCESS = ["steady", "picture_cost", "neighbors", "recall", "verification"]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(IN_PROCESS, id="seconds"),
        pytest.param(
            sorted(BENCHMARKS), id="all", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]
        ),
    ],
)
def test_a_quick_look_prints_a_table_and_writes_it(
    names: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target, folder = tmp_path / "table.json", str(tmp_path / "bench")
    monkeypatch.setattr(pictures, "SHARED_PHOTOS", tmp_path / "none, so those of the demo")
    main([*names, "--quick", "--folder", folder, "--json", str(target)])
    content = json.loads(target.read_text())
    rows = {row["number"]: row for row in content["rows"]}
    assert all(math.isfinite(row["value"]) for row in rows.values())
    assert all(row["met"] is None for row in rows.values())
    assert content["machine"]["cores"] >= 1
    printed = capsys.readouterr().out
    assert all(f"| {name} " in printed for name in rows)
    assert any("recall" in name for name in rows)
    rate = next(row["value"] for name, row in rows.items() if name.startswith("steady images/s"))
    assert rate > 1
    assert not list(Path(folder).glob("run-*")), "scratch folders stay behind"


def test_a_folder_of_photos_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="does not exist"):
        pictures.photographs(tmp_path / "none")


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["no-such-number", "--quick"])
    assert caught.value.code == 2
    assert "no-such-number" in capsys.readouterr().err
