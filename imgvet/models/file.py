"""A model file that is downloaded: where it comes from, where it is kept, and whether it is right.

Beside the file lies a record (JSON) of its last check; it stays when the file is deleted, so that
the digest of the first download counts where no publisher gives one.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imgvet.errors import ModelError
from imgvet.workdir import write_text

FOLDER_VARIABLE = "IMGVET_MODEL_DIR"
"""Environment variable that names the folder of downloaded models."""

_NO_OTHER_WAY = "try again when the network is back"


class CheckRecord(BaseModel):
    """The last check of a model file.

    Attributes:
        sha256: its digest, hexadecimal.
        size: its bytes.
        mtime_ns: when it was last changed, nanoseconds since 1970.
        url: address of its publisher.
        licence: its licence.
    """

    model_config = ConfigDict(frozen=True)

    sha256: str
    size: int
    mtime_ns: int
    url: str
    licence: str


class ModelFile(BaseModel):
    """A file that a publisher offers for download.

    Attributes:
        name: what it is called here; its file is named after it.
        url: address it is downloaded from.
        mirrors: further addresses of the same bytes, asked in turn when the one before fails.
        sha256: digest that its publisher gives, 64 hexadecimal digits; None if none is published.
        size: its bytes, perhaps rounded; shown before a download; None if unknown.
        licence: SPDX identifier, or a few words.
        source: page that describes it.
        way_out: what a user without the file can do instead: half a sentence that follows "or".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    url: str
    mirrors: tuple[str, ...] = ()
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    size: int | None = Field(None, gt=0)
    licence: str
    source: str
    way_out: str = _NO_OTHER_WAY

    @property
    def file_name(self) -> str:
        """Its name in the folder of models."""
        return self.name + PurePosixPath(urlsplit(self.url).path).suffix

    @property
    def path(self) -> Path:
        """Where it is kept, whether it is there or not."""
        return model_folder() / self.file_name

    @property
    def record_path(self) -> Path:
        """Where the record of its last check lies."""
        return self.path.with_name(f"{self.file_name}.json")

    @property
    def size_text(self) -> str:
        """Its size as a person reads it."""
        return "size unknown" if self.size is None else size_text(self.size)

    @property
    def expected_sha256(self) -> str | None:
        """The digest it must have: the published one, else that of the first download."""
        record = self._record()
        return self.sha256 or (record.sha256 if record else None)

    @property
    def is_checked(self) -> bool:
        """Whether the file is there and unchanged (size, time) since its digest was right."""
        record = self._record()
        if record is None or record.sha256 != self.expected_sha256:
            return False
        try:
            status = self.path.stat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (record.size, record.mtime_ns)

    def check_and_record(self) -> None:
        """Check the digest of the file in its place, and write the record.

        Raises:
            ModelError: it is not what was published, or not what was downloaded first.
        """
        found = sha256_of(self.path)
        wrong = self.mismatch(found)
        if wrong is not None:
            raise ModelError(
                f"The model file {self.path} is not as it should be: {wrong}",
                "Delete it and run again to download it",
            )
        status = self.path.stat()
        record = CheckRecord(
            sha256=found,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            url=self.url,
            licence=self.licence,
        )
        write_text(self.record_path, record.model_dump_json(indent=2) + "\n")

    def mismatch(self, found: str) -> str | None:
        """What is wrong with a digest, in a few words; None if it is right or none is known."""
        expected = self.expected_sha256
        if expected in (None, found):
            return None
        if self.sha256 is not None:
            return f"its sha256 is {found}, its publisher gives {expected}"
        return (
            f"its sha256 is {found}, that of the first download was {expected}, says "
            f"{self.record_path} (delete that too, to accept a new version)"
        )

    def _record(self) -> CheckRecord | None:
        """The record; None if there is none (or none that can be read)."""
        try:
            return CheckRecord.model_validate_json(self.record_path.read_bytes())
        except (OSError, ValidationError):
            return None


def size_text(size: int) -> str:
    """A number of bytes as a person reads it, in units of 1,000."""
    if size >= 999_500_000:
        return f"{size / 1e9:.2f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 99_950_000 else f"{size / 1e6:.1f} MB"


def model_folder() -> Path:
    """Folder of downloaded models: ``IMGVET_MODEL_DIR``, else ``models`` in the user's cache.

    The cache is where the platform keeps it (``XDG_CACHE_HOME`` where there is one).
    """
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    return Path(platformdirs.user_cache_dir("imgvet")) / "models"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
