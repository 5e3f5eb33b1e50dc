"""Killed at any request to the bucket of a work dir: it holds one run or the other, and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from torture.conftest import Torture

from imgvet.opening import open_finished
from support.command import command
from support.fault_proxy import Fault, FaultProxy, running_proxy
from support.pictures import age, jpeg, scene, write_scenes
from support.s3_server import Bucket, running_server
from support.s3_server import environment as s3_environment
from support.torture import copy_folder, results_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

PICTURES = 16


@dataclass
class Machine:
    """Runs on one machine, a bucket behind a proxy, and another machine that reads it."""

    folder: Path
    environment: dict[str, str]
    proxy: FaultProxy
    bucket: Bucket

    @property
    def copy(self) -> Path:
        return self.folder / "cache"

    def run(self, killed_at: int = 0) -> tuple[int, int]:
        """The exit code of a run, and how many requests it made."""
        work, log = f"s3://{self.bucket.name}/out", self.folder / "log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                command("run", self.folder / "photos", "--work-dir", work),
                env={**self.environment, "XDG_CACHE_HOME": str(self.copy)},
                stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        self.proxy.requests.clear()
        self.proxy.faults[:] = [
            Fault("", "trust", 10**9, method, before=self._killer(process, killed_at))
            for method in ("GET", "PUT", "DELETE")
        ]
        code = process.wait(280)
        self.proxy.faults.clear()
        return code, len(self.proxy.requests)

    def _killer(self, process: subprocess.Popen[bytes], at: int) -> Callable[[], None]:
        def kill() -> None:
            if len(self.proxy.requests) == at and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

        return kill

    def seen(self) -> dict[str, bytes]:
        """The results that another machine reads, which has seen earlier ones."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setenv("XDG_CACHE_HOME", str(self.folder / "reader"))
            return results_of(open_finished(Path(f"s3://{self.bucket.name}/out")).path)

    def objects(self) -> dict[str, bytes]:
        """All that the bucket holds."""
        client, name = self.bucket.client, self.bucket.name
        listed = client.list_objects_v2(Bucket=name).get("Contents", ())
        return {row["Key"]: client.get_object(Bucket=name, Key=row["Key"])["Body"].read()
                for row in listed}  # fmt: skip


def test_killed_in_a_bucket(torture: Torture, at_server: dict[str, str], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    age(*write_scenes(photos, PICTURES))
    with running_server() as server, running_proxy(server.host) as proxy:
        environment = {**at_server, **s3_environment(proxy.url)}
        machine = Machine(tmp_path, environment, proxy, server.make_bucket())
        assert machine.run()[0] == 0, (tmp_path / "log").read_text()
        before, saved = machine.seen(), machine.objects()
        copy_folder(machine.copy, tmp_path / "saved")
        changed = photos / "scene0000.jpg"
        changed.write_bytes(jpeg(scene(200)))
        age(changed, *write_scenes(photos, 1, 100))
        code, requests = machine.run()
        assert code == 0
        after, kills = machine.seen(), 0
        assert after != before
        while kills < torture.count:
            for key in machine.objects().keys() - saved.keys():
                machine.bucket.delete(key)
            machine.bucket.put(saved)
            copy_folder(tmp_path / "saved", machine.copy)
            at = torture.chance.randint(1, requests)
            was_killed = machine.run(at)[0] == -signal.SIGKILL
            kills += was_killed
            if machine.seen() not in (before, after):
                torture.wrong.append(f"killed at request {at}: results of no run")
            code, _ = machine.run()
            if code != 0 or machine.seen() != after:
                torture.wrong.append(f"killed at request {at}, run again: ended with {code}")
            if "out/lock" in machine.objects():
                torture.wrong.append(f"killed at request {at}, run again: the lock is left")
    torture.found("SIGKILL of a run at any request to the bucket of its work dir; then run again",
                  f"{kills} kills")  # fmt: skip
