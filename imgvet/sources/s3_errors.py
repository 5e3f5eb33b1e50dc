"""What can go wrong with a request to S3 or MinIO, what is said of it, and asking again.

There is one place that retries, and it is here: a client makes each request once. boto3's own
retries do not cover a body that breaks off after the headers, share one budget among all threads of
a client, and would multiply with these.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar, cast

from imgvet.errors import (
    ImgvetError,
    InputNotFoundError,
    InputUnreadableError,
    TransportError,
)
from imgvet.sources.s3 import ANONYMOUS_VARIABLE, ObjectLocation

Result = TypeVar("Result")
_BROKEN_OFF = "EOF"


class ErrorKind(Enum):
    """What a problem is about, and so what is to be done.

    ``SPOILT``: what arrived so far is wrong or can't be continued; ``INSECURE``: the server is not
    the one its certificate names, or does not speak https; ``REFUSED``: anything else for good.
    """

    MISSING_BUCKET = auto()
    MISSING_OBJECT = auto()
    CHANGED = auto()
    SPOILT = auto()
    DENIED = auto()
    CREDENTIALS = auto()
    TRANSIENT = auto()
    UNREACHABLE = auto()
    INSECURE = auto()
    REFUSED = auto()


RETRIED = frozenset(
    {ErrorKind.TRANSIENT, ErrorKind.SPOILT, ErrorKind.CHANGED, ErrorKind.UNREACHABLE}
)
"""Kinds that go away by asking again."""

NOT_THE_OBJECTS_FAULT = frozenset(
    {ErrorKind.MISSING_BUCKET, ErrorKind.CREDENTIALS, ErrorKind.UNREACHABLE, ErrorKind.INSECURE}
)
"""Kinds that concern all objects alike."""

_CODES = {
    ErrorKind.MISSING_BUCKET: ("NoSuchBucket", "InvalidBucketName"),
    ErrorKind.MISSING_OBJECT: ("NoSuchKey", "NoSuchVersion", "404"),
    ErrorKind.CHANGED: ("PreconditionFailed", "412"),
    ErrorKind.SPOILT: ("InvalidRange", "416"),
    ErrorKind.CREDENTIALS: (
        *("ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "RequestTimeTooSkewed"),
    ),
    ErrorKind.TRANSIENT: (
        *("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"),
        *("TooManyRequests", "TooManyRequestsException", "RequestTimeout", "InternalError"),
        *("ServiceUnavailable", "BandwidthLimitExceeded", "OperationAborted", "503"),
    ),
}
_KIND_OF_CODE = {code: kind for kind, codes in _CODES.items() for code in codes}
_KIND_OF_STATUS = {
    **dict.fromkeys((401, 403), ErrorKind.DENIED),
    **dict.fromkeys((408, 429, 500, 502, 503, 504), ErrorKind.TRANSIENT),
}


@dataclass(frozen=True)
class Problem:
    """Why a request failed.

    Attributes:
        kind: what it is about.
        text: what the server or the network said, one line.
        wait: seconds the server asked to wait, 0 if it did not.
    """

    kind: ErrorKind
    text: str
    wait: float = 0.0


def handled() -> tuple[type[Exception], ...]:
    """The exceptions that :func:`problem_of` understands."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    return (ClientError, BotoCoreError, ResponseParserError, HTTPError)


def problem_of(error: Exception) -> Problem:
    """What an exception of boto3 means."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return _problem_in(cast("dict[str, Any]", error.response))
    text = " ".join(str(error).split())
    if isinstance(error, exceptions.SSLError) and _BROKEN_OFF in text:
        return Problem(ErrorKind.TRANSIENT, text)
    for kind, classes in _classes_of_kinds():
        if isinstance(error, classes):
            return Problem(kind, text)
    # What is left broke off, timed out or could not be parsed on its way.
    return Problem(ErrorKind.TRANSIENT, text)


def _classes_of_kinds() -> tuple[tuple[ErrorKind, tuple[type[Exception], ...]], ...]:
    """Kinds that boto3 itself raises; the first that fits counts."""
    from botocore import exceptions

    credentials = (
        *(exceptions.NoCredentialsError, exceptions.PartialCredentialsError),
        *(exceptions.CredentialRetrievalError, exceptions.NoAuthTokenError),
        exceptions.TokenRetrievalError,
    )
    return (
        (ErrorKind.INSECURE, (exceptions.SSLError,)),
        (ErrorKind.UNREACHABLE, (exceptions.ConnectionError,)),
        (ErrorKind.CREDENTIALS, credentials),
        (ErrorKind.SPOILT, (exceptions.ChecksumError, exceptions.FlexibleChecksumError)),
        (ErrorKind.REFUSED, (exceptions.ParamValidationError, exceptions.InvalidConfigError)),
    )


def _problem_in(response: dict[str, Any]) -> Problem:
    """The problem in an answer of the server."""
    details = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    code, status = str(details.get("Code", "")), int(metadata.get("HTTPStatusCode", 0))
    message = " ".join(str(details.get("Message", "")).split())
    kind = _KIND_OF_CODE.get(code) or _KIND_OF_STATUS.get(status, ErrorKind.REFUSED)
    asked = metadata.get("HTTPHeaders", {}).get("retry-after", "")
    wait = float(asked) if asked.isdecimal() else 0.0
    return Problem(kind, f"{code}: {message}" if message else code, wait)


def error_for(location: ObjectLocation, problem: Problem) -> ImgvetError:
    """The error that stops a run because of a problem with a whole bucket."""
    name, bucket, text = location.uri, location.bucket, problem.text
    if problem.kind in RETRIED:
        return TransportError(
            f"The server of {name} does not answer ({text})",
            "Check the endpoint and the network, and run again",
        )
    if problem.kind is ErrorKind.MISSING_BUCKET:
        return InputNotFoundError(
            f"The bucket {bucket} of {name} does not exist ({text})",
            "Check its name, the endpoint and the account",
        )
    message, hint = {
        ErrorKind.DENIED: (
            f"The bucket {bucket} of {name} may not be listed ({text})",
            f"Grant s3:ListBucket on {bucket} and s3:GetObject on its objects to the credentials",
        ),
        ErrorKind.CREDENTIALS: (
            f"No valid credentials for {name} ({text})",
            f"Give them as for the AWS command line, or set {ANONYMOUS_VARIABLE}=1 for a public "
            "bucket",
        ),
        ErrorKind.INSECURE: (
            f"The server of {name} can't be trusted or does not speak https ({text})",
            "Write minio+http:// for a server without https, or set AWS_CA_BUNDLE",
        ),
    }.get(problem.kind, (f"{name} can't be read ({text})", "Check the name"))
    return InputUnreadableError(message, hint)


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a request is repeated.

    The wait before the n-th repetition is drawn evenly from 0 to
    min(``cap_seconds``, ``base_seconds`` * 2^(n-1)): full jitter, as in M. Brooker, "Exponential
    Backoff And Jitter" (2015). With the defaults a request that is throttled all the time is given
    up after 12 attempts and 43 s of waiting on average (86 s at most), and a server that can't be
    reached after 8 attempts and 6 s (13 s at most).

    Attributes:
        attempts: requests in all, the first one included.
        connect_attempts: the same while no connection can be made.
        base_seconds: upper bound of the first wait.
        cap_seconds: upper bound of any wait.
    """

    attempts: int = 12
    connect_attempts: int = 8
    base_seconds: float = 0.1
    cap_seconds: float = 20.0

    def final(self, problem: Problem, failed: int) -> Problem | None:
        """The problem, if it is final after so many failed attempts; it tells them if several."""
        attempts = self.connect_attempts if problem.kind is ErrorKind.UNREACHABLE else self.attempts
        if problem.kind in RETRIED and failed < attempts:
            return None
        if failed == 1:
            return problem
        return Problem(problem.kind, f"{problem.text} (gave up after {failed} attempts)")

    def wait(self, problem: Problem, failed: int) -> float:
        """Seconds to wait after so many failed attempts, no less than the server asked for."""
        bound = min(self.cap_seconds, self.base_seconds * 2.0 ** (failed - 1))
        return max(random.uniform(0.0, bound), min(problem.wait, self.cap_seconds))  # noqa: S311


DEFAULT_RETRY = RetryPolicy()


def ask(request: Callable[[], Result | Problem], retry: RetryPolicy) -> Result | Problem:
    """Make a request until it succeeds, fails for good or too often.

    Args:
        request: gives its result or a problem, or raises one of :func:`handled`.
        retry: how patiently it is repeated.

    Returns:
        its result, or the last problem.
    """
    failed = 0
    while True:
        try:
            result = request()
        except handled() as error:
            result = problem_of(error)
        if not isinstance(result, Problem):
            return result
        failed += 1
        final = retry.final(result, failed)
        if final is not None:
            return final
        time.sleep(retry.wait(result, failed))
