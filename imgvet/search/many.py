"""Search for many vectors at once among the embeddings of a run; large sets keep an index.

Candidates come from FAISS; of large sets from an inverted file with 8 bits a value, kept in
``store/search``, that compares only the nearest cells. Their similarities are computed anew as the
run did, so that they equal those of its tables. How many cells are compared is measured when the
index is made.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgvet.search.index import distances_to
from imgvet.similarity.distances import DISTANCES, Metric, Rows, Vectors, space_of
from imgvet.similarity.neighbors import EXACT_LIMIT
from imgvet.similarity.search import SPARE, faiss_metric, nearest_among
from imgvet.store.references import read_vectors
from imgvet.summary import read_record
from imgvet.workdir import WorkDir, write_atomically

RECALL = 0.985
"""Share of the true nearest of a sample that the compared cells have to hold."""

_SAMPLE, _TRAINING_PER_CELL, _BLOCK, _ADDED = 256, 40, 4096, 65_536
_SEED = 1234


class ManySearch:
    """The embeddings of a finished run, ready for many queries."""

    def __init__(self, vectors: Vectors, metric: Metric, kept: Path, threads: int = 1) -> None:
        """Take float32 (n, width), maybe mapped; an index of a large set is kept as one file."""
        import faiss

        faiss.omp_set_num_threads(threads)
        faiss.cvar.distance_compute_blas_threshold = 0
        self._vectors, self._metric, self._kept = vectors, metric, kept
        self._space = space_of(vectors, metric.distance)
        self._telling = np.flatnonzero(vectors.any(axis=1))

    @classmethod
    def of_run(cls, work: WorkDir, threads: int = 1) -> ManySearch:
        """The search in a finished run."""
        state, vectors = work.embeddings.stat(), read_vectors(work.embeddings)
        name = f"{work.part or 'whole'}-{state.st_size}-{state.st_mtime_ns}.faiss"
        metric = Metric.of_run(read_record(work))
        return cls(vectors, metric, work.store / "search" / name, threads)

    def nearest(self, queries: Vectors, k: int) -> tuple[Rows, NDArray[np.float64]]:
        """Of each query, float32 (q, width), the ``k`` nearest rows and their similarities.

        Both (q, k), most similar first; -1 and NaN where there is none. Queries and embeddings of
        zeros have none and are nobody's.
        """
        rows = np.full((len(queries), k), -1, np.int64)
        similarity = np.full((len(queries), k), np.nan)
        telling = np.flatnonzero(queries.any(axis=1) & (len(self._telling) > 0))
        for start in range(0, len(telling), _BLOCK):
            part = telling[start : start + _BLOCK]
            rows[part], similarity[part] = self._nearest(queries[part], k)
        return rows, similarity

    def _nearest(self, queries: Vectors, k: int) -> tuple[Rows, NDArray[np.float64]]:
        near = self._candidates(queries, k + SPARE)
        near = np.pad(near, ((0, 0), (0, max(0, k - near.shape[1]))), constant_values=-1)
        how, unit = self._metric.distance, self._space.unit
        exact = distances_to(self._vectors, near, queries, how, unit)
        order = np.lexsort((near, exact), axis=1)[:, :k]
        rows, exact = np.take_along_axis(near, order, 1), np.take_along_axis(exact, order, 1)
        similarity = self._metric.similarity(np.where(rows < 0, 0.0, exact))
        return rows, np.where(rows < 0, np.nan, similarity)

    def _candidates(self, queries: Vectors, width: int) -> Rows:
        """Rows of about the nearest, (q, w); -1 is nobody."""
        distance, everybody = self._metric.distance, np.arange(len(queries))
        if self._is_large:
            return np.asarray(self._index.search(self._as_searched(queries), width)[1], np.int64)
        if distance == "cosine":
            space, data = space_of(queries, distance), self._telling_data
        else:
            together = np.concatenate([queries, self._vectors[self._telling]])
            space = replace(space_of(together, distance), unit=self._space.unit)
            data = space.data[len(queries) :]
        places = nearest_among(space, data, everybody, width - SPARE)
        return np.where(places < 0, -1, self._telling[places])

    def _as_searched(self, queries: Vectors) -> Vectors:
        """Queries as :attr:`imgvet.similarity.distances.Space.data` has the embeddings."""
        if self._metric.distance == "cosine":
            return space_of(queries, "cosine").data
        mean = self._vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        return np.ascontiguousarray((queries - mean) / np.float32(self._space.unit))

    @property
    def _telling_data(self) -> Vectors:
        whole = len(self._telling) == len(self._vectors)
        return self._space.data if whole else self._space.data[self._telling]

    @property
    def _is_large(self) -> bool:
        return len(self._telling) > EXACT_LIMIT and DISTANCES[self._metric.distance].any_index

    @cached_property
    def _index(self) -> Any:
        """The kept index; made if there is none of these embeddings, which takes its time once."""
        import faiss

        if not self._kept.is_file():
            made = self._made_index()
            for old in self._kept.parent.glob(f"{self._kept.name.partition('-')[0]}-*"):
                old.unlink()
            write_atomically(self._kept, lambda draft: faiss.write_index(made, str(draft)))
        return faiss.read_index(str(self._kept), faiss.IO_FLAG_MMAP)

    def _made_index(self) -> Any:
        import faiss

        data, rows = self._space.data, self._telling
        cells = max(1, round(len(rows) ** 0.5))
        index: Any = faiss.index_factory(
            data.shape[1], f"IVF{cells},SQ8", faiss_metric(self._space)
        )
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
            if share >= RECALL or probes >= cells:
                break
        return index
