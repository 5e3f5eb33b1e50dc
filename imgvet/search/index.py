"""Search by embedding: the images of a run that are nearest to one of them, or to any vector.

A query is compared with every embedding: for 100,000 x 384 values a product of NumPy took half the
time of a flat index of FAISS, and the array stays mapped from its file. The similarities that are
told are computed anew as the run did (:mod:`imgvet.similarity.distances`) and equal its tables.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.errors import InvalidParameterError
from imgvet.options import Distance
from imgvet.search.image_table import ImageTable, Rows
from imgvet.similarity.distances import Metric, Reals, distances_between, space_of, unit_of
from imgvet.similarity.groups import farthest_subset, representative_subset
from imgvet.similarity.search import SPARE
from imgvet.store.references import read_vectors
from imgvet.summary import read_record
from imgvet.workdir import WorkDir

Vector = NDArray[np.float32]

MAX_NEIGHBORS = 1000
"""At most this many images are found at a time."""

_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True)
class Match:
    """An image that was found, and its similarity to what was searched (1 is identical)."""

    id: int
    similarity: float


def distances_to(
    vectors: Vector, near: Rows, queries: Vector, distance: Distance, unit: float
) -> Reals:
    """The distances of queries, (q, width), to some rows of ``vectors`` each, (q, k), as a run's.

    -1 is nobody, infinitely far.
    """
    used = np.unique(near[near >= 0])
    space = space_of(np.concatenate([queries, vectors[used]]), distance)
    places = np.where(near < 0, -1, len(queries) + np.searchsorted(used, near))
    return replace(space, unit=unit).distances(np.arange(len(queries)), places)


class SearchIndex:
    """The embeddings of a run, ready to be searched; may be used from several threads.

    ``vectors`` are float32 (n, width), finite, and may be mapped from a file; ``items`` has the
    columns ``id`` and ``embedding_row`` (null: the image has no embedding).
    """

    def __init__(self, vectors: Vector, items: pd.DataFrame, metric: Metric) -> None:
        items = items[["id", "embedding_row"]].dropna().astype(np.int64)
        self._vectors, self._items, self._metric = vectors, items, metric
        self._unit = unit_of(vectors, metric.distance)
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        used = np.bincount(items["embedding_row"], minlength=len(vectors)) > 0
        self._lengths = np.where(used, lengths, 0.0)
        """float64 (n,); 0 for the embeddings that are never found."""

    @classmethod
    def of_run(cls, work: WorkDir, images: ImageTable) -> SearchIndex:
        """The index of a finished run; the embeddings are read once, for their lengths."""
        vectors = read_vectors(work.embeddings)
        items = images.frame(["embedding_row"]).reset_index()
        return cls(vectors, items, Metric.of_run(read_record(work)))

    def nearest(self, vector: Vector, k: int, among: Rows | None = None) -> list[Match]:
        """The ``k`` images nearest to a vector, float32 (width,), most similar first, then by id.

        ``among`` are ids, (n,): no others are found.

        InvalidParameterError if the vector has another width, is all zero or not finite, or if
        ``k`` is not within 1 and :data:`MAX_NEIGHBORS`.
        """
        query = self._checked(vector, k)
        items = self._items if among is None else self._items[self._items["id"].isin(among)]
        return [] if items.empty else self._nearest(query, k, items)

    def nearest_to_item(self, item: int, k: int, among: Rows | None = None) -> list[Match]:
        """The ``k`` other images nearest to an image; raises as `nearest` and `vector_of`."""
        others = self._items["id"].to_numpy() if among is None else among
        return self.nearest(self.vector_of(item), k, others[others != item])

    def subset(self, count: int, *, farthest: bool = False, threads: int = 1) -> list[int]:
        """At most ``count`` images that stand for all, or that are as unlike as possible.

        In order of the listing, or of the choice; InvalidParameterError if ``count`` is not
        positive.
        """
        if not isinstance(count, Integral) or count < 1:
            raise InvalidParameterError(f"{count!r} images can't be chosen", "Ask for 1 or more")
        telling = np.flatnonzero(self._lengths)
        vectors = np.asarray(self._vectors[telling])
        if farthest:
            rows = farthest_subset(vectors, self._metric, count)
        else:
            rows = representative_subset(vectors, self._metric, count, threads)
        first = self._items.groupby("embedding_row")["id"].min()
        return [int(item) for item in first.loc[telling[rows].tolist()]]

    def vector_of(self, item: int) -> Vector:
        """The embedding of an image, float32 (width,); InvalidParameterError if it has none."""
        rows = self._items.loc[self._items["id"] == item, "embedding_row"]
        if rows.empty:
            raise InvalidParameterError(
                f"Image {item} has no embedding", "Search from an image that could be analysed"
            )
        return np.asarray(self._vectors[rows.iloc[0]])

    def _checked(self, vector: Vector, k: int) -> Vector:
        if not (isinstance(k, Integral) and 1 <= k <= MAX_NEIGHBORS):
            raise InvalidParameterError(
                f"k = {k!r} is not between 1 and {MAX_NEIGHBORS}", "Ask for fewer or more images"
            )
        query, width = np.asarray(vector, np.float32).reshape(-1), self._vectors.shape[1]
        if len(query) != width:
            raise InvalidParameterError(
                f"The embedding has {len(query)} values, those of the run have {width}",
                "Use the model that the run used",
            )
        if not np.isfinite(query).all() or not query.any():
            raise InvalidParameterError(
                "The model says nothing about this picture (zeros, or values that are not finite)",
                "Search for another picture",
            )
        return query

    def _nearest(self, query: Vector, k: int, items: pd.DataFrame) -> list[Match]:
        distances = self._rough_distances(query)
        meant = np.zeros(len(distances), bool)
        meant[items["embedding_row"]] = True
        distances[~meant] = np.inf
        wanted = min(k + SPARE, len(distances))
        rows = np.argpartition(distances, wanted - 1)[:wanted]
        rows = rows[np.isfinite(distances[rows])]
        how, unit = self._metric.distance, self._unit
        exact = distances_to(self._vectors, rows[None], query[None], how, unit)
        similarity = pd.Series(self._metric.similarity(exact[0]), rows)
        found = items[items["embedding_row"].isin(rows)]
        found = found.assign(similarity=found["embedding_row"].map(similarity))
        found = found.sort_values(["similarity", "id"], ascending=[False, True]).head(k)
        return list(map(Match, found["id"].tolist(), found["similarity"].tolist()))

    def _rough_distances(self, query: Vector) -> Reals:
        """The distance of every embedding to the query, up to rounding; infinite if never found."""
        if self._metric.distance == "cosine":
            with np.errstate(divide="ignore", invalid="ignore"):
                # Values of the query lie between -1 and 1, so that no product overflows.
                cosines = (self._vectors @ (query / np.abs(query).max())) / self._lengths
            distances = np.asarray(-cosines, np.float64)
        else:
            # Block by block, as the array is mapped.
            blocks = np.array_split(self._vectors, self._vectors.size // _BLOCK_VALUES + 1)
            how, unit = self._metric.distance, self._unit
            parts = [distances_between(query[None], block, how, unit)[0] for block in blocks]
            distances = np.concatenate(parts)
        distances[self._lengths == 0] = np.inf
        return distances
