"""Read the bytes of an item, wherever it lies."""

from __future__ import annotations

from pathlib import Path

from imgvet.media.picture import Failure
from imgvet.media.reasons import Reason


def read_bytes(filename: str) -> bytes | Failure:
    """The bytes of one item, or why they can't be had."""
    try:
        data = Path(filename).read_bytes()
    except FileNotFoundError as error:
        return Failure(Reason.MISSING, error.strerror or str(error))
    except OSError as error:
        return Failure(Reason.UNREADABLE, error.strerror or str(error))
    return data if data else Failure(Reason.EMPTY_FILE, "0 bytes")
