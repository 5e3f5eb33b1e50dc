"""What a name stands for: images, archives, videos, lists, data sets and buckets.

Names decide, as in folders of millions of files nothing else is cheap; content is looked at when it
is read. A file that the user names and that has none of the known endings is an image.
"""

from __future__ import annotations

import posixpath
import re
from enum import StrEnum

from imgvet.images.formats import BY_ENDING
from imgvet.sources.s3 import is_remote

IMAGE_EXTENSIONS = frozenset(BY_ENDING)
"""Endings (any case) by which a file in a folder counts as an image."""

ARCHIVE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".zip", ".parquet", ".arrow")
VIDEO_ENDINGS = (
    ".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp",
    ".mts", ".m2ts", ".vob", ".ogv", ".asf", ".mxf", ".3g2", ".f4v",
)  # fmt: skip
_MEMBER, _FRAME = (
    re.compile(f"({start}(?:{'|'.join(map(re.escape, endings))})){rest}", re.IGNORECASE | re.DOTALL)
    for start, endings, rest in (
        (".+?", ARCHIVE_ENDINGS, "!.+"),
        (".+", VIDEO_ENDINGS, r"#t=(\d{1,9}(?:\.\d+)?)"),
    )
)
"""The names of members and frames: :func:`imgvet.sources.listing.item_name`."""


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


_LISTS = {".txt": Kind.TEXT_LIST, ".csv": Kind.CSV_LIST, ".yaml": Kind.YOLO, ".yml": Kind.YOLO}


def kind_of_name(name: str) -> Kind:
    """The kind of an input by its name alone; a file without a known ending is an image."""
    if is_remote(name):
        return Kind.S3 if name[:2].lower() == "s3" else Kind.MINIO
    return _LISTS.get(split_ending(name)[1]) or kind_of_file(name)


def kind_of_file(name: str) -> Kind:
    """The kind of a file in a folder, a list or a bucket: an archive, a video, or else an image."""
    lowered = name.lower()
    if lowered.endswith(ARCHIVE_ENDINGS):
        return Kind.ARCHIVE
    return Kind.VIDEO if lowered.endswith(VIDEO_ENDINGS) else Kind.IMAGE


def file_of_item(name: str) -> str:
    """The archive or video that an item of this name lies in, else the name itself."""
    video = video_of_frame(name)
    inside = _MEMBER.fullmatch(video)
    return inside[1] if inside else video


def video_of_frame(name: str) -> str:
    """The video, maybe in an archive, that a frame of this name is of, else the name itself."""
    frame = _FRAME.fullmatch(name) if "#t=" in name else None  # in vain it costs 20 us
    return frame[1] if frame else name


def plain_name(name: str) -> str:
    """A name as that of an item: ``film.mp4#t=2`` and ``#t=2.00`` are ``film.mp4#t=2.0``."""
    frame = _FRAME.fullmatch(name) if "#t=" in name else None
    return f"{frame[1]}#t={round(float(frame[2]) * 1000) / 1000}" if frame else name


def is_item_name(name: str) -> bool:
    """Whether a file in a folder or a bucket counts, by its ending."""
    return is_image_name(name) or kind_of_file(name) is not Kind.IMAGE


def is_image_name(name: str) -> bool:
    """Whether a file in a folder counts as an image, by its ending."""
    return split_ending(name)[1] in IMAGE_EXTENSIONS


def split_ending(name: str) -> tuple[str, str]:
    """A name without its ending, and the ending in lower case: ``a/b.c.JPG`` is a/b.c and .jpg."""
    stem, ending = posixpath.splitext(name)
    return stem, ending.lower()
