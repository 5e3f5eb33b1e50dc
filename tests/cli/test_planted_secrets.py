"""Secrets planted in whole runs: none of them is in any byte that a run writes or prints.

The same runs are made with ``-W default`` and umask 027: no warning of a library reaches whoever
runs them, and what they write has the modes that the umask says.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from imgvet.cli.main import main
from support.command import environment_of
from support.pictures import jpeg, photograph
from support.receiver import Receiver
from support.s3_server import environment as s3_environment
from support.s3_server import running_server

SIGNED = (
    "https://photos.s3.amazonaws.com/a.jpg?X-Amz-Credential=PLANTEDkeyid&X-Amz-Signature=PLANTEDsig"
)


@dataclass(frozen=True)
class Runs:
    """Commands that were run to their ends: where they wrote, their exit codes, what they said."""

    folder: Path
    codes: dict[str, int]
    printed: dict[str, str]
    told: list[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """A monitored run of a bucket, and requests that are refused, with secrets wherever they go."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "tmp").mkdir()
    (folder / "signed.txt").write_text(f"{SIGNED}\n")
    with running_server() as server, Receiver() as receiver, pytest.MonkeyPatch.context() as patch:
        server.make_bucket("photos").put(
            {f"set/{n}.jpg": jpeg(photograph(n)) for n in range(4)} | {"set/5.jpg": b"x"}
        )
        address = f"user:PLANTEDpassword@127.0.0.1:{receiver.port}/hook?+X-A=PLANTEDheader"
        environment = {
            **environment_of(folder / "home"),
            **s3_environment(server.url),
            "AWS_ACCESS_KEY_ID": "PLANTEDkeyid",
            "AWS_SECRET_ACCESS_KEY": "PLANTEDsecret",
            "AWS_SESSION_TOKEN": "PLANTEDtoken",
            "HTTPS_PROXY": "http://PLANTEDproxy:PLANTEDproxy@127.0.0.1:9",
            "IMGVET_NOTIFY": f"json://{address} json://user:PLANTEDdead@127.0.0.1:9/",
            "TMPDIR": str(folder / "tmp"),
        }
        out, notify = f"--work-dir={folder / 'out'}", f"--notify=json://{address}&also=1"
        bucket = f"minio+http://{server.host}/photos/set"
        ended = subprocess.run(
            [sys.executable, "-W", "default", "-m", "imgvet", "monitor", bucket, out,
             notify, "--verbose", "--fail-on=critical"],
            env=environment, capture_output=True, text=True, timeout=280, check=False, umask=0o027,
        )  # fmt: skip
        codes, printed = {"run": ended.returncode}, {"run": ended.stdout + ended.stderr}
        for name, value in environment.items():
            patch.setenv(name, value)
        before = os.umask(0o027)
        for name, *refused in (
            ("signed", "monitor", SIGNED, out, notify),
            ("signed in a list", "run", str(folder / "signed.txt"), out),
            ("password", "run", "minio://PLANTEDuser:PLANTEDpassword@host/photos", out),
            ("password of s3", "run", "s3://PLANTEDuser:PLANTEDpassword@photos/set", out),
            ("receiver", "monitor", bucket, out, "--notify=nothing://user:PLANTEDpassword@x"),
        ):
            said = io.StringIO()
            with redirect_stderr(said), redirect_stdout(said):
                codes[name] = main(refused)
            printed[name] = said.getvalue()
        os.umask(before)
        (folder / "signed.txt").unlink()
        yield Runs(folder, codes, printed, [str(message) for message in receiver.posted])


def found(path: Path) -> list[str]:
    """Where a planted secret is in a file, also in compressed columns."""
    data = [path.read_bytes()]
    if path.suffix == ".parquet":
        data.append(str(pq.read_table(path).to_pydict()).encode())
    if path.suffix == ".npy" and np.load(path, allow_pickle=False).dtype.kind == "U":
        data.append(str(np.load(path, allow_pickle=False).tolist()).encode())
    return [repr(text[max(at - 80, 0) : at + 80]) for text in data
            if (at := text.find(b"PLANTED")) >= 0]  # fmt: skip


def test_the_runs_ended_as_they_should(runs: Runs) -> None:
    refused = ("signed", "signed in a list", "password", "password of s3", "receiver")
    assert runs.codes == {"run": 3, **dict.fromkeys(refused, 2)}, runs.printed
    assert "1 message was not delivered to json://user:****@127.0.0.1:9" in runs.printed["run"]
    assert sum("the run failed" in message for message in runs.told) > 1


def test_no_secret_is_in_what_is_written(runs: Runs) -> None:
    files = [path for path in runs.folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} > {".parquet", ".json", ".html", ".log"}
    assert {str(path): places for path in files if (places := found(path))} == {}
    assert [str(path) for path in runs.folder.rglob("*") if "PLANTED" in path.name] == []


def test_no_secret_is_in_what_is_told_or_printed(runs: Runs) -> None:
    assert [text for text in (*runs.told, *runs.printed.values()) if "PLANTED" in text] == []


def test_no_warning_of_a_library_is_printed(runs: Runs) -> None:
    for unwanted in ("Warning", "Traceback", "never awaited"):
        assert unwanted not in runs.printed["run"]


def test_files_have_the_modes_of_the_umask(runs: Runs) -> None:
    open_to_others = {
        str(path): oct(path.stat().st_mode)
        for path in (runs.folder / "out", *(runs.folder / "out").rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & 0o027
    }
    assert open_to_others == {}
    results = (runs.folder / "out").glob("**/*.parquet")
    assert {oct(path.stat().st_mode & 0o777) for path in results} == {"0o640"}
