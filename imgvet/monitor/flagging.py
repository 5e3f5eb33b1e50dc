"""Which images of a run have which property, image by image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import FLAGS, METRICS, flagged
from imgvet.monitor.facts import RunFacts
from imgvet.monitor.novelty import Keys, keys_of
from imgvet.monitor.strangeness import Sample, nearest_similarity
from imgvet.monitor.tally import Flags
from imgvet.options import SimilarityOptions
from imgvet.quality.counts import near_pairs
from imgvet.reasons import Reason

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Images:
    """The images of a run in the order of the table items, and the contents among them.

    Attributes:
        facts: the run.
        keys: S16 (n,), the content of each image.
        row: int64 (n,), row of the embeddings of each image, -1 if it has none.
        first: int64 (rows,), position of the first image with the content of each row.
        metrics: metric -> float64 (n,), NaN where there is none; without those never measured.
        flags: what does not depend on a baseline; ``dark``, ``bright`` and ``blurry`` only with
            statistics.
    """

    facts: RunFacts
    keys: Keys
    row: NDArray[np.int64]
    first: NDArray[np.int64]
    metrics: dict[str, Values]
    flags: Flags

    @property
    def content_keys(self) -> Keys:
        """S16 (rows,), the content of each row of the embeddings."""
        return self.keys[self.first]


def images_of(facts: RunFacts) -> Images:
    """The images of a run."""
    rows = facts.items["embedding_row"].astype("Float64").fillna(-1)
    row = np.asarray(rows.to_numpy(np.float64), np.int64)
    first = np.zeros(len(facts.embeddings), np.int64)
    positions = np.flatnonzero(row >= 0)[::-1]  # the first image of a content is written last
    first[row[positions]] = positions
    keys = keys_of(facts.items)
    return Images(facts, keys, row, first, _metrics(facts), _flags(facts))


def similarity_to(images: Images, sample: Sample) -> Values:
    """Similarity of each content to the nearest other image of a sample, float64 (rows,)."""
    facts = images.facts
    return nearest_similarity(facts.embeddings, images.content_keys, sample, facts.scale)


def with_outliers(images: Images, similarity: Values, limit: float | None) -> Flags:
    """The flags of the images, with ``outlier`` if there is a limit.

    Args:
        images: the images.
        similarity: of :func:`similarity_to`.
        limit: similarities below it are those of outliers.
    """
    if limit is None:
        return images.flags
    strange = np.append(similarity < limit, False)  # row -1 has no embedding
    return {**images.flags, "outlier": strange[images.row]}


def worst_first(images: Images, flags: Flags, similarity: Values) -> dict[str, NDArray[np.int64]]:
    """Positions of the images with each property, worst first where there is a worst.

    Args:
        images: the images.
        flags: of :func:`with_outliers`.
        similarity: of :func:`similarity_to`.
    """
    goodness = {"outlier": np.append(similarity, np.inf)[images.row]}
    for flag in FLAGS:
        if flag.metric in images.metrics:
            values = images.metrics[flag.metric]
            goodness[flag.name] = values if flag.below else -values
    found = {}
    for name, having in flags.items():
        places = np.flatnonzero(having)
        if name in goodness:
            places = places[np.argsort(goodness[name][places], kind="stable")]
        found[name] = places
    return found


def _flags(facts: RunFacts) -> Flags:
    items = facts.items
    ids = items["id"].to_numpy(np.int64)
    valid = (items["status"] == Reason.OK.value).to_numpy(bool)
    good = items[valid]
    duplicate = np.zeros(len(items), bool)
    duplicate[valid] = good.duplicated("digest").to_numpy(bool)
    pairs = near_pairs(facts.similarity, good, SimilarityOptions(threshold=facts.scale.near))
    near = valid & np.isin(ids, pairs[["from", "to"]].to_numpy(np.int64).ravel())
    flags = {"valid": valid, "invalid": ~valid, "duplicate": duplicate, "near_duplicate": near}
    if facts.stats is None:
        return flags
    measured = facts.stats["id"].to_numpy(np.int64)
    for name, found in flagged(facts.stats, facts.flags).items():
        flags[name] = np.isin(ids, measured[found.to_numpy(bool)])
    return flags


def _metrics(facts: RunFacts) -> dict[str, Values]:
    stats = facts.stats
    if stats is None:
        return {}
    place = pd.Index(facts.items["id"]).get_indexer(pd.Index(stats["id"]))
    found = {}
    for metric in METRICS:
        if metric.name in stats and stats[metric.name].notna().any():
            values = np.full(len(facts.items), np.nan)
            numbers = pd.to_numeric(stats[metric.name])
            values[place] = numbers.to_numpy(np.float64, na_value=np.nan)
            found[metric.name] = values
    return found
