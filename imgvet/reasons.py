"""Why an image is not analysed: the catalogue of reason codes, and the failure that has one.

The code stands in ``items.status`` and ``invalid.reason``; ``ok`` is the status of an image
that was analysed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """A status of an item: ``ok``, or the reason why it was left out."""

    OK = "ok"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    EMPTY_FILE = "empty_file"
    SMALL_FILE = "small_file"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED = "unsupported"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    DEGENERATE_BOX = "degenerate_box"
    OUTSIDE_PICTURE = "outside_picture"
    ENCRYPTED = "encrypted"
    UNSAFE_NAME = "unsafe_name"
    NOT_A_FILE = "not_a_file"
    NESTED_ARCHIVE = "nested_archive"
    NESTED_VIDEO = "nested_video"
    NOT_AN_ARCHIVE = "not_an_archive"
    ARCHIVE_DAMAGED = "archive_damaged"
    ARCHIVE_BOMB = "archive_bomb"
    VIDEO_DAMAGED = "video_damaged"


MEANING: dict[Reason, str] = {
    Reason.OK: "the image was analysed",
    Reason.MISSING: "the file was not there when it was read",
    Reason.UNREADABLE: "the file may not be read (permissions or an input/output error)",
    Reason.EMPTY_FILE: "the file has no bytes",
    Reason.SMALL_FILE: "the file has fewer bytes than min_file_size",
    Reason.NOT_AN_IMAGE: "the content is not that of any known image format",
    Reason.UNSUPPORTED: "the content is of a format, or packed in a way, that can't be read here",
    Reason.TRUNCATED: "the image ends before its data do",
    Reason.CORRUPT: "the image data can't be decoded",
    Reason.TOO_SMALL: "the picture is smaller than min_input_image_width x min_input_image_height",
    Reason.TOO_LARGE: "the picture has more pixels, or the file more bytes, than is safe to read",
    Reason.DEGENERATE_BOX: "the box has no area: no size, a missing number, or crossing sides",
    Reason.OUTSIDE_PICTURE: "no part of the box lies in the picture",
    Reason.ENCRYPTED: "the image is encrypted in its archive; extract it with the password first",
    Reason.UNSAFE_NAME: "the name in the archive is absolute or leads out of it",
    Reason.NOT_A_FILE: "a link, device, pipe or other special file, which is not followed",
    Reason.NESTED_ARCHIVE: "an archive inside an archive is not opened; extract it first",
    Reason.NESTED_VIDEO: "a video inside an archive is not opened; extract it first",
    Reason.NOT_AN_ARCHIVE: "the content is not that of a tar, gzipped tar or zip",
    Reason.ARCHIVE_DAMAGED: "the archive is cut or damaged, as a whole or where this image lies",
    Reason.ARCHIVE_BOMB: "the archive unpacks to more than is safe; what came before it is kept",
    Reason.VIDEO_DAMAGED: "the video can't be decoded, or ends early; frames before that are kept",
}
"""What each reason means, in words for a person."""


@dataclass(frozen=True)
class Failure:
    """Why there is no image: the reason, and what the decoder or the source said."""

    reason: Reason
    detail: str
