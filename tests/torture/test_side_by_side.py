"""Two at once: runs, a report that is read while it is built, an explorer open during all of it."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from torture.conftest import Torture
from torture.test_killed import change

from support.command import command
from support.pictures import age, write_scenes
from support.torture import results_of, run_here

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    first, second, *_ = write_scenes(folder, 16)
    (folder / "copy.jpg").write_bytes(first.read_bytes())
    (folder / "copy of 1.jpg").write_bytes(second.read_bytes())
    age(*folder.iterdir())
    return folder


def started(environment: dict[str, str], *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments), env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_two_runs(
    torture: Torture, photos: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """On work dirs of their own, with servers of their own; and two on one."""
    seen: dict[str, dict[str, bytes]] = {}
    for number in range(torture.count):
        outs = [tmp_path / f"{name}{number}" for name in "abcc"]
        runs = [started(environment, "run", photos, "--work-dir", out) for out in outs]
        said = [run.communicate()[0] for run in runs]
        codes = [run.returncode for run in runs]
        if codes[:2] != [0, 0] or sorted(codes[2:]) not in ([0, 2], [0, 0]):
            torture.wrong.append(f"{codes}: {said}")
        if 2 in codes and not any("Another run is writing to" in text for text in said):
            torture.wrong.append(f"not told: {said}")
        seen |= {out.name: results_of(out) for out in outs}
    if any(found != seen["a0"] for found in seen.values()):
        torture.wrong.append("results differ")
    torture.found("runs started together: on two work dirs, and two on one", torture.count)


@contextmanager
def again_and_again(act: object) -> Iterator[list[int]]:
    """Do something in a thread until the end; how often it was done."""
    done, stop = [0], threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            act()  # type: ignore[operator]
            done[0] += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def test_read_while_built(
    torture: Torture, photos: Path, at_server: dict[str, str], tmp_path: Path, log: Path
) -> None:
    out = tmp_path / "out"
    assert run_here(("run", photos, "--work-dir", out), at_server, log).code == 0
    page, missed = out / "report" / "index.html", [0]

    def read() -> None:
        try:
            if not page.read_text().rstrip().endswith("</html>"):
                torture.wrong.append("half a page")
        except FileNotFoundError:
            missed[0] += 1

    with again_and_again(read) as reads:
        for number in range(torture.count):
            if number % 2:
                change(photos, number % 5)
                given: tuple[object, ...] = ("run", photos, "--work-dir", out)
            else:
                given = ("report", out)
            ended = run_here(given, at_server, log)
            if ended.code != 0:
                torture.wrong.append(str(ended))
    torture.found(
        "report read while it is built again",
        f"{reads[0]:,} reads of a page in {torture.count} builds, {missed[0]} between two names",
    )


def test_explored_meanwhile(
    torture: Torture, photos: Path, at_server: dict[str, str], tmp_path: Path, log: Path
) -> None:
    """Pages and searches while runs replace the results and ``curate apply`` takes images away."""
    out, quarantine = tmp_path / "out", tmp_path / "quarantine"
    run = ("run", photos, "--work-dir", out)
    assert run_here(run, at_server, log).code == 0
    asked: dict[int, int] = {}
    explorer = started(at_server, "explore", out, "--no-browser")
    assert explorer.stdout is not None
    try:
        address = ""
        while not address:
            found = re.search(r"http://\S+", explorer.stdout.readline())
            address = found[0] if found else ""
        with httpx.Client(follow_redirects=True, timeout=60, trust_env=False) as client:
            first = client.get(address)
            assert first.status_code == 200
            links = re.findall(r'(?:href|src)="((?!https?:|#|data:)[^"]+)"', first.text)
            places = sorted({str(first.url.join(link.replace("&amp;", "&"))) for link in links})

            def look() -> None:
                for place in places:
                    answer = client.get(place)
                    asked[answer.status_code] = asked.get(answer.status_code, 0) + 1
                    if answer.status_code >= 500:
                        torture.wrong.append(f"{place}: {answer.status_code} {answer.text[:300]}")

            with again_and_again(look):
                for number in range(torture.count):
                    change(photos, number % 5)
                    steps: list[tuple[object, ...]] = [
                        run,
                        ("curate", "plan", out, "--replace"),
                        ("curate", "apply", out / "plan.csv", "--to", quarantine, "--yes"),
                        ("curate", "undo", quarantine),
                    ]
                    for given in steps:
                        ended = run_here(given, at_server, log)
                        if ended.code != 0:
                            torture.wrong.append(f"{given}: {ended}")
                time.sleep(0.2)
    finally:
        explorer.terminate()
        said = explorer.communicate(timeout=60)[0]
    if "Traceback" in said:
        torture.wrong.append(said)
    answers = ", ".join(f"{count} x {code}" for code, count in sorted(asked.items()))
    torture.found("explorer open during runs, `curate apply` and `undo`", f"answers: {answers}")
