"""Read one object into memory."""

from __future__ import annotations

import io
from dataclasses import dataclass

from imgvet.reasons import Failure, Reason
from imgvet.sources.s3_client import client_for
from imgvet.sources.s3_errors import NOT_THE_OBJECTS_FAULT, Kind, Problem, error_for
from imgvet.sources.s3_location import Location
from imgvet.sources.s3_retry import DEFAULT_RETRY, RetryPolicy
from imgvet.sources.s3_transfer import transfer


@dataclass(frozen=True)
class ObjectContent:
    """The content of an object.

    Attributes:
        data: its bytes.
        version: the ETag of this content; not the listed one if the object was changed since.
        detail: what was unusual but harmless, empty if nothing was.
    """

    data: bytes
    version: str
    detail: str


def read_object(
    location: Location, version: str = "", retry: RetryPolicy = DEFAULT_RETRY
) -> bytes | Failure:
    """The bytes of one object, or why they can't be had; see :func:`fetch_object`."""
    content = fetch_object(location, version, retry)
    return content if isinstance(content, Failure) else content.data


def fetch_object(
    location: Location, version: str = "", retry: RetryPolicy = DEFAULT_RETRY
) -> ObjectContent | Failure:
    """The content of one object, or why it can't be had.

    Args:
        location: the object.
        version: the ETag it was listed with, empty if unknown. If the object was changed since,
            its newer content is returned and ``detail`` says so.
        retry: how patiently requests are repeated.

    Returns:
        its content; a failure ``missing`` if it is gone, ``unreadable`` if it may not be read or
        does not arrive whole, ``empty_file`` if it has no bytes.

    Raises:
        InputNotFoundError: the bucket is gone.
        InputUnreadableError: the credentials are not, or no longer, valid.
        TransportError: the server can't be reached.
    """
    buffer = io.BytesIO()
    received = transfer(client_for(location), location, version, buffer, retry)
    if isinstance(received, Problem):
        return failure_of(location, received)
    if not received.size:
        return Failure(Reason.EMPTY_FILE, "0 bytes")
    return ObjectContent(buffer.getvalue(), received.version, received.detail)


def failure_of(location: Location, problem: Problem) -> Failure:
    """The failure of one object; a problem that concerns all objects is raised."""
    if problem.kind in NOT_THE_OBJECTS_FAULT:
        raise error_for(location, problem)
    if problem.kind is Kind.MISSING_OBJECT:
        return Failure(Reason.MISSING, problem.text)
    if problem.kind is Kind.DENIED:
        return Failure(Reason.UNREADABLE, f"{problem.text}; s3:GetObject is needed")
    return Failure(Reason.UNREADABLE, problem.text)
