"""A model file that is downloaded: where it comes from, where it is kept, and whether it is right.

Beside the file lies a record (JSON) of its last check; it stays when the file is deleted, so that
the digest of the first download counts where no publisher gives one.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, ValidationError

from imgvet.errors import ModelError
from imgvet.parameters import Frozen
from imgvet.workdir import write_text

FOLDER_VARIABLE = "IMGVET_MODEL_DIR"
"""Environment variable that names the folder of downloaded models."""


class CheckRecord(Frozen):
    """The last check of a model file: its state then, and where it comes from."""

    sha256: str
    size: int
    mtime_ns: int
    url: str
    licence: str


class ModelFile(Frozen, extra="forbid"):
    """A file that a publisher offers for download."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    url: str
    mirrors: tuple[str, ...] = ()
    """Further addresses of the same bytes, asked in turn when the one before fails."""
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    """None if its publisher gives none."""
    size: int | None = Field(None, gt=0)
    """Its bytes, perhaps rounded; shown before a download."""
    licence: str
    """SPDX identifier, or a few words."""
    source: str
    """Page that describes it."""
    way_out: str = "try again when the network is back"
    """What a user without the file can do instead: half a sentence that follows "or"."""

    @property
    def path(self) -> Path:
        """Where it is kept, whether it is there or not."""
        return model_folder() / self.file_name

    @property
    def file_name(self) -> str:
        """Its name in the folder of models."""
        return self.name + PurePosixPath(urlsplit(self.url).path).suffix

    @property
    def record_path(self) -> Path:
        """Where the record of its last check lies."""
        return self.path.with_name(f"{self.file_name}.json")

    @property
    def expected_sha256(self) -> str | None:
        """The digest it must have: the published one, else that of the first download."""
        record = self._record()
        return self.sha256 or (record.sha256 if record else None)

    @property
    def is_checked(self) -> bool:
        """Whether the file is there and unchanged (size, time) since its digest was right."""
        record = self._record()
        if record is None or record.sha256 != self.expected_sha256 or not self.path.exists():
            return False
        status = self.path.stat()
        return (status.st_size, status.st_mtime_ns) == (record.size, record.mtime_ns)

    def check_and_record(self) -> None:
        """Record that the digest of the file in its place is right; ModelError if it is not."""
        found = sha256_of(self.path)
        wrong = self.mismatch(found)
        if wrong is not None:
            raise ModelError(
                f"The model file {self.path} is not as it should be: {wrong}",
                "Delete it and run again to download it",
            )
        status = self.path.stat()
        state = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
        record = CheckRecord(sha256=found, **state, url=self.url, licence=self.licence)
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
        try:
            return CheckRecord.model_validate_json(self.record_path.read_bytes())
        except (OSError, ValidationError):
            return None


def model_folder() -> Path:
    """Folder of downloaded models: ``IMGVET_MODEL_DIR``, else ``models`` in the user's cache."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    return Path(platformdirs.user_cache_dir("imgvet")) / "models"


def sha256_of_model(path: Path) -> str:
    """The SHA-256 of an ONNX file, and of the files with weights that it names, if there are some.

    Source: onnx.proto, ``TensorProto.external_data``, a key and a value in the wire format.
    """
    data = path.read_bytes()
    found = re.finditer(rb"\x0a\x08location\x12([\x80-\xff]?[\x00-\x7f])", data)
    sizes = ((m.end(), sum((b & 127) << 7 * n for n, b in enumerate(m[1]))) for m in found)
    names = {os.fsdecode(data[start : start + size]) for start, size in sizes}
    files = [path.parent / name for name in sorted(names) if "\0" not in name]
    digests = [sha256_of(one) for one in (path, *files) if one.is_file()]
    whole = hashlib.sha256("".join(digests).encode()).hexdigest()
    return whole if len(digests) > 1 else digests[0]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
