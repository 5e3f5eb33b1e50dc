"""List a bucket, a folder in it, or single objects; and fetch objects.

Every byte is fetched once, whatever happens on the way: a body that breaks off goes on where it
stopped, by a range of the same version (``If-Match``), so that two versions never mix. What arrived
is checked by its length; if it came in one piece, by the checksum the server keeps (boto3 does
that); and by its ETag where that is an MD5. Some servers' ETags look like one and are none: what
differs from its ETag alike twice is taken for theirs, until any other object of the bucket matched.

A problem of a whole bucket is raised by all functions, as :func:`imgvet.sources.s3.ask` does; and
so is one in transport (TransportError) by those that give an entry or a content: it says nothing of
the object.
"""

from __future__ import annotations

import functools
import hashlib
import io
import re
import threading
from calendar import timegm
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, cast

from imgvet.errors import InputNotFoundError, InputUnreadableError
from imgvet.reasons import Failure, Reason
from imgvet.sources.kinds import is_image_name
from imgvet.sources.listing import Content, Entry
from imgvet.sources.s3 import RETRIED, ObjectLocation, Problem, ask, client_for, error_for
from imgvet.threads import read_ahead

PAGE = 1000
ALIKE = 2
"""Times that content arrives in the same way before it is no accident of the network."""
_CHUNK = 1 << 16
"""Bytes read at a time: as many are lost when a body breaks off."""

Row = dict[str, Any]


def list_objects(
    location: ObjectLocation,
    source: str,
    limit: int | None = None,
    is_wanted: Callable[[str], bool] = is_image_name,
) -> Iterator[Entry]:
    """The images of a folder, or the one object of that name.

    ``s3://bucket/photos`` is the folder ``photos/`` or the object ``photos``, never ``photos2/``.
    An object that was named is not asked whether it ``is_wanted``.

    Buckets list their keys in order of their UTF-8 bytes, which is also the order of the names, so
    listing stops after the first ``limit`` files. Should a server list in another order (S3
    directory buckets do), all is listed from there on. InputNotFoundError if the bucket or the
    folder does not exist, InputUnreadableError if it may not be listed.
    """
    # The likelier one first: it costs a request to find out.
    looks = [_folder(location, is_wanted), _single(location)]
    for rows in reversed(looks) if is_wanted(location.key) else looks:
        exists, last, in_order, count = False, "", True, 0
        for key, row in rows:
            exists = True
            if row is None:
                continue
            yield _entry(replace(location, key=key), source, row)
            count, in_order, last = count + 1, in_order and key > last, key
            if limit is not None and in_order and count >= limit:
                return
        if exists:
            return
    if location.key:
        raise InputNotFoundError(
            f"Nothing in the bucket {location.bucket} is named {location.uri}",
            "Check the prefix: upper and lower case differ",
        )


def _folder(
    location: ObjectLocation, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, Row | None]]:
    """The files of a folder by key; None for what is not wanted, but shows that it exists."""
    prefix = location.key if not location.key or location.key.endswith("/") else f"{location.key}/"
    request: dict[str, Any] = {"Prefix": prefix, "MaxKeys": PAGE}
    while True:
        page = _page(location, request)
        for row in page.get("Contents", ()):
            yield row["Key"], row if is_wanted(row["Key"]) else None
        if not page.get("IsTruncated"):
            return
        if not page.get("NextContinuationToken"):
            raise InputUnreadableError(
                f"The server of {location.uri} cut the listing short and can't continue it",
                "Report this to whoever runs the server",
            )
        request["ContinuationToken"] = page["NextContinuationToken"]


def _single(location: ObjectLocation) -> Iterator[tuple[str, Row]]:
    """The object whose key is the prefix: in order, it comes before all longer ones."""
    if location.key and not location.key.endswith("/"):
        for row in _page(location, {"Prefix": location.key, "MaxKeys": 1}).get("Contents", ()):
            if row["Key"] == location.key:
                yield location.key, row


def _page(location: ObjectLocation, request: dict[str, Any]) -> dict[str, Any]:
    list_page = client_for(location).list_objects_v2
    answer = ask(location, functools.partial(list_page, Bucket=location.bucket, **request))
    if isinstance(answer, Problem):
        raise error_for(location, answer)
    return answer


def _entry(location: ObjectLocation, source: str, row: Row) -> Entry:
    changed = row.get("LastModified")
    mtime_ns = changed and timegm(changed.utctimetuple()) * 10**9 + changed.microsecond * 1000
    return Entry(location.uri, source, int(row["Size"]), mtime_ns, version=_version_of(row))


def _version_of(answer: Row) -> str:
    return str(answer.get("ETag", "")).strip('"')


def look_up_objects(named: Iterable[tuple[ObjectLocation, str]]) -> Iterator[Entry]:
    """The entries of objects, given with the input that names each, in their order.

    An object that is not there, or may not be read, becomes an entry that says so.
    """
    return read_ahead(named, lambda pair: _head(*pair), size_of=lambda _: 0)


def _head(location: ObjectLocation, source: str) -> Entry:
    head_object = client_for(location).head_object
    request = functools.partial(head_object, Bucket=location.bucket, Key=location.key)
    answer = ask(location, request)
    if not isinstance(answer, Problem):
        return _entry(location, source, answer | {"Size": answer["ContentLength"]})
    failure = _failure_of(location, answer)
    return Entry(location.uri, source, status=failure.reason, detail=failure.detail)


def _failure_of(location: ObjectLocation, problem: Problem) -> Failure:
    if problem.kind in RETRIED:
        raise error_for(location, problem)
    if problem.kind == "missing object":
        return Failure(Reason.MISSING, problem.text)
    needed = "; s3:GetObject is needed" if problem.kind == "denied" else ""
    return Failure(Reason.UNREADABLE, problem.text + needed)


def fetch_object(location: ObjectLocation, version: str = "") -> Content | Failure:
    """The content of one object, or why it can't be had.

    If it was changed since it was listed with the ETag ``version``, its newer content is returned.
    """
    buffer = io.BytesIO()
    received = Transfer(location, buffer, version).run()
    if isinstance(received, Problem):
        return _failure_of(location, received)
    data = buffer.getvalue()
    if not data:
        return Failure(Reason.EMPTY_FILE, "0 bytes")
    return Content(data, received.version)


@dataclass
class Transfer:
    """One object on its way into a file or into memory."""

    location: ObjectLocation
    sink: BinaryIO
    """Open for reading and writing; what it holds already is the beginning of ``version``."""
    version: str
    """The ETag all parts must have, without quotes; empty until the server names one."""
    digests: Counter[str] = field(default_factory=Counter)
    """MD5 of whole contents that did not match the ETag, and how often each arrived."""

    def run(self) -> Transfer | Problem:
        """Fetch it whole: this transfer, or why it can't be had."""
        return ask(self.location, self._fetch_rest, self._start_again_if_wrong)

    def _start_again_if_wrong(self, problem: Problem) -> None:
        if problem.kind == "changed":
            self.version = ""
        if problem.kind in ("spoilt", "changed"):
            self._restart()

    def _fetch_rest(self) -> Transfer | Problem:
        start = self.sink.seek(0, io.SEEK_END)
        request = {"Bucket": self.location.bucket, "Key": self.location.key}
        if self.version:
            request["IfMatch"] = f'"{self.version}"'
        if start:
            request["Range"] = f"bytes={start}-"
        answer = client_for(self.location).get_object(**request)
        with closing(answer["Body"]) as body:
            version = _version_of(answer)
            if self.version not in ("", version):
                return Problem("changed", f"its ETag is {version}, not {self.version}")
            self.version = version
            if start and "ContentRange" not in answer:
                self._restart()
            while chunk := body.read(_CHUNK):
                self.sink.write(chunk)
        # Of a range, the size of the whole stands behind the slash.
        total = int(str(answer.get("ContentRange", answer["ContentLength"])).rpartition("/")[2])
        arrived = self.sink.tell()
        if arrived != total:
            text = f"{arrived} of {total} bytes arrived"
            return Problem("transient" if arrived < total else "spoilt", text)
        return self._problem_with_digest() or self if _etag_is_md5(answer) else self

    def _restart(self) -> None:
        self.sink.seek(0)
        self.sink.truncate()

    def _problem_with_digest(self) -> Problem | None:
        self.sink.seek(0)
        md5 = functools.partial(hashlib.md5, usedforsecurity=False)
        digest = hashlib.file_digest(cast("io.BytesIO", self.sink), md5).hexdigest()
        are_md5 = _etags_are_md5(self.location.endpoint, self.location.bucket)
        if digest == self.version:
            are_md5.set()
            return None
        self.digests[digest] += 1
        if self.digests[digest] == ALIKE and not are_md5.is_set():
            return None
        text = f"what arrived has MD5 {digest}, not {self.version}"
        if self.digests[digest] > ALIKE:
            return Problem("refused", f"{text}, each time")
        return Problem("spoilt", text)


@functools.cache
def _etags_are_md5(endpoint: str | None, bucket: str) -> threading.Event:  # noqa: ARG001
    """Set once the ETag of an object of this bucket was the MD5 of its content."""
    return threading.Event()


def _etag_is_md5(answer: Row) -> bool:
    """Source: "Checking object integrity", Amazon S3 User Guide."""
    plain = answer.get("ServerSideEncryption") in (None, "AES256")
    single = re.fullmatch("[0-9a-f]{32}", _version_of(answer)) is not None
    return plain and single and "SSECustomerAlgorithm" not in answer
