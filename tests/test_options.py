"""One definition of the parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgvet.errors import InvalidParameterError
from imgvet.options import PATHS, NeighborOptions, RunOptions, SourceOptions, make_options


def test_defaults_are_those_that_users_know() -> None:
    options = make_options({"input_dir": "photos"})
    assert (options.threshold, options.cc_threshold, options.outlier_percentile) == (
        0.9,
        0.96,
        0.05,
    )
    assert (options.nearest_neighbors_k, options.nnf_mode) == (2, "IVF")
    assert (options.min_input_image_width, options.min_input_image_height) == (10, 10)
    assert options.run_stats
    assert options.run_cc
    assert not options.run_advanced_stats
    assert options.overwrite


def test_one_path_and_several_become_strings() -> None:
    assert make_options({"input_dir": Path("a")}).input_dir == ("a",)
    for several in (["a", Path("b")], iter(["a", Path("b")]), np.array(["a", Path("b")])):
        assert make_options({"input_dir": several}).input_dir == ("a", "b")
    assert make_options({"input_dir": "a", "model_path": Path("b.onnx")}).model_path == "b.onnx"


def test_every_parameter_says_what_it_is_for() -> None:
    undocumented = [
        name for name, field in RunOptions.model_fields.items() if not field.description
    ]
    assert undocumented == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", 1.5),
        ("outlier_percentile", -0.1),
        ("nearest_neighbors_k", 0),
        ("num_threads", 0),
        ("num_images", 0),
        ("min_offset", -1),
        ("fail_on", "sometimes"),
        ("threshold", "high"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_parameter(name: str, value: object) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        make_options({"input_dir": "a", name: value})
    assert str(caught.value).startswith(f"{name} = {value!r}: ")
    assert "\n" not in str(caught.value)


def test_offsets_must_be_in_order() -> None:
    with pytest.raises(InvalidParameterError, match="min_offset must be less than max_offset"):
        make_options({"input_dir": "a", "min_offset": 5, "max_offset": 5})


def test_a_part_holds_its_own_parameters_only() -> None:
    options = make_options({"input_dir": "a", "nearest_neighbors_k": 5, "num_images": 7})
    assert options.part(NeighborOptions) == NeighborOptions(nearest_neighbors_k=5)
    assert options.part(SourceOptions).num_images == 7


def test_options_survive_json() -> None:
    options = make_options(
        {"input_dir": ["a", "b"], "subset": ["a/1.jpg"], "checks": {"min_images": 3}}
    )
    assert RunOptions.model_validate_json(options.model_dump_json()) == options


def test_a_value_of_the_wrong_kind_is_told_in_short() -> None:
    with pytest.raises(InvalidParameterError, match=r"embeddings = \{1, 2") as refused:
        make_options({"input_dir": "photos", "embeddings": set(range(1, 10_000))})
    assert len(str(refused.value)) < 400


def test_files_are_named_as_from_any_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    files = {"annotations": ["a.csv", "~/b.csv", "/c.csv"], "embeddings": "v.npy",
             "metrics_file": "m.prom"}  # fmt: skip
    given = make_options({"input_dir": ["photos", "s3://b/x", "block:secret/x"], **files})
    there = given.from_anywhere(*PATHS)
    assert there.input_dir == (f"{tmp_path}/photos", "s3://b/x", "block:secret/x")
    assert there.annotations == (f"{tmp_path}/a.csv", "/home/me/b.csv", "/c.csv")
    assert (there.embeddings, there.metrics_file) == (f"{tmp_path}/v.npy", tmp_path / "m.prom")
    assert (there.test_dir, there.probabilities) == ((), None)
