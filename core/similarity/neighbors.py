"""Stage find_neighbors: the nearest neighbours of each distinct content, by FAISS.

Similarity is 1 - a (1 - cosine), where the model's card gives a: 1 is identical. Byte-identical
copies share one embedding, so they cost one search and cannot crowd out other neighbours.

Small sets are searched exactly. Of large ones, ``IVF`` searches cells: vectors are grouped around
centres (k-means), and each cell is compared, exactly, with the cells whose centres are nearest.
How many cells that takes is read off a sample of queries that are searched exactly. Comparing whole
cells is multiplying matrices, which makes it several times faster than any index that is asked for
one vector after the other, and its result does not depend on threads as that of HNSW does.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.errors import InvalidParameterError
from imgvet.options import NeighborOptions
from imgvet.progress import report_progress

STAGE = "find_neighbors"
EXACT_LIMIT = 50_000
"""Up to this many vectors the search is exact: it costs seconds, about as many as an index."""

RECALL_SAMPLE = 1000
"""Queries that are searched exactly as well, to measure the recall of an approximate search."""

CELLS_MODE = "IVF"
"""The ``nnf_mode`` that searches cells; FAISS's own inverted files have a number, as in IVF64."""

CELL_RECALL = 0.985
"""Share of the true neighbours of the sample that the compared cells have to hold."""

_WORTHWHILE_SHARE = 0.1
"""Comparing a greater share of the cells than this costs as much as an exact search."""

_TRAINING_PER_CELL = 64
_TRAINING_ROUNDS = 6
_SEED = 1234
_QUERY_BLOCK = 16_384
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
    if count <= EXACT_LIMIT or options.nnf_mode == "Flat":
        return _search_exactly(data, wanted)
    if options.nnf_mode == CELLS_MODE:
        return _search_cells(data, options, wanted)
    index = _approximate_index(data, options)
    rows, cosines = _search(index, data, np.arange(count), wanted)
    return Neighbors(rows, cosines, _recall(data, rows, _exact_sample(data, wanted)))


def _search_exactly(data: Vectors, wanted: int) -> Neighbors:
    import faiss

    index = faiss.IndexFlatIP(data.shape[1])
    index.add(data)
    rows, cosines = _search(index, data, np.arange(len(data)), wanted)
    return Neighbors(rows, cosines, 1.0)


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


@dataclass(frozen=True)
class _Sample:
    """Queries, and their true neighbours: rows (q, k) and cosines (q, k)."""

    queries: NDArray[np.int64]
    rows: NDArray[np.int64]
    cosines: Vectors


def _exact_sample(data: Vectors, wanted: int) -> _Sample:
    """The true nearest neighbours of an evenly spread sample."""
    import faiss

    queries = np.linspace(0, len(data) - 1, min(RECALL_SAMPLE, len(data)), dtype=np.int64)
    cosines, rows = faiss.knn(data[queries], data, wanted + 1, metric=faiss.METRIC_INNER_PRODUCT)
    return _Sample(queries, *_without_self(queries, rows, cosines))


def _recall(data: Vectors, rows: NDArray[np.int64], sample: _Sample) -> float:
    """Share of the true nearest neighbours of a sample that were found."""
    queries = sample.queries
    found = rows[queries]
    cosines = np.einsum("qd,qkd->qk", data[queries], data[np.maximum(found, 0)])
    # A neighbour as near as the true one counts as found: ties have no right order.
    hits = (found == sample.rows) | ((found >= 0) & (cosines >= sample.cosines - 1e-6))
    return float(hits.mean())


@dataclass(frozen=True)
class _Cells:
    """Vectors grouped by the nearest of their centres.

    Attributes:
        order: int64 (n,), rows, cell after cell.
        starts: int64 (cells + 1,), where each cell starts in ``order``.
        cell: int64 (n,), the cell of each row.
        nearest: int64 (cells, cells), all cells by distance of their centres from each one's.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    cell: NDArray[np.int64]
    nearest: NDArray[np.int64]


def _search_cells(data: Vectors, options: NeighborOptions, wanted: int) -> Neighbors:
    """Compare each cell with as many of the nearest cells as the sample needs."""
    if options.nnf_param:
        raise InvalidParameterError(
            f"nnf_param = {options.nnf_param!r}: nnf_mode = {CELLS_MODE!r} has no parameters",
            "Leave nnf_param out",
        )
    cells = _cells_of(data)
    sample = _exact_sample(data, wanted)
    compared = _cells_to_compare(cells, sample)
    if compared > _WORTHWHILE_SHARE * len(cells.nearest):
        return _search_exactly(data, wanted)
    rows, cosines = _compare_cells(data, cells, compared, wanted)
    return Neighbors(rows, cosines, _recall(data, rows, sample))


def _cells_of(data: Vectors) -> _Cells:
    """About as many cells as each has vectors."""
    import faiss

    count = max(1, round(len(data) ** 0.5))
    training = np.linspace(
        0, len(data) - 1, min(len(data), count * _TRAINING_PER_CELL), dtype=np.int64
    )
    means = faiss.Kmeans(
        data.shape[1], count, niter=_TRAINING_ROUNDS, spherical=True, seed=_SEED,
        min_points_per_centroid=1, max_points_per_centroid=_TRAINING_PER_CELL,
    )  # fmt: skip
    means.train(data[training])
    centres = np.asarray(means.centroids, np.float32)
    metric = faiss.METRIC_INNER_PRODUCT
    cell = faiss.knn(data, centres, 1, metric=metric)[1].ravel()
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], np.arange(count + 1))
    nearest = np.argsort(-(centres @ centres.T), axis=1, kind="stable")
    return _Cells(order, starts, cell, nearest)


def _cells_to_compare(cells: _Cells, sample: _Sample) -> int:
    """How many of the nearest cells hold enough of the sample's true neighbours."""
    nearest = cells.nearest[cells.cell[sample.queries]]
    ranks = np.argmax(nearest[:, None, :] == cells.cell[sample.rows][:, :, None], axis=2)
    return int(np.quantile(ranks, CELL_RECALL, method="higher")) + 1


def _compare_cells(data: Vectors, cells: _Cells, compared: int, wanted: int):  # type: ignore[no-untyped-def]
    """Rows and cosines of the ``wanted`` nearest others, in the ``compared`` nearest cells."""
    import faiss

    rows = np.full((len(data), wanted), -1, np.int64)
    cosines = np.full((len(data), wanted), -1.0, np.float32)
    grouped = data[cells.order]
    for cell, (start, stop) in enumerate(pairwise(cells.starts)):
        chosen = np.union1d(cells.nearest[cell, :compared], [cell])
        places = np.concatenate([np.arange(*cells.starts[near : near + 2]) for near in chosen])
        if start == stop or len(places) <= wanted:
            continue
        found_cosines, found = faiss.knn(
            grouped[start:stop], grouped[places], wanted + 1, metric=faiss.METRIC_INNER_PRODUCT
        )
        queries = cells.order[start:stop]
        found_rows = cells.order[places[found]]
        rows[queries], cosines[queries] = _without_self(queries, found_rows, found_cosines)
        report_progress(STAGE, int(stop), len(data))
    return rows, cosines


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
