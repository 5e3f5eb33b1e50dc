"""Which images of a run are new: more copies of a content than were known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Keys = NDArray[np.bytes_]
"""Contents, 16 bytes each (numpy's S16)."""


def keys_of(items: pd.DataFrame) -> Keys:
    """What stands for the content of each item: its digest, or its name and size if unread.

    Args:
        items: the table items; ``digest`` is hexadecimal, 32 digits, or null.

    Returns:
        S16 (n,), in the order of the table.
    """
    columns = (items[name].tolist() for name in ("digest", "filename", "file_size"))
    keys = [_key(*column) for column in zip(*columns, strict=True)]
    return np.array(keys, "S16")


def _key(digest: object, filename: object, file_size: object) -> bytes:
    if isinstance(digest, str):
        return bytes.fromhex(digest)
    name = f"{filename}\0{file_size}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(name, digest_size=16).digest()


def new_items(keys: Keys, known: Sequence[Keys]) -> NDArray[np.bool_]:
    """Which items no earlier run had.

    A content may occur as often as it did in one of the earlier runs; further copies are new. So a
    renamed or moved file is not new, and a batch of copies is.

    Args:
        keys: S16 (n,), the contents of a run's items.
        known: sorted contents of earlier runs, with repetitions.

    Returns:
        bool (n,).
    """
    before = np.zeros(len(keys), np.int64)
    for contents in known:
        before = np.maximum(before, _occurrences(keys, contents))
    return _rank(keys) >= before


def _occurrences(keys: Keys, contents: Keys) -> NDArray[np.int64]:
    """How often each key occurs among sorted contents."""
    right = np.searchsorted(contents, keys, side="right")
    return (right - np.searchsorted(contents, keys, side="left")).astype(np.int64)


def _rank(keys: Keys) -> NDArray[np.int64]:
    """How many equal keys come before each key."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    rank = np.empty(len(keys), np.int64)
    rank[order] = np.arange(len(keys)) - np.searchsorted(ordered, ordered, side="left")
    return rank
