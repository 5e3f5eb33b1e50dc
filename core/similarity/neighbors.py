"""Stage find_neighbors: the nearest neighbours of each distinct content, by FAISS.

Similarity is 1 - a (1 - cosine), where the model's card gives a: 1 is identical. Byte-identical
copies share one embedding, so they cost one search and cannot crowd out other neighbours.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.errors import InvalidParameterError
from imgvet.options import NeighborOptions
from imgvet.progress import report_progress

STAGE = "find_neighbors"
EXACT_LIMIT = 50_000
"""Up to this many vectors the search is exact: it costs seconds, less than building an index."""

RECALL_SAMPLE = 1000
"""Queries that are searched exactly as well, to measure the recall of an approximate search."""

_QUERY_BLOCK = 16_384
_logger = logging.getLogger(__name__)
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Neighbors:
    """Nearest neighbours of n vectors.

    Attributes:
        rows: int64 (n, k), rows of the neighbours, best first; -1 where there is none.
        cosines: float32 (n, k), their cosines, -1..1.
        recall: share of the true neighbours found, measured on a sample; 1 if exact.
    """

    rows: NDArray[np.int64]
    cosines: Vectors
    recall: float


def find_neighbors(vectors: Vectors, options: NeighborOptions, threads: int) -> Neighbors:
    """The k nearest other vectors of each vector, by cosine.

    Args:
        vectors: float32 (n, width), L2-normalised.
        options: k, and the index of large sets.
        threads: threads of the search.

    Raises:
        InvalidParameterError: FAISS does not know the index or its parameters.
    """
    import faiss

    faiss.omp_set_num_threads(threads)
    count = len(vectors)
    wanted = min(options.nearest_neighbors_k, max(count - 1, 0))
    if wanted == 0:
        return Neighbors(np.empty((count, 0), np.int64), np.empty((count, 0), np.float32), 1.0)
    data = np.ascontiguousarray(vectors, np.float32)
    exact = count <= EXACT_LIMIT or options.nnf_mode == "Flat"
    index = faiss.IndexFlatIP(data.shape[1]) if exact else _approximate_index(data, options)
    if exact:
        index.add(data)
    rows, cosines = _search(index, data, np.arange(count), wanted)
    recall = 1.0 if exact else _measured_recall(data, rows, wanted)
    return Neighbors(rows, cosines, recall)


def _approximate_index(data: Vectors, options: NeighborOptions):  # type: ignore[no-untyped-def]
    """A trained and filled index of the kind that the options name."""
    import faiss

    try:
        index = faiss.index_factory(data.shape[1], options.nnf_mode, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(data)
        index.add(data)
        _set_parameters(index, options)
    except RuntimeError as error:
        raise InvalidParameterError(
            f"nnf_mode = {options.nnf_mode!r} with nnf_param = {options.nnf_param!r}: "
            f"FAISS says {_last_line(error)}",
            "Use Flat, HNSW32 or another FAISS factory string",
        ) from None
    return index


def _set_parameters(index, options: NeighborOptions) -> None:  # type: ignore[no-untyped-def]
    import faiss

    space = faiss.ParameterSpace()
    if options.nnf_param:
        space.set_index_parameters(index, options.nnf_param)  # type: ignore[arg-type]
    elif options.nnf_mode.startswith("HNSW"):
        space.set_index_parameter(index, "efSearch", 64)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _search(index, data: Vectors, queries: NDArray[np.int64], wanted: int):  # type: ignore[no-untyped-def]
    """Rows and cosines of the ``wanted`` nearest others of each query row."""
    rows = np.full((len(queries), wanted), -1, np.int64)
    cosines = np.full((len(queries), wanted), -1.0, np.float32)
    for start in range(0, len(queries), _QUERY_BLOCK):
        block = queries[start : start + _QUERY_BLOCK]
        found_cosines, found_rows = index.search(data[block], wanted + 1)
        part = slice(start, start + len(block))
        rows[part], cosines[part] = _without_self(block, found_rows, found_cosines)
        report_progress(STAGE, start + len(block), len(queries))
    return rows, cosines


def _without_self(queries: NDArray[np.int64], rows: NDArray[np.int64], cosines: Vectors):  # type: ignore[no-untyped-def]
    """Drop the query itself, or the last neighbour where the query was not found; ties by row."""
    order = np.lexsort((rows, -cosines), axis=1)
    rows = np.take_along_axis(rows, order, axis=1)
    cosines = np.take_along_axis(cosines, order, axis=1)
    keep = rows != queries[:, None]
    keep[keep.all(axis=1), -1] = False
    shape = (len(queries), rows.shape[1] - 1)
    return rows[keep].reshape(shape), np.minimum(cosines[keep].reshape(shape), 1.0)


def _measured_recall(data: Vectors, rows: NDArray[np.int64], wanted: int) -> float:
    """Share of the true nearest neighbours of an evenly spread sample that were found."""
    import faiss

    exact = faiss.IndexFlatIP(data.shape[1])
    exact.add(data)
    sample = np.linspace(0, len(data) - 1, min(RECALL_SAMPLE, len(data)), dtype=np.int64)
    true_rows, true_cosines = _search(exact, data, sample, wanted)
    found_cosines = np.einsum("qd,qkd->qk", data[sample], data[np.maximum(rows[sample], 0)])
    # A neighbour as near as the true one counts as found: ties have no right order.
    hits = (rows[sample] == true_rows) | (found_cosines >= true_cosines - 1e-6)
    return float(hits.mean())


def as_table(neighbors: Neighbors, ids: NDArray[np.int64], scale: float) -> pd.DataFrame:
    """The table neighbors: from, to (item ids) and similarity, in order of ``from``, best first.

    Args:
        neighbors: rows and cosines.
        ids: int64 (n,), the item each row stands for.
        scale: a in similarity = 1 - a (1 - cosine).
    """
    found = neighbors.rows >= 0
    similarity = similarity_of(neighbors.cosines, scale)
    return pd.DataFrame(
        {
            "from": np.repeat(ids, neighbors.rows.shape[1])[found.ravel()],
            "to": ids[neighbors.rows[found]],
            "similarity": similarity[found],
        }
    )


def similarity_of(cosines: NDArray[np.floating], scale: float) -> NDArray[np.float64]:
    """Similarity 1 - a (1 - cosine), rounded to 1e-6 so that threads can't change a table."""
    return np.round(1.0 - scale * (1.0 - np.asarray(cosines, np.float64)), 6)
