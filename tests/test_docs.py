"""What the documentation says is what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
from prefect import Task

import imgvet.flows.analyze_dataset as flow_module
from imgvet.cli.main import main
from imgvet.cli.reference import reference
from imgvet.dataset import Dataset
from imgvet.models.registry import NAMES
from imgvet.sources.kinds import IMAGE_EXTENSIONS, Kind, kind_of_name
from imgvet.tables import OPTIONAL_TABLES, RESULT_TABLES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SECURITY = (ROOT / "docs" / "security.md").read_text()


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "REFERENCE.md").read_text() == reference(), "run 'make reference'"


def test_the_table_of_inputs_is_the_kinds_of_input() -> None:
    rows = re.findall(r"^\| ([\w ]+) \| `([^`]+)` \|", README, re.MULTILINE)
    written = {kind: example for kind, example in rows if kind in {k.value for k in Kind}}
    assert set(written) == {kind.value for kind in Kind}
    for kind, example in written.items():
        found = kind_of_name(example)
        assert found == kind or (kind == "folder" and found is Kind.IMAGE), example


def test_every_ending_of_an_image_stands_in_the_readme() -> None:
    (row,) = re.findall(r"^\| (jpg jpeg [\w ]+) \|", README, re.MULTILINE)
    assert {f".{ending}" for ending in row.split()} == IMAGE_EXTENSIONS


def test_the_table_of_stages_is_the_flow() -> None:
    modules = [value for value in vars(flow_module).values() if isinstance(value, ModuleType)]
    values = [value for module in modules for value in vars(module).values()]
    tasks = {value.name for value in values if isinstance(value, Task)} - {"remove_mirrored"}
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)`", README, re.MULTILINE)
    assert {stage for stage, _ in rows} == tasks
    for _, module in rows:
        __import__(module)


def test_every_result_table_stands_in_the_readme() -> None:
    tables = (*RESULT_TABLES, *OPTIONAL_TABLES)
    names = [table.name for table in tables]
    assert [name for name in names if f"tables/{name}.parquet" not in README] == []


def test_every_model_of_the_registry_stands_in_the_readme() -> None:
    rows = " ".join(row for row in README.splitlines() if row.startswith("|"))
    assert [name for name in NAMES if not re.search(rf"\b{name}\b", rows)] == []


def test_every_call_in_the_readme_exists() -> None:
    calls = re.findall(r"dataset\.(\w+)\(", README)
    assert len(calls) > 8
    assert [name for name in calls if not hasattr(Dataset, name)] == []


def test_every_command_in_the_readme_exists(capsys: pytest.CaptureFixture[str]) -> None:
    for command in set(re.findall(r"^    imgvet ([\w-]+)", README, re.MULTILINE)):
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == 0, command
    capsys.readouterr()


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "benchmarks" / "README.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_threat_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (?!threat|---)(.+) \| (.+) \| (.+) \|$", SECURITY, re.MULTILINE)
    assert len(rows) > 15
    for threat, _, tests in rows:
        files = re.findall(r"`(tests/[\w/]+\.py)`", tests)
        assert files, threat
        assert [name for name in files if not (ROOT / name).is_file()] == []
