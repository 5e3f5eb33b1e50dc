"""``imgvet explore`` serves until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys

import httpx

from imgvet.cli.main import main
from imgvet.dataset import Dataset
from imgvet.explorer.server import Explorer
from imgvet.workdir import WorkDir


def test_it_serves_until_it_is_interrupted(work: WorkDir):
    command = [sys.executable, "-m", "imgvet", "explore", str(work.path)]
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


def test_a_subset_is_a_list_that_can_be_run(work: WorkDir, capsys):
    valid = Dataset(work_dir=work.path).annotations()
    for flags, name in (((), "subset-3"), (("--farthest", "--name", "unlike"), "unlike")):
        assert main(["subset", str(work.path), "3", *flags]) == 0
        path = work.home / "lists" / f"{name}.txt"
        assert capsys.readouterr().out == f"3 of {len(valid)} valid images: {path}\n"
        chosen = path.read_text().splitlines()
        known = Dataset(work_dir=work.path).annotations().set_index("filename")["digest"]
        assert known.loc[chosen].nunique() == 3, "no two of the same bytes"
        path.unlink()
    frame = Dataset(work_dir=work.path).subset(3)
    assert len(frame) == 3
    assert main(["subset", str(work.path), "0"]) == 2
    assert "Ask for 1 or more" in capsys.readouterr().err


def test_bad_requests_are_told_in_one_line(tmp_path, capsys):
    assert main(["explore", str(tmp_path), "--no-browser"]) == 2
    assert main(["explore", str(tmp_path), "--port", "x"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
