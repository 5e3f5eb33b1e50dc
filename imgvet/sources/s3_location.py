"""Names of objects in S3 and MinIO: parse them, and write them so that they parse back.

    s3://bucket/prefix                      boto3's own endpoint, or AWS_ENDPOINT_URL
    minio://host[:port]/bucket/prefix       https
    minio+http://host[:port]/bucket/prefix  http, because it was asked for

The key is everything after the slash that follows the bucket, as it is: nothing is escaped, so
``#``, ``?``, ``%``, ``!``, spaces and line breaks stand for themselves (as on the command line of
AWS), a name parses back to the same bucket and key, and names sort as their keys do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, cast

from imgvet.errors import InvalidParameterError

Scheme = Literal["s3", "minio", "minio+http"]

_URI = re.compile(r"(s3|minio|minio\+http)://(.*)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
_FORMS = "Write s3://bucket/prefix, minio://host:port/bucket/prefix or, for http, minio+http://..."


@dataclass(frozen=True, slots=True)
class Location:
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
    def filename(self) -> str:
        """The name as a URI, valid UTF-8; :func:`parse_location` turns it back."""
        return f"{self.root}{self.key}"

    @property
    def root(self) -> str:
        """The URI of the whole bucket, with a slash at its end."""
        place = f"{self.host}/{self.bucket}" if self.host else self.bucket
        return f"{self.scheme}://{place}/"

    @property
    def endpoint(self) -> str | None:
        """Address of the server, None if boto3 finds it."""
        if self.scheme == "s3":
            return None
        return f"{'https' if self.scheme == 'minio' else 'http'}://{self.host}"

    def with_key(self, key: str) -> Location:
        """Another object in the same bucket."""
        return replace(self, key=key)


def is_remote(name: str) -> bool:
    """Whether a name is meant for S3 or MinIO."""
    return _URI.match(name) is not None


def parse_location(name: str) -> Location:
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
    return Location(cast("Scheme", scheme), host, bucket, key)


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
