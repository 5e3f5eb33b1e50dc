"""FAISS indexes: the ``nnf_mode`` and ``nnf_param`` of a run, checked and built."""

from __future__ import annotations

import re
from typing import Any

from imgvet.errors import InvalidParameterError
from imgvet.options import NeighborOptions
from imgvet.similarity.distances import DISTANCES, FLAT, check_distance

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


def check_neighbor_options(options: NeighborOptions, width: int) -> None:
    """Refuse a distance, an index or parameters that a search would fail on.

    Costs nothing unless the index is one of FAISS's own: then it is made, empty.

    Args:
        options: the parameters.
        width: values of one embedding.

    Raises:
        InvalidParameterError: they do not go together, or FAISS does not know them; the message
            lists what does.
    """
    check_distance(options)
    parameters = parse_parameters(options.nnf_param)
    if options.nnf_mode in (FLAT, CELLS_MODE):
        _refuse_parameters(options, parameters)
    else:
        empty_index(options, width)


def parse_parameters(text: str) -> dict[str, float]:
    """Search parameters written as ``name=value``, with commas or spaces between them.

    Raises:
        InvalidParameterError: something else is written, or a value is not a positive number.
    """
    found: dict[str, float] = {}
    for part in text.replace(" =", "=").replace("= ", "=").replace(",", " ").split():
        name, sign, value = part.partition("=")
        if not (name and sign and _is_positive(value)) or name in found:
            raise InvalidParameterError(
                f"nnf_param = {text!r}: {part!r} is not one positive number for one name",
                "Write it as in nprobe=16,efSearch=64",
            )
        found[name] = float(value)
    return found


def _is_positive(value: str) -> bool:
    try:
        return 0 < float(value) < 2**31
    except ValueError:
        return False


def _refuse_parameters(options: NeighborOptions, parameters: dict[str, float]) -> None:
    if parameters:
        raise InvalidParameterError(
            f"nnf_param = {options.nnf_param!r}: nnf_mode = {options.nnf_mode!r} has no parameters",
            f"Leave nnf_param out, or use an index that has some: {_EXAMPLES}",
        )


def empty_index(options: NeighborOptions, width: int) -> Any:
    """An empty, untrained index of FAISS, of the kind and with the parameters the options name.

    Raises:
        InvalidParameterError: FAISS does not know the index or its parameters.
    """
    import faiss

    metric = DISTANCES[options.distance].faiss_metric
    try:
        index = faiss.index_factory(width, options.nnf_mode, getattr(faiss, str(metric)))
    except RuntimeError as error:
        raise _refused(options, error) from None
    parameters = parse_parameters(options.nnf_param)
    if options.nnf_mode.startswith("HNSW"):
        parameters = {"efSearch": _HNSW_WIDTH} | parameters
    for name, value in parameters.items():
        if not _takes(index, name, value):
            raise _unfit(options, name, [known for known in _TRIED if _takes(index, known, 1)])
    return index


def _takes(index: Any, name: str, value: float) -> bool:
    import faiss

    try:
        faiss.ParameterSpace().set_index_parameter(index, name, value)
    except RuntimeError:
        return False
    return True


def _unfit(options: NeighborOptions, name: str, fitting: list[str]) -> InvalidParameterError:
    return InvalidParameterError(
        f"nnf_param = {options.nnf_param!r}: nnf_mode = {options.nnf_mode!r} has no parameter "
        f"{name!r}",
        f"It has {', '.join(fitting)}" if fitting else "It has none, leave nnf_param out",
    )


def last_words(error: Exception) -> str:
    """What FAISS says after the place in its source where it says it, on one line."""
    said = _PLACE.split(" ".join(str(error).split()))[-1]
    return said.removeprefix("Error: ").strip(" .:")


def _refused(options: NeighborOptions, error: Exception) -> InvalidParameterError:
    return InvalidParameterError(
        f"nnf_mode = {options.nnf_mode!r} with distance = {options.distance!r}: "
        f"FAISS says {last_words(error)}",
        f"Use {_EXAMPLES}, or another FAISS factory string",
    )
