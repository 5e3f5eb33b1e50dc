"""The images of a finished run: what each is, which of them are new, and which have a property."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import METRICS
from imgvet.monitor.rates import NOVEL
from imgvet.options import RunOptions
from imgvet.quality.summarize import properties
from imgvet.store.references import digest_bytes

SHIFTING = ("label", "format")
"""Groupings that new images should be spread over as the baseline's; folders come and go."""


Keys = NDArray[np.bytes_]  # contents, 16 bytes each (numpy's S16)
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Images:
    """The n images of a run in the order of the table items, and the contents among them."""

    items: pd.DataFrame
    """(n,), their ``id`` and ``filename``."""
    keys: Keys
    """(n,), their contents."""
    row: NDArray[np.int64]
    """(n,), row of the embeddings of each image, -1 if it has none."""
    first: NDArray[np.int64]
    """(rows,), position of the first image with the content of each row."""
    embeddings: NDArray[np.float32]
    """(rows, width), may be memory-mapped."""
    scale: float
    """a in similarity = 1 - a (1 - cosine)."""
    near: float
    """Images at least this similar are near duplicates."""
    metrics: pd.DataFrame
    """float64 (n, metrics), NaN where there is none; without those never measured."""
    groups: pd.DataFrame
    """Text (n, groupings): label, format, and the folder right below the input; null if none."""
    flags: pd.DataFrame
    """bool (n, properties), which images have each, as :func:`imgvet.quality.summarize.properties`
    says; that of being novel depends on the baseline."""

    @property
    def content_keys(self) -> Keys:
        """The content of each row of the embeddings."""
        return self.keys[self.first]

    def flags_below(self, similarity: Values, limit: float | None) -> pd.DataFrame:
        """All properties; novel images (row by row) are below a limit, if there is one."""
        if limit is None:
            return self.flags
        # row -1 has no embedding
        return self.flags.assign(**{NOVEL: np.append(similarity < limit, False)[self.row]})


def images_of(
    items: pd.DataFrame,
    stats: pd.DataFrame,
    similarity: pd.DataFrame,
    embeddings: NDArray[np.float32],
    scale: float,
    options: RunOptions,
) -> Images:
    """The images of a run from its tables; without ``run_stats`` there are no metrics."""
    rows = items["embedding_row"].astype("Float64").fillna(-1)
    row = np.asarray(rows.to_numpy(np.float64), np.int64)
    first = np.zeros(len(embeddings), np.int64)
    positions = np.flatnonzero(row >= 0)[::-1]  # the first image of a content is written last
    first[row[positions]] = positions
    metrics = pd.DataFrame(index=items.index)
    if options.run_stats:
        measured = [metric.name for metric in METRICS if metric.name in stats]
        values = stats.set_index("id")[measured].reindex(items["id"])
        metrics = values.astype(np.float64).dropna(axis="columns", how="all")
    return Images(
        items=items[["id", "filename"]], keys=keys_of(items), row=row, first=first,
        embeddings=embeddings, scale=scale, near=options.threshold, metrics=metrics,
        groups=groups_of(items), flags=properties(items, stats, similarity, options),
    )  # fmt: skip


def groups_of(items: pd.DataFrame) -> pd.DataFrame:
    """Label, format and folder of each item, as far as they are known."""
    groups = items.reindex(columns=list(SHIFTING))
    if "source" in items:
        pairs = zip(items["filename"], items["source"].fillna("\0"), strict=True)
        groups["folder"] = [_folder(name, source) for name, source in pairs]
    return groups


def _folder(name: str, source: str) -> str | None:
    """The folder right below an input that a file lies in; None outside of the input."""
    if not name.startswith(source):
        return None
    return name[len(source) :].lstrip("/!").rpartition("/")[0].partition("/")[0] or None


def keys_of(items: pd.DataFrame) -> Keys:
    """What stands for the content of each item: its digest, or its name and size if unread."""
    columns = (items[name].tolist() for name in ("digest", "filename", "file_size"))
    return np.array([_key(*column) for column in zip(*columns, strict=True)], "S16")


def _key(digest: object, filename: object, file_size: object) -> bytes:
    if not isinstance(digest, str):
        digest = digest_bytes(f"{filename}\0{file_size}".encode("utf-8", "surrogateescape"))
    return bytes.fromhex(digest)


def new_items(keys: Keys, known: Sequence[Keys]) -> NDArray[np.bool_]:
    """Which items no earlier run had, of some whose contents are known, sorted, with repetitions.

    A content may occur as often as it did in one of them; further copies are new. So a renamed or
    moved file is not new, and a batch of copies is.
    """
    before = np.zeros(len(keys), np.int64)
    for contents in known:
        right = np.searchsorted(contents, keys, side="right")
        before = np.maximum(before, right - np.searchsorted(contents, keys, side="left"))
    copy = pd.Series(keys).groupby(keys).cumcount().to_numpy()
    return np.asarray(copy >= before)
