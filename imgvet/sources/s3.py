"""S3 and MinIO: names of objects, and connections.

    s3://bucket/prefix                      boto3's own endpoint, or AWS_ENDPOINT_URL
    minio://host[:port]/bucket/prefix       https
    minio+http://host[:port]/bucket/prefix  http, because it was asked for

The key is everything after the slash that follows the bucket, as it is: nothing is escaped, so
``#``, ``?``, ``%``, ``!``, spaces and line breaks stand for themselves (as on the command line of
AWS), a name parses back to the same bucket and key, and names sort as their keys do.

Credentials, profiles and regions are found by boto3's own chain. ``IMGVET_S3_ANONYMOUS=1`` sends
requests unsigned, for public buckets; nothing falls back to that by itself, because a request that
lost its credentials should say so.
"""

from __future__ import annotations

import functools
import os
import re
import threading
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from imgvet.errors import (
    InputUnreadableError,
    InvalidParameterError,
)

ANONYMOUS_VARIABLE = "IMGVET_S3_ANONYMOUS"
MAX_CONNECTIONS = 64
"""Connections one client keeps open at most; no reader uses more threads."""
CONNECT_SECONDS = 10
READ_SECONDS = 30
"""How long a server may be silent in the middle of an answer."""
DEFAULT_REGION = "us-east-1"

Scheme = Literal["s3", "minio", "minio+http"]
Result = TypeVar("Result")

_URI = re.compile(r"(s3|minio|minio\+http)://(.*)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
_FORMS = "Write s3://bucket/prefix, minio://host:port/bucket/prefix or, for http, minio+http://..."
_making = threading.Lock()


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """A bucket, or a folder or an object in it.

    Attributes:
        scheme: s3, minio or minio+http.
        host: host and port of a MinIO server, in lower case; empty for s3.
        bucket: name of the bucket.
        key: key of an object or prefix of a folder, empty for the whole bucket.
    """

    scheme: Scheme
    host: str
    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """The name, valid UTF-8; :func:`parse_location` turns it back."""
        place = f"{self.host}/{self.bucket}" if self.host else self.bucket
        return f"{self.scheme}://{place}/{self.key}"

    @property
    def endpoint(self) -> str | None:
        """Address of the server, None if boto3 finds it."""
        if self.scheme == "s3":
            return None
        return f"{'https' if self.scheme == 'minio' else 'http'}://{self.host}"

    def with_key(self, key: str) -> ObjectLocation:
        """Another object in the same bucket."""
        return replace(self, key=key)


def is_remote(name: str) -> bool:
    """Whether a name is meant for S3 or MinIO."""
    return _URI.match(name) is not None


def parse_location(name: str) -> ObjectLocation:
    """Parse a name.

    Raises:
        InvalidParameterError: it is none, or its key is not valid UTF-8.
    """
    match = _URI.fullmatch(name)
    if match is None:
        raise InvalidParameterError(f"{name!r} is not the name of a bucket", _FORMS)
    scheme, rest = match[1].lower(), match[2]
    host, bucket_and_key = ("", rest) if scheme == "s3" else _split_host(name, rest)
    bucket, _, key = bucket_and_key.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise InvalidParameterError(f"{name!r} names no bucket ({bucket!r})", _FORMS)
    if any("\ud800" <= character <= "\udfff" for character in key):
        raise InvalidParameterError(f"{name!r} is not valid UTF-8", "Write the key as UTF-8")
    return ObjectLocation(cast("Scheme", scheme), host, bucket, key)


def _split_host(name: str, rest: str) -> tuple[str, str]:
    host, _, bucket_and_key = rest.partition("/")
    if "@" in host:
        raise InvalidParameterError(
            f"{name.partition('://')[0]}:// takes no user or password",
            "Give credentials as for the AWS command line, such as in AWS_ACCESS_KEY_ID",
        )
    if not _HOST.fullmatch(host.lower()):
        raise InvalidParameterError(f"{name!r} names no host ({host!r})", _FORMS)
    return host.lower(), bucket_and_key


ObjectStore = Any
"""boto3's S3 client, which may be shared among threads."""


def client_for(location: ObjectLocation) -> ObjectStore:
    """The client of a location's endpoint, kept for as long as boto3's variables stay the same.

    Raises:
        InputUnreadableError: boto3's settings (profile, endpoint, certificates) can't be used.
    """
    from botocore.exceptions import BotoCoreError

    anonymous = os.environ.get(ANONYMOUS_VARIABLE, "") not in ("", "0")
    variables = tuple((key, value) for key, value in os.environ.items() if key.startswith("AWS_"))
    try:
        # Without the lock, threads that start together would each make one: 50 ms of parsing.
        with _making:
            return _client(location.endpoint, anonymous, variables)
    except (BotoCoreError, ValueError) as error:
        raise InputUnreadableError(
            f"No connection can be set up for {location.uri} ({error})",
            "Check the settings of boto3: its environment variables and files",
        ) from None


def forget_clients() -> None:
    """Make new clients from now on, for changed files of credentials."""
    _client.cache_clear()


def server_name(location: ObjectLocation) -> str:
    """Which server a location lies on: ``s3`` for AWS, else ``host`` or ``host:port``."""
    address = urlsplit(str(client_for(location).meta.endpoint_url)).netloc
    return "s3" if address.endswith((".amazonaws.com", ".amazonaws.com.cn")) else address


@functools.lru_cache(maxsize=16)
def _client(
    endpoint: str | None,
    anonymous: bool,  # noqa: FBT001
    variables: tuple[tuple[str, str], ...],  # noqa: ARG001 (what boto3 reads is part of the key)
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
        "retries": {"mode": "standard", "total_max_attempts": 1},
    }
    if endpoint is not None:
        settings["s3"] = {"addressing_style": "path"}
    if anonymous:
        settings["signature_version"] = UNSIGNED
    return session.client(
        "s3",
        endpoint_url=endpoint,
        region_name=session.region_name or DEFAULT_REGION,
        config=Config(**settings),
    )
