"""A run whose shards are computed on two other hosts: network namespaces with a bridge between."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.command import environment_of, run
from support.dask_cluster import Cluster, wait
from support.pictures import age, jpeg, photograph
from support.s3_server import environment as environment_of_s3
from support.s3_server import running_server

HERE, PORT = "10.213.77.1", 42_177
HOSTS = {"imgvet-a": "10.213.77.2", "imgvet-b": "10.213.77.3"}
BRIDGE = "imgvet-bridge"

pytestmark = pytest.mark.slow


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True)


@pytest.fixture
def hosts() -> Iterator[None]:
    """Two hosts that reach this one, and nothing else; skips where this machine allows none."""
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need iproute2")
    try:
        try:
            _connect()
        except subprocess.CalledProcessError as error:
            if b"File exists" in error.stderr:
                raise
            pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
        yield
    finally:
        for name in HOSTS:
            # A namespace takes its end of the link along some time later.
            _ip("link", "del", f"{name}-0", check=False)
            _ip("netns", "del", name, check=False)
        _ip("link", "del", BRIDGE, check=False)


def _connect() -> None:
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("addr", "add", f"{HERE}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    for name, address in HOSTS.items():
        _ip("netns", "add", name)
        _ip("link", "add", f"{name}-0", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", f"{name}-0", "master", BRIDGE, "up")
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")


@pytest.fixture
def server(hosts: None, tmp_path: Path) -> Iterator[str]:
    """A Prefect server that the hosts reach."""
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect")}
    command = ["-m", "prefect", "server", "start", "--no-ui", "--host", HERE, "--port", str(PORT)]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *command], env=environment, stdout=log)
    url = f"http://{HERE}:{PORT}/api"

    def is_up() -> bool:
        try:
            return httpx.get(f"{url}/health").is_success
        except httpx.HTTPError:
            return False

    try:
        wait(is_up, 120)
        yield url
    finally:
        process.terminate()
        process.wait()


def test_shards_on_two_hosts_give_the_same_tables(server: str, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(12):
        path = photos / f"{number:02}.jpg"
        path.write_bytes(jpeg(photograph(number)))
        age(path)
    environment = environment_of(tmp_path / "home")
    cluster = Cluster(tmp_path, HERE, [(place, _on(name)) for name, place in HOSTS.items()])
    try:
        there = ("--runner", "dask", "--address", cluster.address, "--work-dir")
        refused = run(environment, "run", photos, *there, tmp_path / "refused")
        assert refused.returncode == 2
        assert "can't reach a temporary Prefect server" in refused.stderr
        told = environment | {"PREFECT_API_URL": server}
        assert run(told, "run", photos, *there, tmp_path / "there").returncode == 0
    finally:
        cluster.stop()
    found = {path.name: path.read_bytes() for path in (tmp_path / "there" / "tables").iterdir()}
    assert found == _computed_here(told, photos, tmp_path / "here")


def _computed_here(environment: dict[str, str], photos: object, work: Path) -> dict[str, bytes]:
    """The tables of a run on this host alone."""
    assert run(environment, "run", photos, "--work-dir", work).returncode == 0
    tables = {path.name: path.read_bytes() for path in (work / "tables").iterdir()}
    assert len(tables) > 5
    return tables


def _on(name: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", name)


def test_hosts_without_a_common_disk_share_the_bucket(server: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    hidden = ("sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(home))
    with running_server(HERE) as storage:
        bucket = storage.make_bucket()
        bucket.put({f"photos/{number}.jpg": jpeg(photograph(number)) for number in range(12)})
        credentials = environment_of_s3(storage.url)
        told = environment_of(home) | credentials | {"PREFECT_API_URL": server}
        given = ("env", *(f"{name}={value}" for name, value in credentials.items()))
        places = [(place, (*_on(name), *given, *hidden)) for name, place in HOSTS.items()]
        cluster = Cluster(tmp_path, HERE, places)
        photos, there = (f"s3://{bucket.name}/{name}" for name in ("photos", "there"))
        workers = ("--runner", "dask", "--address", cluster.address)
        try:
            ended = run(told, "run", photos, "--work-dir", there, *workers)
            assert ended.returncode == 0, ended.stderr
        finally:
            cluster.stop()
        for name, data in _computed_here(told, photos, tmp_path / "here").items():
            answer = bucket.client.get_object(Bucket=bucket.name, Key=f"there/tables/{name}")
            assert answer["Body"].read() == data
