"""Objects below one place of a bucket, read and written as the files of a folder are.

What fails in transport is asked again: TransportError if the server is gone, WorkDirUnusableError
if it refuses.
"""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from imgvet.errors import TransportError, WorkDirUnusableError
from imgvet.sources.s3 import RETRIED, ObjectLocation, Problem, ask, client_for, error_for
from imgvet.sources.s3_objects import Transfer, list_objects

Result = TypeVar("Result")


class Small(NamedTuple):
    """A small object, its ETag, and how many seconds ago it was put, by the server's clock."""

    data: bytes
    etag: str
    age: float


@dataclass(frozen=True)
class Folder:
    """The objects whose keys begin with one key; their names follow after a slash."""

    location: ObjectLocation
    patience: float = 0.0
    """Seconds for which a server that is gone is asked again, beyond what everybody grants it."""

    def at(self, name: str) -> ObjectLocation:
        """Where an object is."""
        return replace(self.location, key=f"{self.location.key}/{name}".lstrip("/"))

    def get(self, name: str) -> Small | None:
        """A small object, None if there is none."""

        def read() -> Small:
            answer = self._client.get_object(**self._named(name))
            with closing(answer["Body"]) as body:
                data = body.read()
            now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
            age = now.replace(tzinfo=UTC) - answer["LastModified"]
            return Small(data, answer["ETag"], age.total_seconds())

        return self._ask(read)

    def put(self, name: str, data: bytes, instead_of: str) -> str:
        """Put a small object in the place of that with an ETag, or of none; give its own ETag.

        It is empty if nothing was put, as something else is there.
        """
        from botocore.exceptions import ClientError

        condition = {"IfMatch": instead_of} if instead_of else {"IfNoneMatch": "*"}

        def write() -> str:
            try:
                answer = self._client.put_object(**self._named(name), Body=data, **condition)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                    return ""
                raise
            return str(answer["ETag"])

        # Nothing was put, unless an earlier attempt arrived whose answer did not.
        there = None if (etag := self._ask(write)) else self.get(name)
        return there.etag if there is not None and there.data == data else etag or ""

    def upload(self, name: str, path: Path) -> None:
        """Put a file, of 5 GB at most."""

        def write() -> None:
            with path.open("rb") as stream:
                self._client.put_object(**self._named(name), Body=stream)

        self._ask(write)

    def download(self, name: str, path: Path) -> bool:
        """Fetch an object into a new file; false if there is none."""
        with path.open("w+b") as sink:
            return self._patiently(Transfer(self.at(name), sink, "").run) is not None

    def copy(self, name: str, to: str) -> None:
        """Copy an object within the server, as what its new name says that it is."""
        kind = mimetypes.guess_type(to)[0] or "application/octet-stream"
        request = {**self._named(to), "CopySource": self._named(name), "ContentType": kind}
        copy = self._client.copy_object
        self._ask(lambda: copy(**request, MetadataDirective="REPLACE"))

    def delete(self, name: str) -> None:
        """Delete an object, if there is one."""
        self._ask(lambda: self._client.delete_object(**self._named(name)))

    def etags(self) -> dict[str, str]:
        """The ETags of all objects, by name; at least one has to be there."""
        start = self.at("")
        listed = list_objects(start, "", is_wanted=lambda _: True)
        return {entry.path.removeprefix(start.uri): entry.version for entry in listed}

    @property
    def _client(self) -> Any:
        return client_for(self.location)

    def _named(self, name: str) -> dict[str, str]:
        return {"Bucket": self.location.bucket, "Key": self.at(name).key}

    def _ask(self, request: Callable[[], Result]) -> Result | None:
        return self._patiently(lambda: ask(self.location, request))

    def _patiently(self, attempt: Callable[[], Result | Problem]) -> Result | None:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return self._had(attempt())
            except TransportError:
                if time.monotonic() >= deadline:
                    raise

    def _had(self, answer: Result | Problem) -> Result | None:
        """The answer to a request, None if there is no such object."""
        if not isinstance(answer, Problem):
            return answer
        if answer.kind == "missing object":
            return None
        if answer.kind in RETRIED:
            raise error_for(self.location, answer)
        raise WorkDirUnusableError(
            f"The work dir {self.location.uri} can't be used ({answer.text})",
            "Grant s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject "
            "on what is below that, to the credentials",
        )
