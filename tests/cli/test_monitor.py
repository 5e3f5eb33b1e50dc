"""The commands monitor, baseline, serve and automations: what they say, and what they refuse."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock

import pytest

from imgvet.cli.main import main
from imgvet.engine.server import TemporaryServer
from imgvet.monitor.history import Event, Run, read_history, save_run
from imgvet.workdir import WorkDir
from support.command import command, environment_of, run
from support.pictures import age, write_photographs
from support.receiver import Receiver, free_port


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    folder = tmp_path / "cats"
    age(*write_photographs(folder, 12))
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The tests' environment with an empty home and no setting of Prefect's."""
    return environment_of(tmp_path / "home")


def test_a_wrong_address_of_the_server_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert main(["automations", "apply", "--notify", "json://x"]) == 2
    assert "http://127.0.0.1:9/api does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("page", ["health", "index.html"])
def test_an_address_without_api_is_one_line(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / page).write_text("<html>Prefect")  # its pages answer at any address
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as pages:
        threading.Thread(target=pages.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{pages.server_address[1]}")
        assert main(["automations", "apply"]) == 2
        pages.shutdown()
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("imgvet: At http://127.0.0.1:")
    assert "there is no API of Prefect. Correct PREFECT_API_URL: it ends in /api" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone"], "The input gone does not exist"),
        (["cats", "--work-dir", "file/out"], "can't be written to"),
        (["cats", "--work-dir", "theirs"], "Permission denied (theirs/store). Let this user"),
        (["cats", "--threshold", "7"], "threshold = '7'"),
        (["cats", "--config", "gone.toml"], "The config file gone.toml can't be read"),
    ],
)
def test_a_run_that_can_not_begin_is_told_of(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "file").touch()
    write_photographs(tmp_path / "cats", 1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("imgvet.cli.watch.configured_url", lambda: None)
    if "theirs" in arguments:
        denied = PermissionError(errno.EACCES, "Permission denied", "theirs/store")
        monkeypatch.setattr("imgvet.cli.watch.require_allowed", Mock(side_effect=denied))
    with Receiver() as receiver:
        monkeypatch.setenv("IMGVET_NOTIFY", receiver.address)
        assert main(["monitor", *arguments, "--dataset-name", "birds"]) == 2
    (message,) = receiver.posted
    assert message["title"] == "birds: the run failed"
    assert said in message["message"]
    assert not (tmp_path / "work_dir").exists()


def test_what_waits_is_delivered_without_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgvet.cli.watch.configured_url", lambda: None)
    event = Event(
        name="imgvet.dark-rate.jumped", alarms=("dark_rate",), severity="warning",
        all_clear=False, title="cats: dark rate jumped", body="Of 9 images, 8.",
    )  # fmt: skip
    save_run(WorkDir(tmp_path), Run(run_id="r", started="2030", monitored=True, events=(event,)))
    with Receiver() as receiver:
        deliver = ["monitor", "--deliver", "--work-dir", str(tmp_path), "--notify"]
        assert main([*deliver, f"json://127.0.0.1:{free_port()}/x"]) == 3
        assert "1 message was not delivered to json://127.0.0.1" in capsys.readouterr().err
        for _ in range(2):
            assert main([*deliver, receiver.address]) == 0
        assert capsys.readouterr().out == "Messages sent: 1\nMessages sent: 0\n"
        other = str(tmp_path / "other")
        assert (
            main(["monitor", "--deliver", "--work-dir", other, "--notify", receiver.address]) == 2
        )
        assert "No watched dataset" in capsys.readouterr().err
        assert main(deliver[:-1]) == 2
        assert "nobody to be told" in capsys.readouterr().err
        assert receiver.titles() == ["cats: dark rate jumped"]  # no run failed


@pytest.mark.slow
def test_a_watched_dataset_without_a_server(
    cats: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    out = tmp_path / "out"
    with Receiver() as receiver:
        arguments = ("monitor", cats, "--work-dir", out, "--notify", receiver.address)
        first = run(environment, *arguments)
        assert first.returncode == 0, first.stderr
        assert "Compared with nothing. The first run: later ones are compared" in first.stdout
        assert receiver.posted == []
        for number in range(6):
            (cats / f"bad{number}.jpg").write_bytes(f"no picture {number}".encode())
        second = run(environment, *arguments, "--fail-on", "critical")
        assert second.returncode == 3, second.stderr
        assert (
            "ALARM  cats: invalid rate jumped from 0 % to 100 % among new images" in second.stdout
        )
        assert "Messages sent: 1" in second.stdout
        assert f"If it is meant to be so: imgvet baseline {out} --set " in second.stdout
        assert "Traceback" not in second.stderr
        assert [entry["type"] for entry in receiver.posted] == ["failure"]
    shown = run(environment, "baseline", out, "--set", "last:2").stdout
    assert "Baseline   last:2" in shown


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run", "monitor"])
def test_a_server_that_goes_away_in_the_middle_costs_nothing_but_a_line(
    name: str, cats: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    out = tmp_path / "out"
    server = TemporaryServer()
    server.start(tmp_path / "server")
    try:
        server.wait()
        process = subprocess.Popen(
            command(name, cats, "--work-dir", out),
            env={**environment, "PREFECT_API_URL": server.url},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        # The flow has begun when its first stage is in the store.
        wait_for(lambda: any((out / "store").glob("stages/*")), process)
        assert server.process is not None
        server.process.send_signal(signal.SIGKILL)
        said, warned = process.communicate(timeout=280)
    finally:
        server.stop()
    assert process.returncode == 0, warned
    assert "Verdict           passed" in said
    assert "The results are complete." in warned
    assert "Traceback" not in warned
    assert "Still processing" not in warned
    assert warned.count("\n") < 12, warned  # no events are dumped, no logs of logs
    assert json.loads((out / "summary.json").read_text())["counts"]["images"] == 12
    assert (out / "report" / "index.html").is_file()
    assert [run.monitored for run in read_history(WorkDir(out))] == [name == "monitor"]


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
