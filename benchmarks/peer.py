"""The peer, fastdup 2.54: in an environment of its own, with a home folder of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.process import Finished, run
from benchmarks.settings import Settings

REQUIREMENT = "fastdup==2.54"
_RUN = """
import sys, fastdup
folder, work = sys.argv[1:]
fastdup.create(work_dir=work, input_dir=folder).run(num_threads=2, overwrite=True)
"""


def peer_python(settings: Settings) -> Path | None:
    """The interpreter that has fastdup; made under .bench/ unless a quick look is all there is.

    Raises:
        CalledProcessError: it can't be installed.
    """
    if settings.peer is not None or settings.quick:
        return settings.peer
    return interpreter_with(REQUIREMENT, settings.folder / "peer-venv")


def interpreter_with(requirement: str, environment: Path) -> Path:
    """The interpreter of an environment of its own with a package; made if it is not there.

    Raises:
        CalledProcessError: it can't be installed.
    """
    interpreter, complete = environment / "bin" / "python", environment / "complete"
    if not complete.is_file():
        print(f"Installing {requirement} into {environment}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install = [str(interpreter), "-m", "pip", "install", "--quiet", requirement]
        subprocess.run(install, check=True, stdout=sys.stderr)
        complete.touch()
    return interpreter


def peer_environment(settings: Settings) -> Mapping[str, str]:
    """Variables for its process: no telemetry, and nothing left in the user's home folder."""
    home = settings.folder / "peer-home"
    home.mkdir(parents=True, exist_ok=True)
    return {"SENTRY_OPT_OUT": "1", "HOME": str(home)}


def run_peer(interpreter: Path, pictures: Path, scratch: Path, settings: Settings) -> Finished:
    """A whole run of fastdup on a folder, as a process of its own."""
    command = [str(interpreter), "-c", _RUN, str(pictures), str(scratch / "peer")]
    return run(command, peer_environment(settings), scratch / "peer.log")
