"""Approximate searches of large sets: cells, and any index of FAISS that ``nnf_mode`` names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from imgvet.errors import InvalidParameterError, failing_as
from imgvet.format import message_of
from imgvet.options import NeighborOptions
from imgvet.parameters import numbers_in
from imgvet.progress import report_progress
from imgvet.similarity.distances import DISTANCES, Rows, Space
from imgvet.similarity.search import (
    SPARE,
    STAGE,
    Neighbors,
    candidates,
    faiss_metric,
    k_means,
    nearest,
    search_exactly,
)

FLAT = "Flat"
"""The ``nnf_mode`` that compares every pair."""

CELLS_MODE = "IVF"
"""The ``nnf_mode`` that searches cells; FAISS's own inverted files have a number, as in IVF64."""

_EXAMPLES = "Flat, IVF, HNSW32, 'IVF1024,Flat' or 'OPQ32,IVF1024,PQ32'"
_HNSW_WIDTH = 64
_PLACE = re.compile(r"\.(?:cpp|h):\d+: ")
_TRIED = (
    "nprobe", "max_codes", "ht", "efSearch", "efConstruction", "k_factor_rf",
    "quantizer_nprobe", "quantizer_efSearch", "quantizer_k_factor_rf",
)  # fmt: skip
"""Parameters that some index of FAISS takes (class ParameterSpace)."""

CELL_RECALL = 0.985
"""Share of the true neighbours of the sample that the compared cells have to hold."""

_WORTHWHILE_SHARE = 0.4
"""Comparing more of the cells saves little: this many cost 0.65 of an exact search, a tenth 0.23
(100,000 vectors of width 384)."""

RECALL_BEFORE_TIME = 400_000
MOST_CELLS = 64
"""Beyond so many vectors none is compared with more cells, so that time grows with the power 1.5 of
their number: where the true neighbours lie in more, some are missed, and recall tells."""

_TRAINING_PER_CELL = 64
_TRAINING_ROUNDS = 6


def check_neighbor_options(options: NeighborOptions, width: int) -> None:
    """Refuse a distance, an index or parameters that a search of this width would fail on.

    It is an InvalidParameterError. Costs nothing unless the index is one of FAISS's own: then it is
    made, empty.
    """
    mode, given = options.nnf_mode, options.nnf_param
    if mode != FLAT and not DISTANCES[options.distance].any_index:
        anywhere = " and ".join(name for name, known in DISTANCES.items() if known.any_index)
        flat = ", ".join(name for name, known in DISTANCES.items() if not known.any_index)
        raise InvalidParameterError(
            f"distance = {options.distance!r} does not go with nnf_mode = {mode!r}",
            f"Use nnf_mode = {FLAT!r}, which searches {flat} too; the others search {anywhere}",
        )
    parameters = parse_parameters(given)
    if mode not in (FLAT, CELLS_MODE):
        _empty_index(options, width)
    elif parameters:
        raise InvalidParameterError(
            f"nnf_param = {given!r}: nnf_mode = {mode!r} has no parameters",
            f"Leave nnf_param out, or use an index that has some: {_EXAMPLES}",
        )


def parse_parameters(text: str) -> dict[str, float]:
    """Search parameters, as :func:`numbers_in` reads numbers.

    InvalidParameterError if something else is written, or a value is not a positive number.
    """
    problem, remedy = f"nnf_param = {text!r} can't be used", "Write it as in nprobe=16,efSearch=64"
    with failing_as(InvalidParameterError, problem, remedy, ValueError):
        found = numbers_in(text)
        if odd := [name for name, value in found.items() if not 0 < value < 2**31]:
            raise ValueError(f"{odd[0]} is no positive number")
    return found


def _empty_index(options: NeighborOptions, width: int) -> Any:
    """An empty, untrained index of FAISS, of the kind and with the parameters the options name."""
    import faiss

    with _refused_by_faiss(options):
        index = faiss.index_factory(width, options.nnf_mode, faiss_metric(options.distance))
    parameters = parse_parameters(options.nnf_param)
    if options.nnf_mode.startswith("HNSW"):
        parameters = {"efSearch": _HNSW_WIDTH} | parameters
    for name, value in parameters.items():
        if not _takes(index, name, value):
            fitting = ", ".join(known for known in _TRIED if _takes(index, known, 1))
            raise InvalidParameterError(
                f"nnf_param = {options.nnf_param!r}: nnf_mode = {options.nnf_mode!r} has no "
                f"parameter {name!r}",
                f"It has {fitting}" if fitting else "It has none, leave nnf_param out",
            )
    return index


def _takes(index: Any, name: str, value: float) -> bool:
    import faiss

    try:
        faiss.ParameterSpace().set_index_parameter(index, name, value)
    except RuntimeError:
        return False
    return True


@contextmanager
def _refused_by_faiss(options: NeighborOptions) -> Iterator[None]:
    """Around what FAISS does as it is asked: what it raises, less the place in its source."""
    try:
        yield
    except RuntimeError as error:
        said = _PLACE.split(message_of(error))[-1].removeprefix("Error: ").strip(" .:")
        parameters = f" and nnf_param = {options.nnf_param!r}" if options.nnf_param else ""
        raise InvalidParameterError(
            f"nnf_mode = {options.nnf_mode!r} with distance = {options.distance!r}{parameters}: "
            f"FAISS says {said}",
            f"Use {_EXAMPLES}, or another FAISS factory string",
        ) from None


def search_index(space: Space, options: NeighborOptions, k: int) -> Neighbors:
    """The ``k`` nearest others of each vector by an index of FAISS.

    InvalidParameterError if FAISS can't train the index with these vectors.
    """
    index = _empty_index(options, space.data.shape[1])
    everybody = np.arange(len(space))
    with _refused_by_faiss(options):
        if not index.is_trained:
            index.train(space.data)
        index.add(space.data)
        width = min(k + 1 + SPARE, len(space))
        near = candidates(space, lambda part, k: index.search(part, k)[1], everybody, width)
    return nearest(space, everybody, near, k)


def search_cells(space: Space, k: int, sample: Rows, true: Neighbors) -> Neighbors:
    """The ``k`` nearest others of each vector, in the cells nearest to its own.

    A cell holds the vectors around one centre. How many cells have to be compared is read off the
    true neighbours of a sample of rows. Comparing whole cells is multiplying matrices,
    which makes it several times faster than any index that is asked for one vector after the other,
    and its result does not depend on threads as that of HNSW does.
    """
    import faiss

    cell, near = _cells_of(space)
    ranks = np.argmax(near[cell[sample]][:, None, :] == cell[true.rows][:, :, None], axis=2)
    compared = int(np.quantile(ranks, CELL_RECALL, method="higher")) + 1
    if len(space) > RECALL_BEFORE_TIME:
        compared = min(compared, MOST_CELLS)
    elif compared > _WORTHWHILE_SHARE * len(near):
        return search_exactly(space, np.arange(len(space)), k)
    sizes = np.bincount(cell, minlength=len(near))
    members = np.split(np.argsort(cell, kind="stable"), np.cumsum(sizes)[:-1])
    found = Neighbors(np.full((len(space), k), -1, np.int64), np.full((len(space), k), np.inf))
    metric, done = faiss_metric(space.distance), 0
    for own, rows in enumerate(members):
        others = np.concatenate([members[one] for one in np.union1d(near[own, :compared], own)])
        done += len(rows)
        if len(rows) and len(others) > k:
            _, places = faiss.knn(space.data[rows], space.data[others], k + 1, metric=metric)
            best = nearest(space, rows, others[places], k)
            found.rows[rows], found.distances[rows] = best.rows, best.distances
            report_progress(STAGE, done, len(space))
    return found


def _cells_of(space: Space) -> tuple[Rows, Rows]:
    """The cell of each row, (n,); and in row i all cells, nearest to cell i first, (cells, cells).

    There are about as many cells as each has vectors.
    """
    import faiss

    data = space.data
    count = max(1, round(len(data) ** 0.5))
    training = np.linspace(
        0, len(data) - 1, min(len(data), count * _TRAINING_PER_CELL), dtype=np.int64
    )
    means = k_means(space, data[training], count, _TRAINING_ROUNDS, _TRAINING_PER_CELL)
    centres = np.asarray(means.centroids, np.float32)
    closeness = centres @ centres.T
    if space.distance != "cosine":
        closeness -= np.square(centres).sum(axis=1) / 2
    cell = faiss.knn(data, centres, 1, metric=faiss_metric(space.distance))[1].ravel()
    return cell, np.argsort(-closeness, axis=1, kind="stable")
