"""Search by embedding: the images of a run that are nearest to one of them, or to any vectors.

Candidates come from a comparison with all embeddings: for 100,000 x 384 values a product of NumPy
took half the time of a flat index of FAISS, and the array stays mapped from its file. Of many
vectors at once in a large set they come from an inverted file with 8 bits a value, kept in
``store/search``, that compares only the nearest cells; how many is measured when it is made. The
similarities that are told are computed anew as the run did (:mod:`imgvet.similarity.distances`)
and equal its tables.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.errors import InvalidParameterError
from imgvet.search.image_table import ImageTable
from imgvet.similarity.distances import (
    DISTANCES,
    Metric,
    Reals,
    Rows,
    Vectors,
    distances_between,
    space_of,
)
from imgvet.similarity.groups import farthest_subset, representative_subset
from imgvet.similarity.index import CELL_RECALL
from imgvet.similarity.neighbors import EXACT_LIMIT
from imgvet.similarity.search import SPARE, faiss_metric, nearest_among
from imgvet.store.references import read_vectors
from imgvet.summary import read_record
from imgvet.threads import in_threads, threads_of_faiss
from imgvet.workdir import WorkDir, write_atomically

MAX_NEIGHBORS = 1000
"""At most this many images are found at a time."""

_SAMPLE, _TRAINING_PER_CELL, _ADDED, _SEED = 256, 40, 65_536, 1234
_QUERIES, _DISTANCES = 4096, 1 << 22
"""At most so many queries are searched at a time, and so many distances held."""


@dataclass(frozen=True)
class Match:
    """An image that was found, and its similarity to what was searched (1 is identical)."""

    id: int
    similarity: float


class SearchIndex:
    """The embeddings of a run, ready to be searched; may be used from several threads.

    ``vectors`` are float32 (n, width), finite, and may be mapped from a file; ``items`` has the
    columns ``id`` and ``embedding_row`` (null: the image has no embedding). ``kept`` is the file of
    the inverted file of a large set.
    """

    def __init__(
        self,
        vectors: Vectors,
        items: pd.DataFrame,
        metric: Metric,
        kept: Path = Path("none"),
        threads: int = 1,
    ) -> None:
        items = items[["id", "embedding_row"]].dropna().astype(np.int64)
        self._vectors, self._items, self._metric = vectors, items, metric
        self._kept, self._threads = kept, threads
        self._space = space_of(vectors, metric)
        used = np.bincount(items["embedding_row"], minlength=len(vectors)) > 0
        self._telling = used & vectors.any(axis=1)
        """(n,) bool, which are ever found."""

    @classmethod
    def of_run(cls, work: WorkDir, images: ImageTable, threads: int = 1) -> SearchIndex:
        """The index of a finished run; the embeddings are read once, for their lengths."""
        state, vectors = work.embeddings.stat(), read_vectors(work.embeddings)
        name = f"{work.part or 'whole'}-{state.st_size}-{state.st_mtime_ns}.faiss"
        items, metric = images.frame(["embedding_row"]), Metric.of_run(read_record(work))
        return cls(vectors, items.reset_index(), metric, work.store / "search" / name, threads)

    def nearest(self, vector: Vectors, k: int, among: Rows | None = None) -> list[Match]:
        """The ``k`` images nearest to a vector, float32 (width,), most similar first, then by id.

        ``among`` are ids, (n,): no others are found.

        InvalidParameterError if the vector has another width, is all zero or not finite, or if
        ``k`` is not within 1 and :data:`MAX_NEIGHBORS`.
        """
        query = self._checked(vector, k)[None]
        items = self._items if among is None else self._items[self._items["id"].isin(among)]
        meant = np.zeros(len(self._vectors), bool)
        meant[items["embedding_row"]] = True
        if not (meant := meant & self._telling).any():
            return []
        near, similarity = self._measured(query, self._compared(query, k + SPARE, meant))
        known = pd.Series(similarity[0], near[0])[near[0] >= 0]
        found = items[items["embedding_row"].isin(known.index)]
        found = found.assign(similarity=found["embedding_row"].map(known))
        found = found.sort_values(["similarity", "id"], ascending=[False, True]).head(k)
        return list(map(Match, found["id"].tolist(), found["similarity"].tolist()))

    def nearest_to_item(self, item: int, k: int, among: Rows | None = None) -> list[Match]:
        """The ``k`` other images nearest to an image; raises as `nearest` and `vector_of`."""
        others = self._items["id"].to_numpy() if among is None else among
        return self.nearest(self.vector_of(item), k, others[others != item])

    def nearest_rows(self, queries: Vectors, k: int) -> tuple[Rows, Reals]:
        """Of each query, float32 (q, width), the ``k`` nearest rows and their similarities.

        Both (q, k), most similar first; -1 and NaN where there is none. Queries and embeddings of
        zeros have none and are nobody's.
        """
        rows = np.full((len(queries), k), -1, np.int64)
        similarity = np.full((len(queries), k), np.nan)
        by_faiss = DISTANCES[self._metric.distance].any_index
        step = _QUERIES if by_faiss else max(1, _DISTANCES // max(len(self._vectors), 1))
        telling = np.flatnonzero(queries.any(axis=1) & self._telling.any())
        for start in range(0, len(telling), step):
            part = telling[start : start + step]
            some = queries[part]
            if by_faiss:
                near = self._by_faiss(some, k + SPARE)
            else:
                near = self._compared(some, k + SPARE, self._telling)
            found, known = self._measured(some, near)
            shown = slice(min(k, found.shape[1]))
            rows[part, shown], similarity[part, shown] = found[:, shown], known[:, shown]
        return rows, similarity

    def subset(self, count: int, *, farthest: bool = False) -> list[int]:
        """At most ``count`` images that stand for all, or that are as unlike as possible.

        In order of the listing, or of the choice; InvalidParameterError if ``count`` is not
        positive.
        """
        if not isinstance(count, Integral) or count < 1:
            raise InvalidParameterError(f"{count!r} images can't be chosen", "Ask for 1 or more")
        telling = np.flatnonzero(self._telling)
        vectors = np.asarray(self._vectors[telling])
        if farthest:
            rows = farthest_subset(vectors, self._metric, count)
        else:
            rows = representative_subset(vectors, self._metric, count, self._threads)
        first = self._items.groupby("embedding_row")["id"].min()
        return [int(item) for item in first.loc[telling[rows].tolist()]]

    def vector_of(self, item: int) -> Vectors:
        """The embedding of an image, float32 (width,); InvalidParameterError if it has none."""
        rows = self._items.loc[self._items["id"] == item, "embedding_row"]
        if rows.empty:
            raise InvalidParameterError(
                f"Image {item} has no embedding", "Search from an image that could be analysed"
            )
        return np.asarray(self._vectors[rows.iloc[0]])

    def _checked(self, vector: Vectors, k: int) -> Vectors:
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

    def _measured(self, queries: Vectors, near: Rows) -> tuple[Rows, Reals]:
        """Some rows for each query, (q, w), nearest first, and their similarities, as a run's.

        -1 is nobody, at the end, with NaN.
        """
        used = np.unique(near[near >= 0])
        space = space_of(np.concatenate([queries, self._vectors[used]]), self._metric)
        places = np.where(near < 0, -1, len(queries) + np.searchsorted(used, near))
        space = replace(space, unit=self._space.unit)
        exact = space.distances(np.arange(len(queries)), places)
        order = np.lexsort((near, exact), axis=1)
        rows, exact = np.take_along_axis(near, order, 1), np.take_along_axis(exact, order, 1)
        similarity = self._metric.similarity(np.where(rows < 0, 0.0, exact))
        return rows, np.where(rows < 0, np.nan, similarity)

    def _compared(self, queries: Vectors, width: int, among: NDArray[np.bool_]) -> Rows:
        """About the nearest of some rows, (q, w), by a comparison with all; -1 is nobody."""
        how = self._metric.distance
        if how == "cosine":
            apart = -(self._as_searched(queries) @ self._space.data.T)
        else:
            blocks = np.array_split(self._vectors, self._vectors.size // _DISTANCES + 1)
            between = partial(distances_between, queries, distance=how, unit=self._space.unit)
            apart = np.hstack(list(in_threads(between, blocks, self._threads)))
        apart[:, ~among] = np.inf
        near = np.argpartition(apart, min(width, len(among)) - 1, axis=1)[:, :width]
        return np.where(np.isinf(np.take_along_axis(apart, near, 1)), -1, near)

    def _as_searched(self, queries: Vectors) -> Vectors:
        """Queries as :attr:`imgvet.similarity.distances.Space.data` has the embeddings."""
        if self._metric.distance == "cosine":
            return space_of(queries, self._metric).data
        mean = self._vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        return np.ascontiguousarray((queries - mean) / np.float32(self._space.unit))

    def _by_faiss(self, queries: Vectors, width: int) -> Rows:
        """About the nearest, (q, w), of a large set by its inverted file; -1 is nobody."""
        import faiss

        threads_of_faiss(self._threads)
        searched, rows = self._as_searched(queries), np.flatnonzero(self._telling)
        if len(rows) > EXACT_LIMIT:
            return np.asarray(self._inverted.search(searched, width)[1], np.int64)
        data, metric = self._told, faiss_metric(self._metric.distance)
        near = faiss.knn(searched, data, min(width, len(rows)), metric=metric)[1]
        return np.where(near < 0, -1, rows[near])

    @cached_property
    def _told(self) -> Vectors:
        data = self._space.data
        return data if self._telling.all() else data[self._telling]

    @cached_property
    def _inverted(self) -> Any:
        """The inverted file; made if none is kept of these embeddings, which takes time once."""
        import faiss

        if not self._kept.is_file():
            made = self._made()
            for old in self._kept.parent.glob(f"{self._kept.name.partition('-')[0]}-*"):
                old.unlink()
            write_atomically(self._kept, lambda draft: faiss.write_index(made, str(draft)))
        return faiss.read_index(str(self._kept), faiss.IO_FLAG_MMAP)

    def _made(self) -> Any:
        import faiss

        data, rows = self._space.data, np.flatnonzero(self._telling)
        cells = max(1, round(len(rows) ** 0.5))
        metric = faiss_metric(self._metric.distance)
        index: Any = faiss.index_factory(data.shape[1], f"IVF{cells},SQ8", metric)
        index.cp.seed = _SEED
        step = max(1, len(rows) // (cells * _TRAINING_PER_CELL))
        index.train(np.ascontiguousarray(data[rows[::step]]))
        for part in np.array_split(rows, len(rows) // _ADDED + 1):
            index.add_with_ids(np.ascontiguousarray(data[part]), part)
        sample = rows[:: max(1, len(rows) // _SAMPLE)][:_SAMPLE]
        queries = np.ascontiguousarray(data[sample])
        true = nearest_among(self._space, data, sample, 2)[:, :2]
        for probes in (2**power for power in range(2, 30)):
            index.nprobe = min(probes, cells)
            found = index.search(queries, 2 + SPARE)[1]
            share = (true[:, :, None] == found[:, None, :]).any(axis=2).mean()
            if share >= CELL_RECALL or probes >= cells:
                break
        return index
