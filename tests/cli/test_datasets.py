"""The datasets of a config file: whether it can be served, and how they are."""

from __future__ import annotations

import asyncio
import fcntl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.server.schemas.schedules import CronSchedule

from imgvet.cli.datasets import next_run
from imgvet.cli.main import main
from imgvet.monitor.history import Run, history_path, read_history, save_run, write_history
from imgvet.summary import Verdict
from imgvet.workdir import WorkDir
from support.receiver import Receiver, free_port
from support.s3_server import environment


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("cats", "dogs", "birds"):
        (tmp_path / name).mkdir()
    file = tmp_path / "datasets.toml"
    file.write_text(
        """
[datasets.cats]
input-dir = "cats"
cron = "0 6 * * *"
timezone = "Etc/GMT-2"
[datasets.dogs]
input-dir = "dogs"
[datasets.birds]
input-dir = "birds"
"""
    )
    return file


def test_all_datasets_stand_in_one_table(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    last = Run(
        run_id="r", started="2030-01-02T06:00:00+00:00", monitored=True, verdict=Verdict.WARNINGS,
        counts={"images": 1200}, alarms=("dark_rate", "drift:label"),
    )  # fmt: skip
    save_run(WorkDir(tmp_path / "watched" / "cats"), last)
    broken = history_path(WorkDir(tmp_path / "watched" / "birds"))
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"nonsense")
    config.write_text(f'{config.read_text()}work-dir = "minio+http://127.0.0.1:9/b/birds"\n')
    monkeypatch.setattr("imgvet.sources.s3.FIRST_WAIT", 0.001)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    assert main(["status"]) == 0
    birds = capsys.readouterr().out.splitlines()[-1]
    assert "The server of minio+http://127.0.0.1:9/b/birds does not answer" in birds
    config.write_text("\n".join(config.read_text().splitlines()[:-1]))
    assert main(["status"]) == 0
    head, cats, dogs, birds = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["Dataset", "Verdict"]
    assert cats.split()[:5] == ["cats", "warnings", "2030-01-02", "06:00", "1,200"]
    assert cats.endswith("04:00  dark_rate, drift:label")
    assert dogs.split() == ["dogs", "not", "watched", "yet", "-", "-", "-", "none"]
    assert "history unreadable" in birds
    assert "is damaged" in birds


def test_what_is_gone_or_busy_hides_nothing_of_the_others(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    failed = Run(run_id="r", started="2030-01-02T06:00:00+00:00", status="failed", monitored=True)
    dogs = WorkDir(tmp_path / "watched" / "dogs")
    for work in (WorkDir(tmp_path / "watched" / "cats"), dogs):
        work.store.mkdir(parents=True)
        save_run(work, failed)
    (tmp_path / "cats").rmdir()
    assert main(["status"]) == 0
    cats = capsys.readouterr().out.splitlines()[1]
    assert cats.split()[:6] == ["cats", "run", "failed", "2030-01-02", "06:00", "-"]
    assert main(["datasets", "check"]) == 2
    assert "[datasets.cats]: The input cats does not exist" in capsys.readouterr().err
    with (dogs.store / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["prune"]) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[:4] == ["dogs", "a", "run", "writes"]
    assert main(["prune"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:3]
    assert [row.split()[:2] for row in rows] == [["cats", "1"], ["dogs", "1"]]


def test_one_work_dir_needs_no_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    work = WorkDir(tmp_path / "out")
    work.report.mkdir(parents=True)
    work.report_index.touch()
    assert main(["status", "out"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["out", "not", "watched", "yet"]
    save_run(work, Run(run_id="r", started="2030-01-02T06:00:00+00:00", monitored=True))
    assert main(["status", "out", "--html", "all.html"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["out", "run", "failed"]
    assert work.report_index.as_uri() in Path("all.html").read_text()
    assert main(["status", "out", "--html", "all.html/all.html"]) == 2
    assert "all.html/all.html can't be written (" in capsys.readouterr().err


def test_a_file_is_checked_without_a_server(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", "check"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 datasets: nothing is wrong."
    config.write_text(config.read_text().replace("0 6 * * *", "every day"))
    assert main(["datasets", "check", str(config)]) == 2
    assert "cron = 'every day' is no schedule" in capsys.readouterr().err


def test_without_a_schedule_there_is_no_next_run() -> None:
    assert next_run(None, "UTC") == "-"


def test_what_is_old_is_shown_before_it_goes(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    work = WorkDir(tmp_path / "watched" / "cats")
    work.store.mkdir(parents=True)
    runs = [
        Run(run_id=str(year), started=f"{year}-01-02T06:00:00+00:00", monitored=True, told=True)
        for year in (2019, 2020, 2021)
    ]
    write_history(work, runs)
    assert main(["prune"]) == 0
    head, cats, dogs, *_, last = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["Dataset", "Runs"]
    assert cats.split() == ["cats", "3", "2", "0", "0"]
    assert dogs.split() == ["dogs", "no", "run", "yet", "-", "-", "-"]
    assert last == "Nothing is removed without --yes."
    assert main(["prune", str(work.path), "--keep-days", "100000"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1:] == ["3", "0", "0", "0"]
    assert list(read_history(work)) == runs
    assert main(["prune", "--yes"]) == 0
    assert list(read_history(work)) == runs[-1:]
    assert main(["prune", str(work.path), "--keep-days", "0"]) == 2


def test_all_datasets_stand_on_one_page_and_in_one_message(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def row(day: int, **more: object) -> Run:
        started = f"2030-01-{day:02}T06:00:00+00:00"
        return Run.model_validate(
            {"run_id": str(day), "started": started, "monitored": True, "told": True,
             "verdict": Verdict.PASSED, "counts": {"images": 100 * day}, **more}
        )  # fmt: skip

    lost = {"status": "failed", "verdict": None, "counts": {}, "notice": "<b>gone</b>"}
    write_history(WorkDir(tmp_path / "watched" / "birds"), [row(1), row(2, **lost)])
    write_history(WorkDir(tmp_path / "watched" / "cats"), [row(n) for n in range(1, 31)])
    with Receiver() as receiver:
        assert main(["status", "--html", "all.html", "--notify", receiver.address]) == 0
        (message,) = receiver.posted
        assert main(["status", "--notify", f"json://127.0.0.1:{free_port()}"]) == 3
    assert "not delivered to json://127.0.0.1" in capsys.readouterr().err
    assert (message["title"], message["type"]) == ("1 of 3 datasets needs a look", "failure")
    assert message["message"] == "birds: run failed; alarms: \u2013\nNo run yet: dogs"
    page = (tmp_path / "all.html").read_text()
    assert "1 of 3\u00a0datasets needs a look" in page
    assert page.index(">birds<") < page.index(">cats<") < page.index(">dogs<")
    assert "&lt;b&gt;gone" in page
    assert page.count("<rect") == 2 + 30
    assert "2030-01-30 06:00: 3,000 images" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


@pytest.mark.parametrize(
    ("after", "due"),
    [
        # There is no half past two: Prefect 3.8 comes an hour early then, 3.9 an hour late.
        ("2026-03-28T12:00+00:00", [("2026-03-29 00:30", "2026-03-29 01:30"), "2026-03-30 00:30"]),
        ("2026-10-24T12:00+00:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),  # it comes twice
    ],
)
def test_where_clocks_are_changed_no_run_is_left_out_and_none_is_done_twice(
    after: str, due: list[str | tuple[str, ...]]
) -> None:
    schedule = CronSchedule(cron="30 2 * * *", timezone="Europe/Paris")
    dates = asyncio.run(schedule.get_dates(2, start=datetime.fromisoformat(after)))
    assert len(dates) == len(due)
    for date, expected in zip(dates, due, strict=True):
        assert f"{date.astimezone(UTC):%Y-%m-%d %H:%M}" in expected
