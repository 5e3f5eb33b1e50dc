"""Stage find_neighbors: the nearest neighbours of each distinct content, by FAISS.

Byte-identical copies share one embedding, so they cost one search and cannot crowd out other
neighbours. Small sets, and those searched with ``nnf_mode`` Flat, are searched exactly; what an
earlier search of nearly the same embeddings found saves most of it. Of large ones, ``IVF`` searches
cells (:mod:`imgvet.similarity.cells`), and other modes are indexes of FAISS.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.errors import InvalidParameterError
from imgvet.options import NeighborOptions
from imgvet.similarity.cells import search_cells
from imgvet.similarity.distances import FLAT, Metric, check_distance
from imgvet.similarity.earlier import EarlierSearch, keys_of, update_neighbors
from imgvet.similarity.index import CELLS_MODE, check_neighbor_options, empty_index, last_words
from imgvet.similarity.search import (
    Neighbors,
    candidates,
    nearest,
    recall_of,
    sample_queries,
    search_exactly,
)
from imgvet.similarity.space import Space, Vectors, space_of

VERSION = 4

EXACT_LIMIT = 50_000
"""Up to this many vectors the search is exact: it costs seconds, about as many as an index."""


def find_neighbors(
    vectors: Vectors, options: NeighborOptions, threads: int, earlier: EarlierSearch | None = None
) -> Neighbors:
    """The k nearest other vectors of each vector.

    A vector of zeros says nothing about its picture: it has no neighbour and is nobody's.

    Args:
        vectors: float32 (n, width), finite; for cosine, those of another length than 1 are compared
            as if they had length 1.
        options: the distance, k, and the index of large sets.
        threads: threads of the search.
        earlier: what an earlier exact search by the same distance and k found, if anything. The
            result does not depend on it.

    Raises:
        InvalidParameterError: FAISS does not know the index or its parameters, or the distance
            goes neither with the index nor with the vectors.
    """
    import faiss

    faiss.omp_set_num_threads(threads)
    check_distance(options)
    telling = np.flatnonzero(vectors.any(axis=1))
    if len(telling) == len(vectors):
        return _search(vectors, options, earlier)
    return _among_all(_search(vectors[telling], options, earlier), telling, len(vectors))


def _among_all(found: Neighbors, rows: NDArray[np.int64], count: int) -> Neighbors:
    """The neighbours of some rows as those of all, of which the others have none."""
    all_rows = np.full((count, found.rows.shape[1]), -1, np.int64)
    distances = np.full(all_rows.shape, np.inf)
    all_rows[rows] = np.where(found.rows < 0, -1, rows[found.rows])
    distances[rows] = found.distances
    return Neighbors(all_rows, distances, found.recall)


def _search(vectors: Vectors, options: NeighborOptions, earlier: EarlierSearch | None) -> Neighbors:
    k = min(options.nearest_neighbors_k, max(len(vectors) - 1, 0))
    if k == 0:
        return Neighbors(np.empty((len(vectors), 0), np.int64), np.empty((len(vectors), 0)))
    space = space_of(vectors, options.distance)
    if is_exact(len(vectors), options):
        updated = earlier and update_neighbors(space, keys_of(vectors), earlier, k)
        return updated or search_exactly(space, np.arange(len(space)), k)
    if options.nnf_mode == CELLS_MODE:
        check_neighbor_options(options, vectors.shape[1])
        return search_cells(space, k)
    return _search_index(space, options, k)


def is_exact(count: int, options: NeighborOptions) -> bool:
    """Whether so many vectors are searched exactly."""
    return count <= EXACT_LIMIT or options.nnf_mode == FLAT


def _search_index(space: Space, options: NeighborOptions, k: int) -> Neighbors:
    """Search with an index of FAISS, and measure its recall."""
    index = empty_index(options, space.data.shape[1])
    everybody = np.arange(len(space))
    try:
        if not index.is_trained:
            index.train(space.data)
        index.add(space.data)
        near = candidates(space, index, everybody, k + 1)
    except RuntimeError as error:
        raise InvalidParameterError(
            f"nnf_mode = {options.nnf_mode!r} with nnf_param = {options.nnf_param!r}: "
            f"FAISS says {last_words(error)}",
            "Use Flat, IVF, HNSW32 or another FAISS factory string",
        ) from None
    found = nearest(space, everybody, near, k)
    queries = sample_queries(len(space))
    recall = recall_of(found, queries, search_exactly(space, queries, k))
    return Neighbors(found.rows, found.distances, recall)


def as_table(neighbors: Neighbors, ids: NDArray[np.int64], metric: Metric) -> pd.DataFrame:
    """The table neighbors: from, to (item ids) and similarity, in order of ``from``, best first.

    Args:
        neighbors: rows and distances.
        ids: int64 (n,), the item each row stands for.
        metric: what the distances are, and how similarity is made of them.
    """
    found = neighbors.rows >= 0
    return pd.DataFrame(
        {
            "from": np.repeat(ids, neighbors.rows.shape[1])[found.ravel()],
            "to": ids[neighbors.rows[found]],
            "similarity": metric.similarity(neighbors.distances[found]),
        }
    )
