"""``imgvet demo``: every planted problem is found, and the README shows what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgvet.cli.main import main
from imgvet.dataset import Dataset
from imgvet.demo import truth
from imgvet.quality.result import read_results
from imgvet.summary import read_summary
from imgvet.tables import read_table
from imgvet.workdir import WorkDir
from support.demo_truth import ODD
from support.page_text import left_over

README = Path(__file__).parent.parent.parent / "README.md"


@pytest.fixture(scope="module")
def demo(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert main(["demo", "--work-dir", str(folder)]) == 0
    return folder


def relative(demo: Path, names: list[str]) -> set[str]:
    return {Path(name).relative_to(demo / "pictures").as_posix() for name in names}


def test_every_invalid_file_has_its_planted_reason(demo: Path) -> None:
    invalid = Dataset(work_dir=demo / "results").invalid_instances()
    found = {
        Path(name).relative_to(demo / "pictures").as_posix(): reason
        for name, reason in zip(invalid["filename"], invalid["reason"], strict=True)
    }
    assert found == {name: reason.value for name, reason in truth.INVALID.items()}


def test_every_planted_duplicate_is_found_and_no_other_picture_is_called_one(demo: Path) -> None:
    dataset = Dataset(work_dir=demo / "results")
    items = dataset.annotations()
    content = dict(zip(items["filename"], items["digest"], strict=True))

    def of(name: str) -> str:
        return content[str(demo / "pictures" / name)]

    similarity = dataset.similarity()
    joined = {
        frozenset((content[left], content[right]))
        for left, right in zip(similarity["filename_from"], similarity["filename_to"], strict=True)
    }
    members, _ = dataset.connected_components()
    component = {
        content[name]: number for name, number in members[["filename", "component_id"]].values
    }
    for group in truth.EXACT_GROUPS:
        assert len({of(name) for name in group}) == 1
        assert frozenset((of(group[0]),)) in joined
    for pair in truth.NEAR_DUPLICATES:
        original, copy = of(pair.original), of(pair.copy)
        same = original in component and component[original] == component.get(copy)
        assert frozenset((original, copy)) in joined or same, pair
    planted = {name for pair in truth.NEAR_DUPLICATES for name in (pair.original, pair.copy)}
    planted |= {name for group in truth.EXACT_GROUPS for name in group}
    assert relative(demo, [*similarity["filename_from"], *similarity["filename_to"]]) <= planted


def test_flags_are_the_planted_ones(demo: Path) -> None:
    counts = read_summary(WorkDir(demo / "results")).counts
    assert (counts.dark, counts.bright, counts.blurry) == (
        len(truth.DARK),
        len(truth.BRIGHT),
        len(truth.BLURRED),
    )


def test_the_odd_one_out_is_the_first_outlier_and_alone_stands_out(demo: Path) -> None:
    outliers = Dataset(work_dir=demo / "results").outliers()
    assert relative(demo, [outliers["filename"].iloc[0]]) == {ODD}
    assert read_summary(WorkDir(demo / "results")).counts.robust_outliers == 1


def test_no_page_shows_a_value_as_a_program_writes_it(demo: Path) -> None:
    assert left_over(demo / "results" / "report") == []


def test_the_readme_shows_what_it_prints(demo: Path) -> None:
    lines = Dataset(work_dir=demo / "results").summary()
    shown = re.search(r"<!-- summary -->\n(.*?)<!-- /summary -->", README.read_text(), re.DOTALL)
    assert shown is not None
    expected = [line.strip() for line in shown.group(1).splitlines() if line.strip()]
    report = "demo/results/report/index.html"
    actual = [
        line.replace(str(demo / "results" / "report" / "index.html"), report) for line in lines
    ]
    assert expected == actual


def test_each_planted_edit_is_called_what_it_is(demo: Path) -> None:
    called = {
        "resized": "resized", "jpeg_q30": "re-encoded", "brighter": "recoloured",
        "cropped": "cropped", "reencoded": "re-encoded",
    }  # fmt: skip
    run = WorkDir(demo / "results")
    names = read_table(run.table("items")).set_index("id")["filename"]
    pairs = read_table(run.table("similarity"))
    ends = pairs[["from", "to"]].map(lambda item: Path(names[item]).stem)
    found = {
        edit: relation
        for first, second, relation in zip(ends["from"], ends["to"], pairs["relation"], strict=True)
        for edit in called
        if f"{min(first, second, key=len)}-{edit}" == max(first, second, key=len)
    }
    assert found == called


def state_of(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    facts = [(path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns) for path in files]
    return dict(zip(map(str, files), facts, strict=True))


def test_what_a_plan_leaves_passes_the_checks_and_undo_brings_all_back(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, results, quarantine = demo / "pictures", demo / "results", demo / "quarantine"
    before = state_of(pictures)
    rules = demo / "rules.toml"
    lists = ("near", "unproven", "contained", "dark", "bright")
    rules.write_text("".join(f'{name} = "remove"\n' for name in lists))
    assert main(["curate", "plan", str(results), "--rules", str(rules)]) == 0
    apply = ["curate", "apply", str(results / "plan.csv"), "--to", str(quarantine)]
    assert main(apply) == 0
    assert (state_of(pictures), quarantine.exists()) == (before, False)
    assert main([*apply, "--yes"]) == 0

    left = before.keys() - state_of(pictures).keys()
    gone = {Path(path).relative_to(pictures).as_posix() for path in left}
    assert gone >= {*truth.INVALID, *truth.DARK, *truth.BRIGHT}
    assert gone >= {pair.copy for pair in truth.NEAR_DUPLICATES}
    for group in truth.EXACT_GROUPS:
        assert len(set(group) - gone) == 1
    planted = {*truth.INVALID, *truth.DARK, *truth.BRIGHT}
    planted |= {pair.copy for pair in truth.NEAR_DUPLICATES}
    planted |= {name for group in truth.EXACT_GROUPS for name in group}
    assert gone - planted <= {"fractals/27.webp"}, "which is a part of fractals/104.png, turned"

    assert main(["run", str(pictures), "--work-dir", str(results), "--fail-on", "critical"]) == 0
    checks = read_results(WorkDir(results).checks_json)
    # Among fewer alike, more stands out.
    assert {one.name for one in checks if one.state != "passed"} <= {"outlier_rate"}
    assert main(["curate", "undo", str(quarantine)]) == 0
    assert state_of(pictures) == before
    assert f"Brought {len(gone)} files back." in capsys.readouterr().out
