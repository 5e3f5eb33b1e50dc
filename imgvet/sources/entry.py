"""One listed item, before its content is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imgvet.reasons import Reason
from imgvet.store.files import FileKey


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed item.

    Attributes:
        filename: absolute path or URI.
        source: the input it was found through, as the user wrote it.
        file_size: bytes, None if unknown.
        mtime_ns: time of the last change in nanoseconds since 1970, None if unknown.
        version: what the source itself calls this version of the content (an ETag), if anything.
        status: ok, or why it can't be read.
        detail: what the file system said, if anything.
        label: its label, if the source knows one.
        split: its split, if the source knows one.
        metadata: what files beside it tell (webdataset), as a JSON object, if anything.
    """

    filename: str
    source: str
    file_size: int | None = None
    mtime_ns: int | None = None
    status: Reason = Reason.OK
    detail: str = ""
    version: str = ""
    label: str | None = None
    split: str | None = None
    metadata: str | None = None

    @property
    def key(self) -> FileKey:
        """What an unchanged file is recognised by."""
        return FileKey(self.filename, self.file_size or 0, self.mtime_ns or 0, self.version)

    def checked(self, min_file_size: int) -> Entry:
        """The entry with its status set if the file is empty or smaller than allowed."""
        if self.status is not Reason.OK or self.file_size is None:
            return self
        if self.file_size == 0:
            return replace(self, status=Reason.EMPTY_FILE, detail="0 bytes")
        if self.file_size < min_file_size:
            return replace(self, status=Reason.SMALL_FILE, detail=f"{self.file_size} bytes")
        return self
