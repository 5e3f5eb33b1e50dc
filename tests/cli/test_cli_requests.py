"""Bad requests on the command line: one line that says what to do, exit code 2, nothing written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from imgvet.cli.commands import parser
from imgvet.cli.main import main
from imgvet.options import RunOptions
from support.command import command


@pytest.mark.parametrize(
    "call",
    [
        "run photos --annotations",
        "status --notify",
        "automations apply --notify",
        "search out --against",
    ],
)
def test_what_takes_several_values_may_be_given_twice(call: str) -> None:
    *given, option = call.split()
    found = parser().parse_args([*given, option, "a", option, "b", "c"])
    assert vars(found)[option.removeprefix("--")] == ["a", "b", "c"]


def test_whoever_stops_reading_gets_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        command("models", "list"), stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_the_module_is_the_command() -> None:
    said = subprocess.check_output([sys.executable, "-m", "imgvet", "--help"], text=True)
    assert said.startswith("usage: imgvet ")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "run photos --work-dir {}", "monitor photos --work-dir {}", "demo --work-dir {}",
        "baseline {}", "summary {}", "report {}", "explore {}", "search {} photos/a.jpg",
        "store info {}", "store verify {}", "store gc {}",
    ],
)  # fmt: skip
def test_an_address_is_no_work_dir(
    command: str,
    photos: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(photos.parent)
    assert main(command.format("ftp://bucket/wd").split()) == 2
    said = (
        r"imgvet: The (work dir|demo set can't be made in) ftp://bucket/wd.*\. (Give|Name) a folder"
    )
    assert re.match(said, capsys.readouterr().err)
    assert [path.name for path in photos.parent.iterdir()] == ["photos"]


def test_files_of_deployments_are_written_and_never_replaced(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photos.parent / "new"
    assert main(["deployments", "init", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["datasets.toml", "prefect.yaml"]
    (folder / "datasets.toml").unlink()
    (folder / "prefect.yaml").write_text("mine")
    capsys.readouterr()
    assert main(["deployments", "init", str(folder)]) == 2
    assert capsys.readouterr().err.startswith(f"imgvet: {folder / 'prefect.yaml'} exists already. ")
    assert [path.read_text() for path in folder.iterdir()] == ["mine"]


def test_the_archives_of_a_folder_can_be_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("packed").mkdir()
    Path("packed/a.zip").write_bytes(b"x")
    assert main(["run", "packed", "--no-archives"]) == 2
    assert "No image" in capsys.readouterr().err
    for refused in ("--no-no-archives", "--archives"):
        assert main(["run", "packed", refused]) == 2
        assert f"Unknown parameter '{refused}'" in capsys.readouterr().err


def test_a_config_file_is_read_and_the_command_line_wins(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[RunOptions] = []

    def run_flow(options: RunOptions, *_: object) -> SimpleNamespace:
        seen.append(options)
        return SimpleNamespace(sources=None)

    monkeypatch.setattr("imgvet.engine.run.run_flow", run_flow)
    monkeypatch.setattr("imgvet.dataset.Dataset.summary", lambda _: [])
    monkeypatch.setattr("imgvet.dataset.Dataset.fails", lambda *_: False)
    config = tmp_path / "c.toml"
    config.write_text("threshold = 0.8\ncc-threshold = 0.9\n[checks]\nmax_dark_rate = 0.5\n")
    more = ["--threshold", "0.7", "--no-archives", "--no-run-cc"]
    assert main(["run", str(photos), "--config", str(config), *more]) == 0
    (options,) = seen
    assert (options.threshold, options.cc_threshold) == (0.7, 0.9)
    assert (options.no_archives, options.run_cc) == (True, False)
    assert options.checks.max_dark_rate == 0.5


def test_help_lists_every_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    hidden = {"input_dir", "checks"}
    for name in set(RunOptions.model_fields) - hidden:
        assert f"--{name.replace('_', '-')}" in text, name
