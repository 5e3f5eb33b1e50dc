"""The command line in processes of its own, as a person starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from imgvet.cli.main import main
from imgvet.engine.server import TemporaryServer
from support.command import command, environment_of, run
from support.pictures import age, write_photographs, write_scenes


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    first, *_ = write_photographs(folder, 6)
    (folder / "copy.jpg").write_bytes(first.read_bytes())
    age(*folder.iterdir())
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The tests' environment with an empty home and no setting of Prefect's."""
    return environment_of(tmp_path / "home")


def test_a_run_from_an_empty_home_behind_a_proxy(
    photos: Path,
    tmp_path: Path,
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    # A proxy that is gone: nothing on this machine is asked for through it.
    environment |= {"http_proxy": "http://127.0.0.1:9", "NO_PROXY": "example.org"}
    first = run(environment, "run", photos, "--work-dir", out, "--fail-on", "critical")
    assert first.returncode == 3, first.stderr
    assert "2 images in 1 group, 1 to spare" in first.stdout
    assert str(out / "report" / "index.html") in first.stdout
    assert "Traceback" not in first.stderr
    assert "INFO" not in first.stderr
    assert "Reading and measuring: 7 of 7" in first.stderr
    assert list((tmp_path / "home").iterdir()) == []

    assert main(["summary", str(out)]) == 0
    assert capsys.readouterr().out == first.stdout
    assert main(["summary", str(out), "--json"]) == 0
    as_json = json.loads(capsys.readouterr().out)
    assert as_json["counts"]["images"] == 7
    assert as_json["verdict"] == "failed"


@pytest.mark.slow
def test_a_second_run_prints_the_same(
    photos: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    first, second = (
        run(environment, "run", photos, "--work-dir", tmp_path / "out") for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0)
    assert second.stdout == first.stdout
    closed = ["bash", "-c", 'exec "$0" "$@" <&- >&- 2>&-']
    again = [*closed, *command("run", photos, "--work-dir", tmp_path / "out")]
    assert subprocess.run(again, env=environment, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_told_to_stop_says_so_and_leaves_no_draft(
    tmp_path: Path, environment: dict[str, str], sent: signal.Signals, code: int
) -> None:
    photos, out = tmp_path / "many", tmp_path / "out"
    age(*write_scenes(photos, 300))
    process = subprocess.Popen(
        command("run", photos, "--work-dir", out),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(out.glob("store/stages/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(sent)
    said, complained = process.communicate(timeout=60)
    assert process.returncode == code, complained
    assert said == ""
    assert complained.splitlines()[-1].startswith("imgvet: stopped; run the same command again")
    assert "Traceback" not in complained
    assert [path for path in out.rglob("*") if path.name.startswith(".")] == []
    assert run(environment, "run", photos, "--work-dir", out).returncode == 0


@pytest.mark.slow
def test_two_runs_on_one_work_dir(
    photos: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    out = tmp_path / "out"
    first = subprocess.Popen(
        command("run", photos, "--work-dir", out),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (out / "store" / "lock").exists():
        assert first.poll() is None
        time.sleep(0.05)
    time.sleep(0.2)
    second = run(environment, "run", photos, "--work-dir", out)
    assert second.returncode == 2
    assert "Another run is writing to" in second.stderr
    assert first.wait(timeout=240) == 0
    assert first.stdout is not None
    assert "Images" in first.stdout.read()
    first.stdout.close()
    if first.stderr is not None:
        first.stderr.close()


@pytest.mark.slow
def test_a_server_that_is_set_up_is_used(
    photos: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    server = TemporaryServer()
    server.start(tmp_path / "server")
    try:
        server.wait()
        environment = {**environment, "PREFECT_API_URL": server.url}
        assert run(environment, "run", photos, "--work-dir", tmp_path / "out").returncode == 0
        flows = httpx.post(f"{server.url}/flow_runs/filter", json={}).json()
        assert [flow["state_type"] for flow in flows] == ["COMPLETED"]
        assert flows[0]["parameters"]["options"]["input_dir"] == [str(photos)]
        assert not (tmp_path / "out" / "store" / "prefect").exists()
    finally:
        server.stop()


def test_a_user_without_a_home_gets_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HOME", "PREFECT_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert main(["run", str(tmp_path / "none"), "--work-dir", str(tmp_path / "out")]) == 2
    assert "none does not exist" in capsys.readouterr().err
    assert "HOME" not in os.environ


def test_without_space_for_the_server_that_is_told(
    photos: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    limited = ["bash", "-c", 'ulimit -f 300; exec "$0" "$@"']
    whole = [*limited, *command("run", photos, "--work-dir", tmp_path / "out")]
    ended = subprocess.run(whole, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "imgvet: File too large. Allow larger files" in ended.stderr


def test_a_server_that_does_not_answer_is_one_line(
    photos: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    environment = {**environment, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    result = run(environment, "run", photos, "--work-dir", tmp_path / "out")
    assert result.returncode == 2
    assert "does not answer" in result.stderr
    assert result.stderr.count("\n") == 1
