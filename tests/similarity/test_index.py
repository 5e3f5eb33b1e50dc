"""The combination of distance, index and parameters is refused before anything is read."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.errors import InvalidParameterError
from imgvet.options import NeighborOptions
from imgvet.similarity.index import check_neighbor_options, parse_parameters

FLAT_ONLY = ["l1", "linf", "canberra", "braycurtis", "jensenshannon"]


@pytest.mark.parametrize("distance", ["cosine", "euclidean", *FLAT_ONLY])
def test_flat_goes_with_every_distance(distance) -> None:
    check_neighbor_options(NeighborOptions(distance=distance, nnf_mode="Flat"), 384)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("mode", ["IVF", "HNSW32", "IVF64,Flat", "OPQ32,IVF64,PQ32", "PCA64,SQ8"])
def test_every_index_goes_with_cosine_and_euclidean(distance, mode: str) -> None:
    check_neighbor_options(NeighborOptions(distance=distance, nnf_mode=mode), 384)


@pytest.mark.parametrize("distance", FLAT_ONLY)
@pytest.mark.parametrize("mode", ["IVF", "HNSW32"])
def test_other_distances_need_flat_and_the_error_lists_what_goes(distance, mode: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        check_neighbor_options(NeighborOptions(distance=distance, nnf_mode=mode), 384)
    for word in (repr(distance), repr(mode), "'Flat'", *FLAT_ONLY, "cosine and euclidean"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "parameters"),
    [
        ("HNSW32", "efSearch=64"),
        ("IVF64,Flat", "nprobe=16"),
        ("IVF64_HNSW32,Flat", "nprobe=16,efSearch=64"),
        ("IVF64,PQ16,RFlat", " nprobe = 4,  k_factor_rf=2.5 "),
        ("PQ16", "ht=20"),
    ],
)
def test_parameters_that_fit_the_index_are_taken(mode: str, parameters: str) -> None:
    check_neighbor_options(NeighborOptions(nnf_mode=mode, nnf_param=parameters), 384)


@pytest.mark.parametrize(
    ("mode", "parameters", "listed"),
    [
        ("HNSW32", "nprobe=4", "efSearch"),
        ("IVF64,Flat", "efSearch=4", "nprobe"),
        ("IVF64,PQ16,RFlat", "nprobe=2 kfactor=4", "k_factor_rf"),
        ("SQ8", "nprobe=4", "It has none"),
        ("IVF", "nprobe=4", "nnf_mode = 'IVF' has no parameters"),
        ("Flat", "nprobe=4", "nnf_mode = 'Flat' has no parameters"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_with_those_that_do(
    mode: str, parameters: str, listed: str
) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        check_neighbor_options(NeighborOptions(nnf_mode=mode, nnf_param=parameters), 384)
    assert listed in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["HSNW32", "", "PQ7", "IVFx,Flat", "IMI2x8,Flat", "LSH"])
def test_an_index_that_faiss_can_not_make_is_one_line(mode: str) -> None:
    with pytest.raises(InvalidParameterError, match=r"FAISS says \w*.*[a-z]") as caught:
        check_neighbor_options(NeighborOptions(nnf_mode=mode), 384)
    assert "\n" not in str(caught.value)
    assert "/faiss/" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["nprobe", "nprobe=", "=4", "nprobe=x", "nprobe=0", "nprobe=-1", "nprobe=nan",
             "nprobe=inf", "nprobe=4,nprobe=5", "nprobe==4"],
)  # fmt: skip
def test_what_is_not_a_positive_number_for_a_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="nprobe=16,efSearch=64"):
        parse_parameters(text)


names = st.text("abcdefgh_", min_size=1, max_size=8)


@given(st.dictionaries(names, st.integers(1, 10**6)), st.sampled_from([",", " ", ", ", " , "]))
def test_parameters_are_read_as_they_are_written(given: dict[str, int], between: str) -> None:
    assert parse_parameters(between.join(f"{n}={v}" for n, v in given.items())) == given


def test_the_usual_combinations_are_checked_without_loading_faiss() -> None:
    code = (
        "import sys; from imgvet.options import NeighborOptions as O;"
        "from imgvet.similarity.index import check_neighbor_options as check;"
        "check(O(), 384); check(O(nnf_mode='Flat', distance='l1'), 384);"
        "assert 'faiss' not in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
