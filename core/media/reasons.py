"""Why an image is not analysed: the catalogue of reason codes.

The code stands in ``items.status`` and ``invalid.reason``; ``ok`` is the status of an image
that was analysed.
"""

from __future__ import annotations

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


MEANING: dict[Reason, str] = {
    Reason.OK: "the image was analysed",
    Reason.MISSING: "the file was not there when it was read",
    Reason.UNREADABLE: "the file may not be read (permissions or an input/output error)",
    Reason.EMPTY_FILE: "the file has no bytes",
    Reason.SMALL_FILE: "the file has fewer bytes than min_file_size",
    Reason.NOT_AN_IMAGE: "the content is not that of any known image format",
    Reason.UNSUPPORTED: "the content is of an image format that can't be decoded here",
    Reason.TRUNCATED: "the image ends before its data do",
    Reason.CORRUPT: "the image data can't be decoded",
    Reason.TOO_SMALL: "the picture is smaller than min_input_image_width x min_input_image_height",
    Reason.TOO_LARGE: "the picture has more pixels than can be decoded safely",
}
"""What each reason means, in words for a person."""
