"""List a bucket, a folder in it, or single objects; and fetch objects.

Every byte is fetched once, whatever happens on the way: a body that breaks off goes on where it
stopped, by a range of the same version (``If-Match``), so that two versions never mix. What arrived
is checked by its length; if it came in one piece, by the checksum the server keeps (boto3 does
that); and by its ETag where that is an MD5.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from imgvet.errors import InputNotFoundError, InputUnreadableError
from imgvet.reasons import Failure, Reason
from imgvet.sources.entry import Content, Entry
from imgvet.sources.kinds import is_image_name
from imgvet.sources.s3 import ObjectLocation, ObjectStore, client_for
from imgvet.sources.s3_errors import (
    DEFAULT_RETRY,
    NOT_THE_OBJECTS_FAULT,
    ErrorKind,
    Problem,
    RetryPolicy,
    ask,
    error_for,
    handled,
    problem_of,
)
from imgvet.threads import READ_WORKERS, read_ahead

PAGE = 1000
"""Objects in one answer, the most that S3 gives."""
CHANGED_DETAIL = "changed after it was listed; this is its newer content"
OPAQUE_DETAIL = "not checked by its ETag, which is not the MD5 of the content"
_CHUNK = 1 << 16
"""Bytes read at a time: as many are lost when a body breaks off."""
_MD5 = re.compile(r"[0-9a-f]{32}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def list_objects(
    location: ObjectLocation,
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
    for listed in reversed(looks) if is_wanted(location.key) else looks:
        for first in listed:
            files = (entry for entry in itertools.chain([first], listed) if entry is not None)
            yield from _cut(files, limit)
            return
    if location.key:
        raise InputNotFoundError(
            f"Nothing in the bucket {location.bucket} is named {location.uri}",
            "Check the prefix: upper and lower case differ",
        )


def look_up_objects(
    named: Iterable[tuple[ObjectLocation, str]],
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

    def look(pair: tuple[ObjectLocation, str]) -> Entry:
        return _head(*pair, retry)

    return read_ahead(named, look, workers=workers, size_of=lambda _: 0)


def _folder(
    location: ObjectLocation, source: str, is_wanted: Callable[[str], bool], retry: RetryPolicy
) -> Iterator[Entry | None]:
    """The files of a folder, and None for what is not wanted, so that it is seen to exist."""
    prefix = location.key if location.key.endswith("/") else f"{location.key}/"
    for row in _rows(location, prefix if location.key else "", retry):
        key = str(row["Key"])
        yield _entry(location.with_key(key), source, row) if is_wanted(key) else None


def _single(location: ObjectLocation, source: str, retry: RetryPolicy) -> Iterator[Entry | None]:
    """The object whose key is the prefix: in order, it comes before all longer ones."""
    if not location.key or location.key.endswith("/"):
        return
    for row in _page(location, {"Prefix": location.key, "MaxKeys": 1}, retry).get("Contents", ()):
        if row["Key"] == location.key:
            yield _entry(location, source, row)


def _rows(location: ObjectLocation, prefix: str, retry: RetryPolicy) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {"Prefix": prefix, "MaxKeys": PAGE}
    while True:
        page = _page(location, request, retry)
        yield from page.get("Contents", ())
        if not page.get("IsTruncated"):
            return
        if not page.get("NextContinuationToken"):
            raise InputUnreadableError(
                f"The server of {location.uri} cut the listing short and can't continue it",
                "Report this to whoever runs the server",
            )
        request["ContinuationToken"] = page["NextContinuationToken"]


def _page(location: ObjectLocation, request: dict[str, Any], retry: RetryPolicy) -> dict[str, Any]:
    list_page = client_for(location).list_objects_v2
    answer = ask(functools.partial(list_page, Bucket=location.bucket, **request), retry)
    if isinstance(answer, Problem):
        raise error_for(location, answer)
    return answer


def _entry(location: ObjectLocation, source: str, answer: dict[str, Any]) -> Entry:
    """The entry of an object from a row of a listing."""
    return Entry(
        location.uri,
        source,
        int(answer["Size"]),
        mtime_ns_of(answer.get("LastModified")),
        version=_version_of(answer),
    )


def mtime_ns_of(moment: datetime | None) -> int | None:
    """A moment in nanoseconds since 1970."""
    if moment is None:
        return None
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _version_of(answer: dict[str, Any]) -> str:
    """The ETag in an answer, without quotes."""
    return str(answer.get("ETag", "")).strip('"')


def _cut(listed: Iterator[Entry], limit: int | None) -> Iterator[Entry]:
    """The first ``limit`` entries if they come in order, else all of them."""
    last, in_order = "", True
    for count, entry in enumerate(listed, 1):
        yield entry
        in_order = in_order and entry.path > last
        last = entry.path
        if limit is not None and in_order and count >= limit:
            return


def _head(location: ObjectLocation, source: str, retry: RetryPolicy) -> Entry:
    head_object = client_for(location).head_object
    request = functools.partial(head_object, Bucket=location.bucket, Key=location.key)
    answer = ask(request, retry)
    if not isinstance(answer, Problem):
        return _entry(location, source, answer | {"Size": answer["ContentLength"]})
    failure = failure_of(location, answer)
    return Entry(location.uri, source, status=failure.reason, detail=failure.detail)


def failure_of(location: ObjectLocation, problem: Problem) -> Failure:
    """The failure of one object; a problem that concerns all objects is raised."""
    if problem.kind in NOT_THE_OBJECTS_FAULT:
        raise error_for(location, problem)
    if problem.kind is ErrorKind.MISSING_OBJECT:
        return Failure(Reason.MISSING, problem.text)
    if problem.kind is ErrorKind.DENIED:
        return Failure(Reason.UNREADABLE, f"{problem.text}; s3:GetObject is needed")
    return Failure(Reason.UNREADABLE, problem.text)


def fetch_object(
    location: ObjectLocation, version: str = "", retry: RetryPolicy = DEFAULT_RETRY
) -> Content | Failure:
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
    received = transfer(location, version, buffer, retry)
    if isinstance(received, Problem):
        return failure_of(location, received)
    if not received.size:
        return Failure(Reason.EMPTY_FILE, "0 bytes")
    return Content(buffer.getvalue(), received.version, received.detail)


@dataclass(frozen=True)
class Received:
    """An object that arrived whole.

    Attributes:
        size: its bytes.
        version: the ETag of what arrived, without quotes.
        detail: what was unusual but harmless, empty if nothing was.
    """

    size: int
    version: str
    detail: str = ""


def transfer(
    location: ObjectLocation, version: str, sink: BinaryIO, retry: RetryPolicy = DEFAULT_RETRY
) -> Received | Problem:
    """Fetch one object into a file or into memory.

    Args:
        location: the object.
        version: the ETag it was listed with; empty takes whatever is there.
        sink: a file open for reading and writing, empty or holding the beginning of ``version``.
        retry: how patiently requests are repeated.

    Returns:
        what arrived, now whole in ``sink``; or why it can't be had.
    """
    return ask(_Transfer(client_for(location), location, sink, version).attempt, retry)


@dataclass
class _Transfer:
    """One object on its way.

    Attributes:
        client: where it is asked for.
        location: the object.
        sink: takes its bytes; what it holds already is the beginning of ``version``.
        version: the ETag all parts must have; empty until the server names one.
        detail: what was unusual so far.
        digests: MD5 of whole contents that did not match the ETag.
    """

    client: ObjectStore
    location: ObjectLocation
    sink: BinaryIO
    version: str
    detail: str = ""
    digests: list[str] = field(default_factory=list)

    def attempt(self) -> Received | Problem:
        """Ask for what is still missing, and check the whole when it is there."""
        try:
            result = self._attempt()
        except handled() as error:
            result = problem_of(error)
        if isinstance(result, Problem) and result.kind in (ErrorKind.SPOILT, ErrorKind.CHANGED):
            self._restart()
            if result.kind is ErrorKind.CHANGED:
                self.version, self.detail = "", CHANGED_DETAIL
        return result

    def _attempt(self) -> Received | Problem:
        start = self.sink.seek(0, io.SEEK_END)
        answer = self.client.get_object(**self._request(start))
        with closing(answer["Body"]) as body:
            version = _version_of(answer)
            if self.version not in ("", version):
                return Problem(ErrorKind.CHANGED, f"its ETag is {version}, not {self.version}")
            self.version = version
            if start and "ContentRange" not in answer:
                self._restart()
            while chunk := body.read(_CHUNK):
                self.sink.write(chunk)
        total = _total_size(answer)
        arrived = self.sink.tell()
        if arrived != total:
            kind = ErrorKind.TRANSIENT if arrived < total else ErrorKind.SPOILT
            return Problem(kind, f"{arrived} of {total} bytes arrived")
        return self._checked(answer)

    def _request(self, start: int) -> dict[str, Any]:
        request: dict[str, Any] = {"Bucket": self.location.bucket, "Key": self.location.key}
        if self.version:
            request["IfMatch"] = f'"{self.version}"'
        if start:
            request["Range"] = f"bytes={start}-"
        return request

    def _restart(self) -> None:
        self.sink.seek(0)
        self.sink.truncate()

    def _checked(self, answer: dict[str, Any]) -> Received | Problem:
        received = Received(self.sink.tell(), self.version, self.detail)
        if not _etag_is_md5(answer):
            return received
        digest = self._md5()
        if digest == self.version:
            return received
        if digest in self.digests:
            # Bytes damaged on their way would not be damaged alike twice: this server's ETags are
            # something else.
            return replace(received, detail=OPAQUE_DETAIL)
        self.digests.append(digest)
        return Problem(ErrorKind.SPOILT, f"what arrived has MD5 {digest}, not {self.version}")

    def _md5(self) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        self.sink.seek(0)
        while chunk := self.sink.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()


def _total_size(answer: dict[str, Any]) -> int:
    """Bytes of the whole object, of which the answer may be the end."""
    if "ContentRange" in answer:
        return int(str(answer["ContentRange"]).rpartition("/")[2])
    return int(answer["ContentLength"])


def _etag_is_md5(answer: dict[str, Any]) -> bool:
    """Whether the ETag is the MD5 of the content: uploaded in one part, not under a customer's key.

    Source: "Checking object integrity", Amazon S3 User Guide.
    """
    plain = answer.get("ServerSideEncryption") in (None, "AES256")
    single = _MD5.fullmatch(_version_of(answer)) is not None
    return plain and single and "SSECustomerAlgorithm" not in answer
