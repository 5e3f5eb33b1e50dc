"""``imgvet explore`` serves until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys

import httpx

from imgvet.cli.main import main
from imgvet.explorer.server import Explorer
from imgvet.workdir import WorkDir


def test_it_serves_until_it_is_interrupted(work: WorkDir):
    command = [sys.executable, "-m", "imgvet.cli.main", "explore", str(work.path)]
    with subprocess.Popen([*command, "--no-browser"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Exploring" in process.stdout.readline()
        address = process.stdout.readline().strip()
        answer = httpx.get(address, follow_redirects=True, timeout=60, trust_env=False)
        # A client that keeps no cookies is not let in, so it was this address that it answered.
        assert answer.history[0].status_code == 303
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 0
    assert rest.endswith("Stopped.\n")


def test_a_notebook_gets_a_link(explorer: Explorer):
    assert f'href="{explorer.url}"' in explorer._repr_html_()


def test_bad_requests_are_told_in_one_line(tmp_path, capsys):
    assert main(["explore", str(tmp_path), "--no-browser"]) == 2
    assert main(["explore", str(tmp_path), "--port", "x"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
