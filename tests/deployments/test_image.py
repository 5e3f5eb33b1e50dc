"""The image of a worker: its file is parsed, and its steps are taken in plain folders."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deployments" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the file and the rest of it, on one line."""
    lines = [line for line in FILE.read_text().splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole if line)
    ]


def values_of(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def test_the_image_is_small_not_of_root_and_tells_whether_it_is_well() -> None:
    stages = [rest.split()[0] for rest in values_of("FROM")]
    assert all(stage.endswith("-slim") for stage in stages)
    last = instructions()[
        len(instructions()) - 1 - [w for w, _ in instructions()][::-1].index("FROM") :
    ]
    assert ("USER", "imgvet") in last
    assert [rest for name, rest in last if name == "COPY"] == ["--from=wheel /wheel /wheel"]
    assert all("--no-cache-dir" in step for step in values_of("RUN") if "pip" in step)
    (health,) = values_of("HEALTHCHECK")
    assert health.startswith("--interval=1m --timeout=10s --start-period=2m")
    assert json.loads(values_of("CMD")[0]) == ["imgvet", "--help"]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", "tests"} <= set(ignored)
    assert not {"imgvet", "flows", "tasks", "reports", "deployments"} & set(ignored)


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_its_health_is_what_the_runner_answers(status: int, code: int) -> None:
    class Runner(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    command = json.loads(values_of("HEALTHCHECK")[0].partition("CMD")[2])
    with ThreadingHTTPServer(("127.0.0.1", 0), Runner) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        asked = [part.replace("8080", str(server.server_address[1])) for part in command[1:]]
        ended = subprocess.run([sys.executable, *asked], check=False, stderr=subprocess.DEVNULL)
        server.shutdown()
    assert ended.returncode == code


@pytest.mark.slow
def test_its_steps_make_a_wheel_and_an_imgvet_that_runs(tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    ignored = (ROOT / ".dockerignore").read_text().split()
    for name in names:
        if name.split("/")[0] not in ignored and (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name, follow_symlinks=False)
    build, install, user = values_of("RUN")
    assert "useradd --uid" in user  # needs root, and is not taken here
    # What this machine has already is neither built apart nor fetched.
    for step, more in ((build, "--no-build-isolation"), (install, f"--no-deps --target {site}")):
        command = f"{step} {more}".replace("/wheel", f"{tmp_path}/wheel", 2)
        command = command.replace("python ", f"{sys.executable} ", 1)
        subprocess.run(["bash", "-c", command], cwd=source, check=True, capture_output=True)
    code = f"import sys; sys.path.insert(0, {str(site)!r})\n"
    code += "import imgvet.deployments.datasets as d; print(d.__file__)"
    printed = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=tmp_path)
    assert printed.startswith(str(site))
    assert (site / "imgvet" / "deployments" / "prefect.yaml").is_file()
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < 20_000_000
