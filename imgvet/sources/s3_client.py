"""Connections to S3 and MinIO: one client for each endpoint, shared by all threads.

Credentials, profiles and regions are found by boto3's own chain, and ``AWS_ENDPOINT_URL`` (or
``AWS_ENDPOINT_URL_S3``) is honoured for ``s3://``. ``IMGVET_S3_ANONYMOUS=1`` sends requests
unsigned, for public buckets; nothing falls back to that by itself, because a request that lost its
credentials should say so.
"""

from __future__ import annotations

import functools
import os
import threading
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from imgvet.errors import InputUnreadableError
from imgvet.sources.s3_location import Location

ANONYMOUS_VARIABLE = "IMGVET_S3_ANONYMOUS"
MAX_CONNECTIONS = 64
"""Connections one client keeps open at most; no reader uses more threads."""
CONNECT_SECONDS = 10
READ_SECONDS = 30
"""How long a server may be silent in the middle of an answer."""
DEFAULT_REGION = "us-east-1"

_making = threading.Lock()


class ObjectStore(Protocol):
    """The part of boto3's S3 client that is used; it may be shared among threads."""

    @property
    def meta(self) -> Any:
        """What boto3 knows of the client."""

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        """One page of a listing."""

    def head_object(self, **request: Any) -> dict[str, Any]:
        """Size, time and ETag of an object."""

    def get_object(self, **request: Any) -> dict[str, Any]:
        """An object, its body as a stream."""


def client_for(location: Location) -> ObjectStore:
    """The client of a location's endpoint, kept for as long as boto3's variables stay the same.

    Raises:
        InputUnreadableError: boto3's settings (profile, endpoint, certificates) can't be used.
    """
    from botocore.exceptions import BotoCoreError

    anonymous = os.environ.get(ANONYMOUS_VARIABLE, "") not in ("", "0")
    try:
        # Without the lock, threads that start together would each make one: 50 ms of parsing.
        with _making:
            return _client(location.endpoint, anonymous, _settings())
    except (BotoCoreError, ValueError) as error:
        raise InputUnreadableError(
            f"No connection can be set up for {location.filename} ({error})",
            "Check the settings of boto3: its environment variables and files",
        ) from None


def forget_clients() -> None:
    """Make new clients from now on, for changed files of credentials."""
    _client.cache_clear()


def server_name(location: Location) -> str:
    """Which server a location lies on: ``s3`` for AWS, else ``host`` or ``host:port``."""
    address = urlsplit(str(client_for(location).meta.endpoint_url)).netloc
    return "s3" if address.endswith((".amazonaws.com", ".amazonaws.com.cn")) else address


def _settings() -> tuple[tuple[str, str], ...]:
    """The variables that boto3 reads."""
    return tuple((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))


@functools.lru_cache(maxsize=16)
def _client(
    endpoint: str | None,
    anonymous: bool,  # noqa: FBT001
    settings_read: tuple[tuple[str, str], ...],  # noqa: ARG001
) -> ObjectStore:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    session = boto3.session.Session()
    settings: dict[str, Any] = {
        "max_pool_connections": MAX_CONNECTIONS,
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "tcp_keepalive": True,
        # Retrying is done in s3_retry, bodies included.
        "retries": {"mode": "standard", "total_max_attempts": 1},
    }
    if endpoint is not None:
        settings["s3"] = {"addressing_style": "path"}
    if anonymous:
        settings["signature_version"] = UNSIGNED
    client = session.client(
        "s3",
        endpoint_url=endpoint,
        region_name=session.region_name or DEFAULT_REGION,
        config=Config(**settings),
    )
    return cast("ObjectStore", client)
