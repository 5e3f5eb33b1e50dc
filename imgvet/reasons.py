"""Why an image is not analysed: the catalogue of reason codes, and the failure that has one.

The code stands in ``items.status`` and ``invalid.reason``; ``ok`` is the status of an image
that was analysed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Self


class Code(StrEnum):
    """A word that stands in files, the member's name in lower case, and what it means."""

    meaning: str

    def __new__(cls, word: str, meaning: str = "") -> Self:
        """The member of a word, with its meaning for a person."""
        code = str.__new__(cls, word)
        code._value_, code.meaning = word, meaning
        return code


class Reason(Code):
    """A status of an item: ``ok``, or the reason why it was left out."""

    OK = auto(), "the image was analysed"
    MISSING = auto(), "the file was not there when it was read"
    UNREADABLE = auto(), "the file may not be read (permissions or an input/output error)"
    EMPTY_FILE = auto(), "the file has no bytes"
    SMALL_FILE = auto(), "the file has fewer bytes than min_file_size"
    NOT_AN_IMAGE = auto(), "the content is not that of any known image format"
    UNSUPPORTED = auto(), "the content is of a format, or packed in a way, that can't be read here"
    TRUNCATED = auto(), "the image ends before its data do"
    CORRUPT = auto(), "the image data can't be decoded"
    DECODER_CRASHED = auto(), "the decoder crashed; it is tried again with the next run"
    DECODER_TIMEOUT = auto(), "the decoder took too long; it is tried again with the next run"
    TOO_SMALL = auto(), "the picture is smaller than min_input_image_width x min_input_image_height"
    TOO_LARGE = auto(), "more pixels, bytes, frames or memory would be needed than is safe"
    DEGENERATE_BOX = auto(), "the box has no area: no size, a missing number, or crossing sides"
    OUTSIDE_PICTURE = auto(), "no part of the box lies in the picture"
    ENCRYPTED = auto(), "the image is encrypted in its archive; extract it with the password first"
    UNSAFE_NAME = auto(), "the name in the archive is absolute or leads out of it"
    NOT_A_FILE = auto(), "a link, device, pipe or other special file, which is not followed"
    NESTED_ARCHIVE = auto(), "an archive inside an archive is not opened; extract it first"
    NOT_AN_ARCHIVE = auto(), "the content is not that of an archive that is read"
    ARCHIVE_DAMAGED = auto(), "the archive is cut or damaged, as a whole or where this image lies"
    ARCHIVE_BOMB = auto(), "the archive unpacks to more than is safe; what came before it is kept"
    VIDEO_DAMAGED = auto(), "the video can't be decoded as a whole; frames that can be are kept"


@dataclass(frozen=True)
class Failure:
    """Why there is no image: the reason, and what the decoder or the source said."""

    reason: Reason
    detail: str

    @property
    def row(self) -> dict[str, object]:
        """The same in the columns of tables."""
        return {"status": self.reason.value, "detail": self.detail}


FINE = Failure(Reason.OK, "")
"""None."""
