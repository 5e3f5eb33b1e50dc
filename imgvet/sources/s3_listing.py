"""List a bucket, a folder in it, or single objects."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from imgvet.errors import InputNotFoundError, InputUnreadableError
from imgvet.reasons import Reason
from imgvet.sources.entry import Entry
from imgvet.sources.local import is_image_name
from imgvet.sources.read_ahead import READ_WORKERS, read_ahead
from imgvet.sources.s3_client import ObjectStore, client_for
from imgvet.sources.s3_errors import NOT_THE_OBJECTS_FAULT, Kind, Problem, error_for
from imgvet.sources.s3_location import Location
from imgvet.sources.s3_retry import DEFAULT_RETRY, RetryPolicy, ask

PAGE = 1000
"""Objects in one answer, the most that S3 gives."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def entries(
    location: Location,
    source: str,
    limit: int | None = None,
    is_wanted: Callable[[str], bool] = is_image_name,
    retry: RetryPolicy = DEFAULT_RETRY,
) -> Iterator[Entry]:
    """The images of a folder, or the one object of that name.

    ``s3://bucket/photos`` is the folder ``photos/`` or the object ``photos``, never ``photos2/``.
    In a folder, names that ``is_wanted`` accepts count; an object that was named counts as it is.

    Buckets list their keys in order of their UTF-8 bytes, which is also the order of the names, so
    the first ``limit`` files listed are the first of all and listing stops there. Should a server
    list in another order (S3 directory buckets do), all is listed from there on.

    Args:
        location: the folder or the object.
        source: the input as the user wrote it.
        limit: at most this many are needed.
        is_wanted: whether an object of a folder counts, by its key.
        retry: how patiently requests are repeated.

    Raises:
        InputNotFoundError: the bucket or the folder does not exist.
        InputUnreadableError: it may not be listed.
        TransportError: the server can't be reached or keeps failing.
    """
    # The likelier one first: it costs a request to find out.
    looks = [_folder(location, source, is_wanted, retry), _single(location, source, retry)]
    for found in reversed(looks) if is_wanted(location.key) else looks:
        for first in found:
            files = (entry for entry in itertools.chain([first], found) if entry is not None)
            yield from _cut(files, limit)
            return
    if location.key:
        raise InputNotFoundError(
            f"Nothing in the bucket {location.bucket} is named {location.filename}",
            "Check the prefix: upper and lower case differ",
        )


def require_listable(location: Location, retry: RetryPolicy = DEFAULT_RETRY) -> None:
    """Check, by one request, that a bucket exists and may be listed.

    Raises:
        InputNotFoundError: it does not exist.
        InputUnreadableError: it may not be listed.
        TransportError: the server can't be reached or keeps failing.
    """
    _page(client_for(location), location, {"Prefix": location.key, "MaxKeys": 1}, retry)


def named_entries(
    named: Iterable[tuple[Location, str]],
    workers: int = READ_WORKERS,
    retry: RetryPolicy = DEFAULT_RETRY,
) -> Iterator[Entry]:
    """The entries of objects that are named one by one, in their order, by one request each.

    An object that is not there, or may not be read, becomes an entry that says so.

    Args:
        named: each object, and the input it was named in.
        workers: objects asked for at a time.
        retry: how patiently requests are repeated.

    Raises:
        InputUnreadableError: there are no valid credentials.
        TransportError: the server can't be reached.
    """

    def look(pair: tuple[Location, str]) -> Entry:
        return _head(*pair, retry)

    return read_ahead(named, look, workers=workers, size_of=lambda _: 0)


def mtime_ns_of(moment: datetime | None) -> int | None:
    """A moment in nanoseconds since 1970."""
    if moment is None:
        return None
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def version_of(answer: dict[str, Any]) -> str:
    """The ETag in an answer, without quotes."""
    return str(answer.get("ETag", "")).strip('"')


def _folder(
    location: Location, source: str, is_wanted: Callable[[str], bool], retry: RetryPolicy
) -> Iterator[Entry | None]:
    """The files of a folder, and None for what is not wanted, so that it is seen to exist."""
    prefix = location.key if location.key.endswith("/") else f"{location.key}/"
    for row in _rows(location, prefix if location.key else "", retry):
        key = str(row["Key"])
        yield _entry(location.with_key(key), source, row) if is_wanted(key) else None


def _single(location: Location, source: str, retry: RetryPolicy) -> Iterator[Entry | None]:
    """The object whose key is the prefix: in order, it comes before all longer ones."""
    if not location.key or location.key.endswith("/"):
        return
    request = {"Prefix": location.key, "MaxKeys": 1}
    page = _page(client_for(location), location, request, retry)
    for row in page.get("Contents", ()):
        if row["Key"] == location.key:
            yield _entry(location, source, row)


def _rows(location: Location, prefix: str, retry: RetryPolicy) -> Iterator[dict[str, Any]]:
    client = client_for(location)
    request: dict[str, Any] = {"Prefix": prefix, "MaxKeys": PAGE}
    while True:
        page = _page(client, location, request, retry)
        yield from page.get("Contents", ())
        if not page.get("IsTruncated"):
            return
        if not page.get("NextContinuationToken"):
            raise InputUnreadableError(
                f"The server of {location.filename} cut the listing short and can't continue it",
                "Report this to whoever runs the server",
            )
        request["ContinuationToken"] = page["NextContinuationToken"]


def _page(
    client: ObjectStore, location: Location, request: dict[str, Any], retry: RetryPolicy
) -> dict[str, Any]:
    answer = ask(
        functools.partial(client.list_objects_v2, Bucket=location.bucket, **request), retry
    )
    if isinstance(answer, Problem):
        raise error_for(location, answer)
    return answer


def _entry(location: Location, source: str, answer: dict[str, Any]) -> Entry:
    """The entry of an object from a row of a listing."""
    return Entry(
        location.filename,
        source,
        int(answer["Size"]),
        mtime_ns_of(answer.get("LastModified")),
        version=version_of(answer),
    )


def _cut(found: Iterator[Entry], limit: int | None) -> Iterator[Entry]:
    """The first ``limit`` entries if they come in order, else all of them."""
    last, in_order = "", True
    for count, entry in enumerate(found, 1):
        yield entry
        in_order = in_order and entry.path > last
        last = entry.path
        if limit is not None and in_order and count >= limit:
            return


def _head(location: Location, source: str, retry: RetryPolicy) -> Entry:
    client = client_for(location)
    request = functools.partial(client.head_object, Bucket=location.bucket, Key=location.key)
    answer = ask(request, retry)
    if not isinstance(answer, Problem):
        row = answer | {"Size": answer["ContentLength"]}
        return _entry(location, source, row)
    if answer.kind in NOT_THE_OBJECTS_FAULT:
        raise error_for(location, answer)
    reason = Reason.MISSING if answer.kind is Kind.MISSING_OBJECT else Reason.UNREADABLE
    detail = answer.text
    if answer.kind is Kind.DENIED:
        detail = f"AccessDenied, s3:GetObject is needed ({answer.text})"
    return Entry(location.filename, source, status=reason, detail=detail)
