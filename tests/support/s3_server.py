"""A real S3 server over HTTP on loopback: moto's, as a process of its own."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from support.receiver import free_port

REGION = "us-east-1"
ACCESS_KEY, SECRET_KEY = "an-access-key", "a-secret-key"
_START_SECONDS = 30.0


@dataclass(frozen=True)
class Bucket:
    """A bucket, reached directly."""

    name: str
    client: Any

    def put(self, objects: dict[str, bytes]) -> None:
        """Put objects into it."""
        for key, data in objects.items():
            # See the proxy: it gives line breaks back.
            stored = key.replace("\n", "\u2424")
            self.client.put_object(Bucket=self.name, Key=stored, Body=data)

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.client.delete_object(Bucket=self.name, Key=key)


@dataclass(frozen=True)
class S3Server:
    """A running server.

    Attributes:
        host: host and port, to be written behind minio+http://.
    """

    host: str

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://{self.host}"

    def make_bucket(self, name: str | None = None) -> Bucket:
        """Make an empty bucket."""
        made = Bucket(name or f"b{uuid4().hex}", _direct_client(self.url))
        made.client.create_bucket(Bucket=made.name)
        return made


@functools.cache
def _direct_client(url: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        # Objects as most tools put them: with an ETag, but no checksum.
        config=Config(request_checksum_calculation="when_required"),
    )


def environment(endpoint: str | None = None) -> dict[str, str]:
    """Environment variables with which boto3 talks to a server of the tests and to nothing else."""
    nowhere = os.devnull
    values = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_CONFIG_FILE": nowhere,
        "AWS_SHARED_CREDENTIALS_FILE": nowhere,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    return values | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})


@contextmanager
def running_server(host: str = "127.0.0.1") -> Iterator[S3Server]:
    """Start a server, wait until it answers, and stop it by its process id."""
    port = str(free_port())
    server = S3Server(f"{host}:{port}")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", host, "-p", port],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment(),
    )
    try:
        _wait_until_up(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_until_up(server: S3Server, process: subprocess.Popen[bytes]) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            direct.open(f"{server.url}/moto-api/", timeout=5).close()
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("moto's server did not start") from error
            time.sleep(0.05)
        else:
            return
