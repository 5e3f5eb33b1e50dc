"""What is recorded beside a model file: the digest it had when it was first checked."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from imgvet.errors import ModelError
from imgvet.models.file import ModelFile
from imgvet.workdir import write_text


class Record(BaseModel):
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


def record_path(file: ModelFile) -> Path:
    """Where the record of a model file lies; it stays when the file is deleted."""
    return file.path.with_name(f"{file.file_name}.json")


def read_record(file: ModelFile) -> Record | None:
    """The record of a model file; None if there is none (or none that can be read)."""
    try:
        return Record.model_validate_json(record_path(file).read_bytes())
    except (OSError, ValidationError):
        return None


def expected_sha256(file: ModelFile) -> str | None:
    """The digest a file must have: the published one, else that of the first download."""
    if file.sha256 is not None:
        return file.sha256
    record = read_record(file)
    return record.sha256 if record is not None else None


def is_checked(file: ModelFile) -> bool:
    """Whether the file is there and unchanged (size, time) since its digest was right."""
    record = read_record(file)
    if record is None or record.sha256 != expected_sha256(file):
        return False
    try:
        status = file.path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (record.size, record.mtime_ns)


def check_and_record(file: ModelFile) -> None:
    """Check the digest of a file that is in its place, and write its record.

    Raises:
        ModelError: it is not what was published, or not what was downloaded first.
    """
    found = sha256_of(file.path)
    wrong = mismatch(file, found)
    if wrong is not None:
        raise ModelError(
            f"The model file {file.path} is not as it should be: {wrong}",
            "Delete it and run again to download it",
        )
    status = file.path.stat()
    record = Record(
        sha256=found,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        url=file.url,
        licence=file.licence,
    )
    write_text(record_path(file), record.model_dump_json(indent=2) + "\n")


def mismatch(file: ModelFile, found: str) -> str | None:
    """What is wrong with a digest, in a few words; None if it is right or none is known.

    Args:
        file: what is known of the file.
        found: the digest of what is here, hexadecimal.
    """
    expected = expected_sha256(file)
    if expected in (None, found):
        return None
    if file.sha256 is not None:
        return f"its sha256 is {found}, its publisher gives {expected}"
    return (
        f"its sha256 is {found}, that of the first download was {expected}, says "
        f"{record_path(file)} (delete that too, to accept a new version)"
    )


def sha256_of(path: Path) -> str:
    """The digest of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
