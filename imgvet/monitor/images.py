"""The images of a finished run: what each is, which of them are new, and which have a property."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import FLAGS, METRICS, flagged
from imgvet.monitor.rates import OUTLIERS
from imgvet.options import FlagOptions, SimilarityOptions, make_options
from imgvet.quality.counts import near_pairs
from imgvet.reasons import Reason
from imgvet.summary import read_record
from imgvet.tables import read_table
from imgvet.workdir import WorkDir

EXAMPLES = 10
"""Names that are told of the images with each property."""

Keys = NDArray[np.bytes_]
"""Contents, 16 bytes each (numpy's S16)."""

Flags = Mapping[str, NDArray[np.bool_]]
"""Property, named as its count -> bool (n,), which images have it; without those not measured."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Images:
    """The images of a run in the order of the table items, and the contents among them.

    Attributes:
        names: str (n,), their names.
        keys: S16 (n,), their contents.
        row: int64 (n,), row of the embeddings of each image, -1 if it has none.
        first: int64 (rows,), position of the first image with the content of each row.
        embeddings: float32 (rows, width), may be memory-mapped.
        scale: a in similarity = 1 - a (1 - cosine).
        near: images at least this similar are near duplicates.
        metrics: metric -> float64 (n,), NaN where there is none; without those never measured.
        flags: all properties but being an outlier, which depends on the baseline.
    """

    names: NDArray[np.object_]
    keys: Keys
    row: NDArray[np.int64]
    first: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    scale: float
    near: float
    metrics: Mapping[str, Values]
    flags: Flags

    @property
    def content_keys(self) -> Keys:
        """S16 (rows,), the content of each row of the embeddings."""
        return self.keys[self.first]

    def flags_below(self, similarity: Values, limit: float | None) -> Flags:
        """All properties.

        Args:
            similarity: float64 (rows,), to the reference sample.
            limit: outliers are below it; None if there are too few images to tell.
        """
        if limit is None:
            return self.flags
        # row -1 has no embedding
        return {**self.flags, OUTLIERS: np.append(similarity < limit, False)[self.row]}

    def examples(
        self, flags: Flags, similarity: Values, new: NDArray[np.bool_]
    ) -> dict[str, tuple[str, ...]]:
        """Names of images with each property, new ones if there are any, the worst first.

        Args:
            flags: all properties.
            similarity: float64 (rows,), to the reference sample.
            new: bool (n,), which images are new.
        """
        goodness = {OUTLIERS: np.append(similarity, np.inf)[self.row]}
        for flag in FLAGS:
            if flag.metric in self.metrics:
                values = self.metrics[flag.metric]
                goodness[flag.name] = values if flag.below else -values
        found = {}
        for name, having in flags.items():
            places = np.flatnonzero(having & new if (having & new).any() else having)
            if name in goodness:
                places = places[np.argsort(goodness[name][places], kind="stable")]
            found[name] = tuple(str(name) for name in self.names[places[:EXAMPLES]])
        return found


def read_images(work: WorkDir) -> Images:
    """The images of the run whose results lie in a work dir."""
    record = read_record(work)
    options = make_options(record.parameters)
    scale = record.model.get("similarity_scale")
    return images_of(
        read_table(work.table("items")),
        read_table(work.table("stats")) if options.run_stats else None,
        read_table(work.table("similarity")),
        np.load(work.embeddings, mmap_mode="r"),
        scale if isinstance(scale, float) else 1.0,
        options.threshold,
        options.part(FlagOptions),
    )


def images_of(
    items: pd.DataFrame,
    stats: pd.DataFrame | None,
    similarity: pd.DataFrame,
    embeddings: NDArray[np.float32],
    scale: float,
    near: float,
    limits: FlagOptions,
) -> Images:
    """The images of a run.

    Args:
        items: the table items.
        stats: the table stats; None if no statistics were taken.
        similarity: the table similarity.
        embeddings: float32 (rows, width); row i belongs to the items with ``embedding_row`` i.
        scale: a in similarity = 1 - a (1 - cosine).
        near: images at least this similar are near duplicates.
        limits: from where on an image is dark, bright or blurry.
    """
    rows = items["embedding_row"].astype("Float64").fillna(-1)
    row = np.asarray(rows.to_numpy(np.float64), np.int64)
    first = np.zeros(len(embeddings), np.int64)
    positions = np.flatnonzero(row >= 0)[::-1]  # the first image of a content is written last
    first[row[positions]] = positions
    flags = _flags(items, similarity, near)
    metrics = {}
    if stats is not None:
        ids, measured = items["id"].to_numpy(np.int64), stats["id"].to_numpy(np.int64)
        for name, found in flagged(stats, limits).items():
            flags[name] = np.isin(ids, measured[found.to_numpy(bool)])
        metrics = _metrics(items, stats)
    names = items["filename"].to_numpy(object)
    return Images(names, keys_of(items), row, first, embeddings, scale, near, metrics, flags)


def _flags(
    items: pd.DataFrame, similarity: pd.DataFrame, near: float
) -> dict[str, NDArray[np.bool_]]:
    valid = (items["status"] == Reason.OK.value).to_numpy(bool)
    good = items[valid]
    surplus = np.zeros(len(items), bool)
    surplus[valid] = good.duplicated("digest").to_numpy(bool)
    pairs = near_pairs(similarity, good, SimilarityOptions(threshold=near))
    paired = np.isin(items["id"].to_numpy(np.int64), pairs[["from", "to"]].to_numpy().ravel())
    return {
        "images": np.ones(len(items), bool),
        "valid": valid,
        "invalid": ~valid,
        "exact_duplicate_surplus": surplus,
        "near_duplicate_images": valid & paired,
    }


def _metrics(items: pd.DataFrame, stats: pd.DataFrame) -> dict[str, Values]:
    place = pd.Index(items["id"]).get_indexer(pd.Index(stats["id"]))
    found = {}
    for metric in METRICS:
        if metric.name in stats and stats[metric.name].notna().any():
            values = np.full(len(items), np.nan)
            numbers = pd.to_numeric(stats[metric.name])
            values[place] = numbers.to_numpy(np.float64, na_value=np.nan)
            found[metric.name] = values
    return found


def count(flags: Flags, chosen: NDArray[np.bool_] | None = None) -> dict[str, int]:
    """How many images have each property, of all or of those chosen (bool (n,))."""
    every = slice(None) if chosen is None else chosen
    return {name: int(having[every].sum()) for name, having in flags.items()}


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
        right = np.searchsorted(contents, keys, side="right")
        before = np.maximum(before, right - np.searchsorted(contents, keys, side="left"))
    copy = pd.Series(keys).groupby(keys).cumcount().to_numpy()
    return np.asarray(copy >= before)
