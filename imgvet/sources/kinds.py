"""What kind of input a name stands for.

Names decide, as in folders of millions of files nothing else is cheap; what the content of an
archive or a video is, is found out when it is opened. A file that the user names and that has
none of the known endings is an image: its ending does not matter.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from imgvet.errors import InputNotFoundError, InvalidParameterError
from imgvet.sources.archive_format import HEAD_BYTES, identify_archive
from imgvet.sources.local import (
    ARCHIVE_ENDINGS,
    is_archive_name,
    is_image_name,
    is_video_name,
    split_ending,
)


class Kind(StrEnum):
    """A kind of input."""

    FOLDER = "folder"
    IMAGE = "image"
    ARCHIVE = "archive"
    VIDEO = "video"
    TEXT_LIST = "text list"
    CSV_LIST = "csv list"
    YOLO = "YOLO data set"
    S3 = "S3"
    MINIO = "MinIO"


COMPRESSED = frozenset({Kind.ARCHIVE, Kind.VIDEO})
"""Kinds that hold several images in one file."""

_LISTS = {
    ".txt": Kind.TEXT_LIST,
    ".csv": Kind.CSV_LIST,
    ".yaml": Kind.YOLO,
    ".yml": Kind.YOLO,
}


def kind_of_name(name: str) -> Kind:
    """The kind of a file by its name alone; a file without a known ending is an image."""
    if name.startswith("s3://"):
        return Kind.S3
    if name.startswith("minio://"):
        return Kind.MINIO
    if is_archive_name(name):
        return Kind.ARCHIVE
    if is_video_name(name):
        return Kind.VIDEO
    return _LISTS.get(split_ending(name)[1], Kind.IMAGE)


def kind_of_object(key: str) -> Kind:
    """The kind of an object in a bucket by its name: an archive, a video, or else an image."""
    if is_archive_name(key):
        return Kind.ARCHIVE
    return Kind.VIDEO if is_video_name(key) else Kind.IMAGE


def is_item_name(name: str) -> bool:
    """Whether a file in a folder or a bucket counts, by its ending."""
    return is_image_name(name) or is_archive_name(name) or is_video_name(name)


def kind_of_input(name: str) -> Kind:
    """The kind of an input as the user wrote it.

    Raises:
        InputNotFoundError: a local input does not exist.
        InvalidParameterError: an archive whose name does not show that it is one.
    """
    kind = kind_of_name(name)
    if kind in (Kind.S3, Kind.MINIO):
        return kind
    path = Path(name).expanduser()
    if path.is_dir():
        return Kind.FOLDER
    if not path.exists():
        raise InputNotFoundError(
            f"The input {name} does not exist",
            "Give a folder, images, an archive, a video or a list that exists",
        )
    if kind is Kind.IMAGE and path.is_file() and _holds_archive(path):
        raise InvalidParameterError(
            f"The input {name} is an archive, but its name does not end as that of one",
            f"Rename it to end in one of {' '.join(ARCHIVE_ENDINGS)}",
        )
    return kind


def _holds_archive(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return identify_archive(stream.read(HEAD_BYTES)) is not None
    except OSError:
        return False  # Reading it as an image tells why it can't be read.
