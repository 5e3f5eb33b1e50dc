"""Several texts about one thing as one text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def joined_texts(keys: NDArray[np.int64], texts: pa.Array | pa.ChunkedArray) -> dict[int, str]:
    """For each key its different texts, in order of the alphabet, joined by commas.

    Args:
        keys: int64, shape (n,).
        texts: n texts; null ones do not count.
    """
    pairs = pa.table({"key": keys, "text": texts}).drop_null()
    distinct = pairs.group_by(["key", "text"], use_threads=False).aggregate([])
    ordered = distinct.sort_by([("key", "ascending"), ("text", "ascending")])
    grouped = ordered.group_by("key", use_threads=False).aggregate([("text", "list")])
    joined = pc.binary_join(grouped["text_list"], ",")
    return dict(zip(grouped["key"].to_pylist(), joined.to_pylist(), strict=True))
