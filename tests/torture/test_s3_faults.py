"""A bucket behind a network that fails in every way: nothing is lost, nothing is there twice."""

from __future__ import annotations

import random
import socket
import time
from pathlib import Path

import pytest
from torture.conftest import Torture

from imgvet.store.references import digest_bytes
from imgvet.tables import read_table
from imgvet.workdir import WorkDir
from support.fault_proxy import Action, Fault, running_proxy
from support.pictures import jpeg, scene
from support.s3_server import Bucket, environment, running_server
from support.torture import Trouble, results_of, run_here

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

OBJECTS = 40
GROWTH_BYTES = 50_000_000
"""Memory that a run may hold beyond one without faults."""


def answer(status: int, code: str) -> tuple[Action, dict[str, object]]:
    return "answer", {"status": status, "code": code}


FAULTS: tuple[tuple[Action, dict[str, object]], ...] = (
    ("reset", {"after": 700}), ("reset", {"after": 0}), ("truncate", {"after": 900}),
    ("flip", {}), ("refuse", {}), ("forget", {}), ("delay", {"seconds": 0.5}),
    answer(503, "SlowDown"), answer(500, "InternalError"),
)  # fmt: skip
FOR_GOOD = (
    answer(400, "ExpiredToken"), answer(403, "AccessDenied"), answer(404, "NoSuchKey"),
)  # fmt: skip


def impatient() -> None:
    """Ask again at once."""
    from imgvet.sources import s3
    from imgvet.tasks import inputs

    s3.FIRST_WAIT, s3.LONGEST_WAIT = 0.001, 0.02
    for task in (inputs.list_items, inputs.sync_s3_to_local):
        task.retry_delay_seconds = 0.01


def pictures(chance: random.Random) -> dict[str, bytes]:
    """Objects of a bucket; some are the same."""
    seeds = [chance.randrange(2 * OBJECTS) for _ in range(OBJECTS)]
    return {f"a/{number:03}.jpg": jpeg(scene(seed)) for number, seed in enumerate(seeds)}


def planned(chance: random.Random, bucket: Bucket, objects: dict[str, bytes]) -> list[Fault]:
    """What will go wrong: a few faults of any kind, and objects that change when they are read."""
    faults = []
    for _ in range(chance.randint(10, 80)):
        action, more = chance.choice(FAULTS)
        suffix = chance.choice(list(objects)) if chance.random() < 0.8 else bucket.name
        if chance.random() < 0.02:
            action, more = chance.choice(FOR_GOOD)
        method, times = chance.choice(("GET", "GET", "HEAD")), chance.randint(1, 4)
        if action == "flip" and suffix in objects:
            more = {"bit": chance.randrange(8000)}
        faults.append(Fault(suffix, action, times, method, **more))  # type: ignore[arg-type]
    for name in chance.sample(list(objects), 2):
        data = jpeg(scene(1000 + chance.randrange(100)))
        objects[name] = data
        change = {name: data}
        faults.append(Fault(name, "trust", before=lambda change=change: bucket.put(change)))
    chance.shuffle(faults)
    return faults


def wrong_items(out: Path, bucket: Bucket, ever: dict[str, set[str]]) -> list[str]:
    """What is wrong with the items of a run: each object once, and what is read was there."""
    items = read_table(WorkDir(out).table("items"))
    names = [name.partition(f"{bucket.name}/")[2] for name in items["filename"]]
    wrong = [] if sorted(names) == sorted(ever) else [f"{len(names)} items: {names}"]
    for name, status, found in zip(names, items["status"], items["digest"], strict=True):
        if status == "ok" and found not in ever[name]:
            wrong.append(f"{name} has bytes that never were in the bucket")
    return wrong


def test_s3_faults(torture: Torture, at_server: dict[str, str], tmp_path: Path, log: Path) -> None:
    chance, broken, refused = torture.chance, 0, 0
    peaks: list[int] = []  # of the runs with faults
    calm_peak = 0
    with running_server() as server, running_proxy(server.host) as proxy:
        around = {**at_server, **environment(proxy.url)}
        while not peaks or torture.goes_on():
            bucket, objects = server.make_bucket(), pictures(chance)
            bucket.put(objects)
            out, calm = tmp_path / f"out{len(peaks)}", tmp_path / f"calm{len(peaks)}"
            more = chance.choice(((), ("--sync-s3-to-local",)))
            command = ("run", f"s3://{bucket.name}/a", *more, "--work-dir")
            ever = {name: {digest_bytes(data)} for name, data in objects.items()}
            for _ in range(3):
                proxy.faults[:] = planned(chance, bucket, objects)
                for name, data in objects.items():
                    ever[name].add(digest_bytes(data))
                ended = run_here((*command, out), around, log, Trouble(before=impatient))
                peaks.append(ended.peak_bytes)
                refused += ended.code == 2
                broken += sum(fault.times == 0 for fault in proxy.faults)
                if ended.code == 0:
                    torture.wrong += wrong_items(out, bucket, ever)
                elif ended.code != 2 or "Traceback" in ended.said:
                    torture.wrong.append(str(ended))
            proxy.faults.clear()
            bucket.put(objects)
            for place in (out, calm):
                ended = run_here((*command, place), around, log, Trouble(before=impatient))
                calm_peak = max(calm_peak, ended.peak_bytes)
                if ended.code != 0:
                    torture.wrong.append(str(ended))
            found, wanted = results_of(out), results_of(calm)
            differing = [file for file in wanted | found if found.get(file) != wanted.get(file)]
            if differing:
                torture.wrong.append(f"run {len(peaks)}: {differing} as in no new work dir {more}")
    if max(peaks) > calm_peak + GROWTH_BYTES:
        torture.wrong.append(f"memory {peaks}, of a calm run {calm_peak}")
    early, late, calm_most = (
        f"{max(some) // 10**6} MB" for some in (peaks[:3], peaks[-3:], [calm_peak])
    )
    minutes = (time.monotonic() - torture.started) / 60
    torture.found(
        "S3: resets, 503, 500, cut, flipped, refused, slow, expired, denied, changed meanwhile",
        f"{len(peaks)} runs with {broken} faults in {minutes:.1f} min ({refused} ended in a line); "
        f"at most {early} in the first three, {late} in the last, {calm_most} without faults",
    )


def test_s3_silent(torture: Torture, at_server: dict[str, str], tmp_path: Path, log: Path) -> None:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        around = {**at_server, **environment(f"http://127.0.0.1:{silent.getsockname()[1]}")}
        command = ("run", "s3://nowhere/a", "--work-dir", tmp_path / "out")
        ended = run_here(command, around, log, Trouble(kill_after=55))
    if "s3://nowhere/a is silent" not in ended.said or "Traceback" in ended.said:
        torture.wrong.append(str(ended))
    torture.found("S3: an endpoint that never answers, told within 60 s", 1)
