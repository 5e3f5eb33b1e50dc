"""Fetch one object into a file or into memory: every byte once, whatever happens on the way.

A body that breaks off goes on where it stopped, by a range of the same version (``If-Match``), so
that nothing is fetched twice and two versions never mix. What arrived is checked by its length; if
it came in one piece, by the checksum the server keeps (boto3 does that); and by its ETag where that
is an MD5.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from imgvet.sources.s3_client import ObjectStore
from imgvet.sources.s3_errors import Kind, Problem, handled, problem_of
from imgvet.sources.s3_listing import version_of
from imgvet.sources.s3_location import Location
from imgvet.sources.s3_retry import DEFAULT_RETRY, RetryPolicy, gave_up

CHANGED_DETAIL = "changed after it was listed; this is its newer content"
OPAQUE_DETAIL = "not checked by its ETag, which is not the MD5 of the content"
_CHUNK = 1 << 16
"""Bytes read at a time: as many are lost when a body breaks off."""
_MD5 = re.compile(r"[0-9a-f]{32}")


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
    location: Location
    sink: BinaryIO
    version: str
    detail: str = ""
    digests: list[str] = field(default_factory=list)

    def attempt(self) -> Received | Problem:
        """Ask for what is still missing, and check the whole when it is there."""
        start = self.sink.seek(0, io.SEEK_END)
        answer = self.client.get_object(**self._request(start))
        with closing(answer["Body"]) as body:
            version = version_of(answer)
            if self.version not in ("", version):
                return Problem(Kind.CHANGED, f"its ETag is {version}, not {self.version}")
            self.version = version
            if start and "ContentRange" not in answer:
                self.restart()
            for chunk in _chunks(body):
                self.sink.write(chunk)
        total = _total_size(answer)
        arrived = self.sink.tell()
        if arrived != total:
            kind = Kind.TRANSIENT if arrived < total else Kind.SPOILT
            return Problem(kind, f"{arrived} of {total} bytes arrived")
        return self._checked(answer)

    def restart(self) -> None:
        """Forget what arrived."""
        self.sink.seek(0)
        self.sink.truncate()

    def accept_newer(self) -> None:
        """Forget what arrived, and take whatever version is there now."""
        self.restart()
        self.version, self.detail = "", CHANGED_DETAIL

    def _request(self, start: int) -> dict[str, Any]:
        request: dict[str, Any] = {"Bucket": self.location.bucket, "Key": self.location.key}
        if self.version:
            request["IfMatch"] = f'"{self.version}"'
        if start:
            request["Range"] = f"bytes={start}-"
        return request

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
        return Problem(Kind.SPOILT, f"what arrived has MD5 {digest}, not {self.version}")

    def _md5(self) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        self.sink.seek(0)
        while chunk := self.sink.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()


def transfer(
    client: ObjectStore,
    location: Location,
    version: str,
    sink: BinaryIO,
    retry: RetryPolicy = DEFAULT_RETRY,
) -> Received | Problem:
    """Fetch one object.

    Args:
        client: where it is asked for.
        location: the object.
        version: the ETag it was listed with; empty takes whatever is there.
        sink: a file open for reading and writing, empty or holding the beginning of ``version``.
        retry: how patiently requests are repeated.

    Returns:
        what arrived, now whole in ``sink``; or why it can't be had.
    """
    on_its_way = _Transfer(client, location, sink, version)
    failed = 0
    while True:
        try:
            result = on_its_way.attempt()
        except handled() as error:
            result = problem_of(error)
        if isinstance(result, Received):
            return result
        failed += 1
        if result.kind is Kind.CHANGED and failed < retry.attempts:
            on_its_way.accept_newer()
            continue
        if result.kind is Kind.SPOILT:
            on_its_way.restart()
        if retry.gives_up(result, failed):
            return gave_up(result, failed)
        time.sleep(retry.wait(result, failed))


def _chunks(body: Any) -> Iterator[bytes]:
    while chunk := body.read(_CHUNK):
        yield chunk


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
    single = _MD5.fullmatch(version_of(answer)) is not None
    return plain and single and "SSECustomerAlgorithm" not in answer
