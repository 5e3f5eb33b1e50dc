"""What went wrong with a request to S3: one small set of kinds, for boto3's many exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, cast

from imgvet.errors import ImgvetError, InputNotFoundError, InputUnreadableError, TransportError
from imgvet.sources.s3_location import Location

MISSING_BUCKET_CODES = frozenset({"NoSuchBucket", "InvalidBucketName"})
MISSING_OBJECT_CODES = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
CHANGED_CODES = frozenset({"PreconditionFailed", "412"})
SPOILT_CODES = frozenset({"InvalidRange", "416"})
CREDENTIAL_CODES = frozenset(
    {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "RequestTimeTooSkewed"}
)
TRANSIENT_CODES = frozenset(
    {
        *("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"),
        *("TooManyRequests", "TooManyRequestsException", "RequestTimeout", "InternalError"),
        *("ServiceUnavailable", "BandwidthLimitExceeded", "OperationAborted", "503"),
    }
)
TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_BROKEN_OFF = "EOF"


class Kind(Enum):
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


RETRIED = frozenset({Kind.TRANSIENT, Kind.SPOILT, Kind.UNREACHABLE})
"""Kinds that go away by waiting."""

NOT_THE_OBJECTS_FAULT = frozenset(
    {Kind.MISSING_BUCKET, Kind.CREDENTIALS, Kind.UNREACHABLE, Kind.INSECURE}
)
"""Kinds that concern all objects alike."""


@dataclass(frozen=True)
class Problem:
    """Why a request failed.

    Attributes:
        kind: what it is about.
        text: what the server or the network said, one line.
        wait: seconds the server asked to wait, 0 if it did not.
    """

    kind: Kind
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
        return _of_response(cast("dict[str, Any]", error.response))
    text = " ".join(str(error).split())
    if isinstance(error, exceptions.SSLError) and _BROKEN_OFF in text:
        return Problem(Kind.TRANSIENT, text)
    for kind, classes in _kinds_of_exceptions():
        if isinstance(error, classes):
            return Problem(kind, text)
    # What is left broke off, timed out or could not be parsed on its way.
    return Problem(Kind.TRANSIENT, text)


def _kinds_of_exceptions() -> tuple[tuple[Kind, tuple[type[Exception], ...]], ...]:
    """Kinds of what boto3 itself raises; the first that fits counts."""
    from botocore import exceptions

    credentials = (
        *(exceptions.NoCredentialsError, exceptions.PartialCredentialsError),
        *(exceptions.CredentialRetrievalError, exceptions.NoAuthTokenError),
        exceptions.TokenRetrievalError,
    )
    return (
        (Kind.INSECURE, (exceptions.SSLError,)),
        (Kind.UNREACHABLE, (exceptions.ConnectionError,)),
        (Kind.CREDENTIALS, credentials),
        (Kind.SPOILT, (exceptions.ChecksumError, exceptions.FlexibleChecksumError)),
        (Kind.REFUSED, (exceptions.ParamValidationError, exceptions.InvalidConfigError)),
    )


def _of_response(response: dict[str, Any]) -> Problem:
    """The problem in an answer of the server."""
    details = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    code, status = str(details.get("Code", "")), int(metadata.get("HTTPStatusCode", 0))
    message = " ".join(str(details.get("Message", "")).split())
    text = f"{code}: {message}" if message else code
    return Problem(_kind_of(code, status), text, _wait(metadata.get("HTTPHeaders", {})))


def _kind_of(code: str, status: int) -> Kind:
    by_code = {
        Kind.MISSING_BUCKET: MISSING_BUCKET_CODES,
        Kind.MISSING_OBJECT: MISSING_OBJECT_CODES,
        Kind.CHANGED: CHANGED_CODES,
        Kind.SPOILT: SPOILT_CODES,
        Kind.CREDENTIALS: CREDENTIAL_CODES,
        Kind.TRANSIENT: TRANSIENT_CODES,
    }
    for kind, codes in by_code.items():
        if code in codes:
            return kind
    if status in TRANSIENT_STATUSES:
        return Kind.TRANSIENT
    return Kind.DENIED if status in (401, 403) else Kind.REFUSED


def _wait(headers: dict[str, str]) -> float:
    value = headers.get("retry-after", "")
    return float(value) if value.isdecimal() else 0.0


def error_for(location: Location, problem: Problem) -> ImgvetError:
    """The error that stops a run because of a problem with a whole bucket."""
    name, bucket = location.filename, location.bucket
    if problem.kind is Kind.MISSING_BUCKET:
        return InputNotFoundError(
            f"The bucket {bucket} of {name} does not exist ({problem.text})",
            "Check its name, the endpoint and the account",
        )
    if problem.kind is Kind.DENIED:
        return InputUnreadableError(
            f"The bucket {bucket} of {name} may not be listed ({problem.text})",
            f"Grant s3:ListBucket on {bucket} and s3:GetObject on its objects to the credentials",
        )
    if problem.kind is Kind.CREDENTIALS:
        return InputUnreadableError(
            f"No valid credentials for {name} ({problem.text})",
            "Give them as for the AWS command line, or set IMGVET_S3_ANONYMOUS=1 for a public "
            "bucket",
        )
    if problem.kind is Kind.INSECURE:
        return InputUnreadableError(
            f"The server of {name} can't be trusted or does not speak https ({problem.text})",
            "Write minio+http:// for a server without https, or set AWS_CA_BUNDLE",
        )
    if problem.kind in RETRIED:
        return TransportError(
            f"The server of {name} does not answer ({problem.text})",
            "Check the endpoint and the network, and run again",
        )
    return InputUnreadableError(f"{name} can't be read ({problem.text})", "Check the name")
