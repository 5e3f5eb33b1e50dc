"""S3 and MinIO: names of objects, connections, and asking again when a request fails.

    s3://bucket/prefix                      boto3's own endpoint, or AWS_ENDPOINT_URL
    minio://host[:port]/bucket/prefix       https
    minio+http://host[:port]/bucket/prefix  http, because it was asked for

The key is everything after the slash that follows the bucket: nothing is escaped (as on the command
line of AWS), so a name parses back to the same bucket and key, and names sort as their keys do.

Credentials, profiles and regions are found by boto3's own chain. ``IMGVET_S3_ANONYMOUS=1`` sends
requests unsigned, for public buckets; nothing falls back to that, because a request that lost its
credentials should say so.

A client makes each request once, and :func:`ask` alone repeats it: boto3's own retries do not cover
a body that breaks off after the headers, and share one budget among all threads of a client.
"""

from __future__ import annotations

import functools
import logging
import os
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from imgvet.errors import (
    ImgvetError,
    InputNotFoundError,
    InputUnreadableError,
    InvalidParameterError,
    TransportError,
    failing_as,
)
from imgvet.format import message_of

ANONYMOUS_VARIABLE = "IMGVET_S3_ANONYMOUS"
CONNECT_SECONDS, READ_SECONDS = 10, 20

ATTEMPTS, CONNECT_ATTEMPTS = 12, 8
"""Requests in all, and while no connection can be made."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 20.0
"""Upper bounds, in seconds, of the first wait and of any. A request that is throttled all the time
is given up after 43 s of waiting on average, and a server that can't be reached after 6 s."""

Result = TypeVar("Result")

_URI = re.compile(r"(s3|minio|minio\+http)://(.*)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
_FORMS = "Write s3://bucket/prefix, minio://host:port/bucket/prefix or, for http, minio+http://..."
_making = threading.Lock()
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """A bucket, or a folder or an object in it."""

    scheme: Literal["s3", "minio", "minio+http"]
    host: str
    """Host and port of a MinIO server, in lower case; empty for s3."""
    bucket: str
    key: str
    """Key of an object or prefix of a folder, empty for the whole bucket."""

    @property
    def uri(self) -> str:
        """The name, which :func:`parse_location` turns back."""
        place = f"{self.host}/{self.bucket}" if self.host else self.bucket
        return f"{self.scheme}://{place}/{self.key}"

    @property
    def endpoint(self) -> str | None:
        """Address of the server, None if boto3 finds it."""
        if self.scheme == "s3":
            return None
        return f"{'https' if self.scheme == 'minio' else 'http'}://{self.host}"


def is_remote(name: str) -> bool:
    """Whether a name is meant for S3 or MinIO."""
    return _URI.match(name) is not None


def parse_location(name: str) -> ObjectLocation:
    """Parse a name; one that is none, or not valid UTF-8, is an InvalidParameterError."""
    match = _URI.fullmatch(name)
    if match is None:
        raise InvalidParameterError(f"{name!r} is not the name of a bucket", _FORMS)
    scheme, host, rest = match[1].lower(), "", match[2]
    if scheme != "s3":
        host, _, rest = rest.partition("/")
        if "@" in host:
            raise _with_password(match[1])
        if not _HOST.fullmatch(host.lower()):
            raise InvalidParameterError(f"{name!r} names no host ({host!r})", _FORMS)
    bucket, _, key = rest.partition("/")
    if "@" in bucket:
        raise _with_password(match[1])
    if not _BUCKET.fullmatch(bucket):
        raise InvalidParameterError(f"{name!r} names no bucket ({bucket!r})", _FORMS)
    if any("\ud800" <= character <= "\udfff" for character in key):
        raise InvalidParameterError(f"{name!r} is not valid UTF-8", "Write the key as UTF-8")
    return ObjectLocation(cast("Any", scheme), host.lower(), bucket, key)


def _with_password(scheme: str) -> InvalidParameterError:
    return InvalidParameterError(
        f"{scheme}:// takes no user or password",
        "Give credentials as for the AWS command line, such as in AWS_ACCESS_KEY_ID",
    )


def client_for(location: ObjectLocation) -> Any:
    """boto3's client of a location's endpoint, shared among threads.

    InputUnreadableError if boto3's settings (profile, endpoint, certificates) can't be used.
    """
    from botocore.exceptions import BotoCoreError

    anonymous = os.environ.get(ANONYMOUS_VARIABLE, "") not in ("", "0")
    variables = tuple((key, value) for key, value in os.environ.items() if key.startswith("AWS_"))
    problem = f"No connection can be set up for {location.uri}"
    remedy = "Check the settings of boto3: its environment variables and files"
    # Without the lock, threads that start together would each make one: 50 ms of parsing.
    with failing_as(InputUnreadableError, problem, remedy, BotoCoreError, ValueError), _making:
        return _client(location.endpoint, anonymous, variables)


@functools.lru_cache(maxsize=16)
def _client(
    endpoint: str | None,
    anonymous: bool,  # noqa: FBT001
    variables: tuple[tuple[str, str], ...],  # noqa: ARG001 (what boto3 reads is part of the key)
) -> Any:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    for name in ("botocore.credentials", "botocore.tokens"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a traceback of what is raised as well
    session = boto3.session.Session()
    config = Config(
        max_pool_connections=64,  # No reader uses more threads.
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 1},
        s3={"addressing_style": "path"} if endpoint is not None else None,
        signature_version=UNSIGNED if anonymous else None,
    )
    region = session.region_name or "us-east-1"
    return session.client("s3", endpoint_url=endpoint, region_name=region, config=config)


def server_name(location: ObjectLocation) -> str:
    """Which server a location lies on: ``s3`` for AWS, else ``host`` or ``host:port``."""
    address = urlsplit(str(client_for(location).meta.endpoint_url)).netloc
    return "s3" if address.endswith((".amazonaws.com", ".amazonaws.com.cn")) else address


ErrorKind = Literal[
    "missing bucket", "missing object", "changed", "spoilt", "denied", "credentials",
    "transient", "unreachable", "insecure", "refused",
]  # fmt: skip
"""``spoilt``: what arrived so far is wrong or can't be continued; ``insecure``: the server is not
the one its certificate names, or does not speak https; ``refused``: anything else for good."""

RETRIED: frozenset[ErrorKind] = frozenset({"transient", "spoilt", "changed", "unreachable"})
"""Kinds that go away by asking again."""
_SHARED = ("missing bucket", "credentials", "unreachable", "insecure")
"""Kinds that concern all objects alike."""

_NAMES: dict[ErrorKind, str] = {
    "missing bucket": "NoSuchBucket InvalidBucketName",
    "missing object": "NoSuchKey NoSuchVersion 404",
    "changed": "PreconditionFailed 412",
    "spoilt": "InvalidRange 416 ChecksumError FlexibleChecksumError",
    "denied": "401 403",
    "credentials": "ExpiredToken InvalidAccessKeyId InvalidToken RequestTimeTooSkewed "
    "NoCredentialsError PartialCredentialsError CredentialRetrievalError NoAuthTokenError "
    "TokenRetrievalError SSOError LoginError UnknownCredentialError UnknownTokenProviderError "
    "RefreshWithMFAUnsupportedError TokenRefreshRequired",
    "transient": "SlowDown Throttling ThrottlingException RequestLimitExceeded TooManyRequests "
    "TooManyRequestsException RequestTimeout InternalError ServiceUnavailable "
    "BandwidthLimitExceeded OperationAborted 408 429 500 502 503 504",
    "unreachable": "ConnectionError",
    "insecure": "SSLError",
    "refused": "ParamValidationError InvalidConfigError EndpointProviderError",
}
_KIND_OF_NAME = {name: kind for kind, names in _NAMES.items() for name in names.split()}
"""Kinds by the codes of servers, the status of HTTP, and the names of boto3's exceptions."""


@dataclass(frozen=True)
class Problem:
    """Why a request failed: what was said, one line, and the seconds the server asked to wait."""

    kind: ErrorKind
    text: str
    wait: float = 0.0


def _problem_of(error: Exception) -> Problem:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        details, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
        code, status = str(details.get("Code", "")), str(metadata.get("HTTPStatusCode", ""))
        message = " ".join(str(details.get("Message", "")).split())
        kind = _KIND_OF_NAME.get(code) or _KIND_OF_NAME.get(status, "refused")
        asked = metadata.get("HTTPHeaders", {}).get("retry-after", "")
        wait = float(asked) if asked.isdecimal() else 0.0
        return Problem(kind, f"{code}: {message}" if message else code, wait)
    text = message_of(error)
    names = [kind.__name__ for kind in type(error).__mro__ if "botocore" in kind.__module__]
    if "SSLError" in names and "EOF" in text:
        return Problem("transient", text)
    # What has no name here broke off, timed out or could not be parsed on its way.
    kinds = (_KIND_OF_NAME[name] for name in names if name in _KIND_OF_NAME)
    return Problem(next(kinds, "transient"), text)


def error_for(location: ObjectLocation, problem: Problem) -> ImgvetError:
    """The error that stops a run because of a problem with a whole bucket, or in transport."""
    name, bucket = location.uri, location.bucket
    told: dict[ErrorKind, tuple[str, str]] = {
        "missing bucket": (
            f"The bucket {bucket} of {name} does not exist",
            "Check its name, the endpoint and the account",
        ),
        "denied": (
            f"The bucket {bucket} of {name} may not be listed",
            f"Grant s3:ListBucket on {bucket} and s3:GetObject on its objects to the credentials",
        ),
        "credentials": (
            f"No valid credentials for {name}",
            "Give them as for the AWS command line, or set "
            f"{ANONYMOUS_VARIABLE}=1 for a public bucket",
        ),
        "insecure": (
            f"The server of {name} can't be trusted or does not speak https",
            "Write minio+http:// for a server without https, or set AWS_CA_BUNDLE",
        ),
    }
    told["refused"] = (f"{name} can't be read", "Check name, endpoint and region")
    is_wrong_secret = problem.text.startswith("SignatureDoesNotMatch")
    message, hint = told.get("credentials" if is_wrong_secret else problem.kind, told["refused"])
    kind = InputNotFoundError if problem.kind == "missing bucket" else InputUnreadableError
    if problem.kind in RETRIED:
        kind, message = TransportError, f"The server of {name} does not answer"
        hint = "Check the endpoint and the network, and run again"
    return kind(f"{message} ({problem.text})", hint)


def ask(
    location: ObjectLocation,
    request: Callable[[], Result | Problem],
    after: Callable[[Problem], None] = lambda _: None,
) -> Result | Problem:
    """Make a request until it succeeds, fails for good or too often; give its result or problem.

    The request may raise exceptions of boto3; ``after`` is called after each failure. Problems of a
    whole bucket are raised: InputNotFoundError if it does not exist, InputUnreadableError if there
    are no valid credentials or the server is not to be trusted, TransportError if it is gone.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    failed = 0
    while True:
        try:
            result = request()
        except (ClientError, BotoCoreError, ResponseParserError, HTTPError) as error:
            result = _problem_of(error)
        if not isinstance(result, Problem):
            return result
        after(result)
        failed += 1
        if failed == 1 and "timeout" in result.text.lower():  # a person is waiting for long already
            _logger.warning("%s is silent, asking again: %s", location.uri, result.text)
        attempts = CONNECT_ATTEMPTS if result.kind == "unreachable" else ATTEMPTS
        if result.kind in RETRIED and failed < attempts:
            time.sleep(seconds_to_wait(result, failed))
            continue
        if failed > 1:
            result = replace(result, text=f"{result.text} (gave up after {failed} attempts)")
        if result.kind in _SHARED:
            raise error_for(location, result)
        return result


def seconds_to_wait(problem: Problem, failed: int) -> float:
    """How long to wait after so many failed attempts, no less than the server asked for.

    Source of full jitter: M. Brooker, "Exponential Backoff And Jitter" (2015).
    """
    bound = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (failed - 1))
    return max(random.uniform(0.0, bound), min(problem.wait, LONGEST_WAIT))  # noqa: S311
