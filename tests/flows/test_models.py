"""Runs with other models, with user embeddings and with other distances end in the same tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from imgvet.embedding.compute import embed_pictures
from imgvet.engine.values import as_files
from imgvet.errors import InvalidParameterError
from imgvet.images.decode import decode
from imgvet.images.picture import Picture
from imgvet.models.resolve import resolve_model
from imgvet.options import ModelOptions
from imgvet.sections import Section
from imgvet.summary import summary_lines
from imgvet.tables import RESULT_TABLES, read_table
from imgvet.workdir import WorkDir
from support.onnx_models import Signature, write_model
from support.pictures import age, jpeg, png, scene

from .conftest import Runner

LARGE = Signature(shape=("batch", 3, 336, 336))


def tables_are_there(runner: Runner) -> bool:
    work = WorkDir(runner.dataset.work_dir)
    return all(
        read_table(work.table(table.name)).columns.tolist() == table.column_names
        for table in RESULT_TABLES
    )


def test_a_model_from_a_file_takes_the_place_of_the_built_in_one(
    finished: Runner, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "models" / "small.onnx", Signature())
    summary = finished.run(model_path=str(path), d=16)
    assert summary.model == "small"
    assert summary.counts.exact_duplicate_groups == 1
    _, vectors = finished.dataset.embeddings()
    assert vectors.shape == (14, 16)
    assert tables_are_there(finished)
    assert finished.computed()["embed"] == 13
    finished.run()
    assert finished.dataset.embeddings()[1].shape == (14, 384)
    finished.run(model_path=str(path))
    assert set(finished.computed().values()) == {0}


def test_a_model_that_wants_more_pixels_reads_the_originals(
    finished: Runner, tmp_path: Path
) -> None:
    large = finished.photos / "large.jpg"
    large.write_bytes(jpeg(scene(5, 1200, 900)))
    age(large)
    path = write_model(tmp_path / "models" / "large.onnx", LARGE)
    finished.run(model_path=str(path))
    names, vectors = finished.dataset.embeddings()
    picture = decode(large.read_bytes())
    assert isinstance(picture, Picture)
    model = resolve_model(ModelOptions(model_path=str(path)))
    expected = embed_pictures([picture.pixels], model)[0]
    found = vectors[[Path(name).name for name in names].index("large.jpg")]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_picture_that_the_model_says_nothing_about_is_an_outlier_without_neighbour(
    finished: Runner, tmp_path: Path
) -> None:
    black = finished.photos / "black.png"
    black.write_bytes(png(np.zeros((300, 400, 3), np.uint8)))
    age(black)
    path = write_model(tmp_path / "models" / "levels.onnx", Signature(type=TensorProto.UINT8))
    summary = finished.run(model_path=str(path), outlier_percentile=0.2)
    names, vectors = finished.dataset.embeddings()
    assert not vectors[names.index(str(black))].any()
    outliers = finished.dataset.outliers()
    assert summary.counts.valid == 15
    assert outliers["by"].isin(["share", "both"]).sum() == 3
    assert (outliers["by"] != "share").sum() == summary.counts.robust_outliers
    first = outliers.iloc[0]
    assert (first["filename"], first["similarity"]) == (str(black), 0.0)
    assert pd.isna(first["nearest"])
    assert pd.isna(first["filename_nearest"])
    assert outliers["nearest"].iloc[1:].notna().all()
    pairs = finished.dataset.similarity()
    assert pairs[["similarity", "relation"]].notna().all(axis=None)
    assert str(black) not in {*pairs["filename_from"], *pairs["filename_to"]}
    members, info = finished.dataset.connected_components()
    assert str(black) not in set(members["filename"])
    assert info["representative"].notna().all()
    page = (WorkDir(finished.dataset.work_dir).report / "outliers.html").read_text()
    assert page.count("no neighbour: it is like no other image") == 1


def test_a_wrong_width_is_refused_before_anything_is_read(runner: Runner) -> None:
    with pytest.raises(InvalidParameterError, match="384"):
        runner.run(d=512)
    assert not runner.dataset.work_dir.exists()


def test_user_embeddings_take_the_place_of_a_model(finished: Runner, tmp_path: Path) -> None:
    names = sorted(str(path) for path in finished.photos.iterdir() if path.name != "text.jpg")
    vectors = np.eye(len(names), dtype=np.float32)
    vectors[3] = vectors[7]
    given = as_files({"embeddings": (names, vectors)}, tmp_path)
    summary = finished.run(embeddings=given["embeddings"])
    assert summary.model == "user embeddings"
    pairs = finished.dataset.similarity()
    near = pairs[pairs["filename_from"].map(Path) != finished.photos / "copy of 0.jpg"]
    assert {near["filename_from"].item(), near["filename_to"].item()} == {names[3], names[7]}
    assert "collect_user_embeddings" in finished.stages_run()
    assert "embed" not in finished.computed()
    found_names, found = finished.dataset.embeddings()
    np.testing.assert_array_equal(found[found_names.index(names[5])], vectors[5])


def test_vectors_come_in_any_form_that_python_has(tmp_path: Path) -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    names = [str(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    pair = as_files({"embeddings": (names, vectors)}, tmp_path)
    by_name = as_files({"embeddings": dict(zip(names, vectors, strict=True))}, tmp_path)
    frame = pd.DataFrame(vectors, index=names)
    for table in (frame, frame.reset_index(names="filename")):
        assert as_files({"embeddings": table}, tmp_path) == pair
    assert by_name == pair
    for name in names:
        Path(name).touch()
    listed = as_files({"embeddings": list(vectors), "input_dir": names}, tmp_path)
    assert listed["embeddings"] == pair["embeddings"]
    with pytest.raises(InvalidParameterError, match="an array has rows of different lengths"):
        as_files({"embeddings": (names, [[1.0], [1.0, 2.0]])}, tmp_path)


def test_an_array_needs_names(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="which image"):
        as_files({"embeddings": np.eye(3), "input_dir": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize(
    "distance",
    [
        "canberra",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("euclidean", "l1", "linf", "braycurtis")
        ),
    ],
)
def test_every_distance_finds_the_planted_copies(finished: Runner, distance: str) -> None:
    summary = finished.run(nnf_mode="Flat", distance=distance)
    assert summary.counts.exact_duplicate_groups == 1
    best = finished.dataset.similarity().iloc[0]
    assert best["similarity"] == 1.0
    assert tables_are_there(finished)


def levels_model(path: Path, bias: float) -> str:
    """A model of 4 x 4 mean colours; a bias brings all embeddings nearer to each other."""
    offset = numpy_helper.from_array(np.full(48, bias, np.float32), "offset")
    nodes = [
        helper.make_node("AveragePool", ["x"], ["small"], kernel_shape=[56, 56], strides=[56, 56]),
        helper.make_node("Flatten", ["small"], ["flat"]),
        helper.make_node("Add", ["flat", "offset"], ["embeds"]),
    ]
    ends = [("x", ["n", 3, 224, 224]), ("embeds", ["n", 48])]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends]
    graph = helper.make_graph(nodes, "levels", info[:1], info[1:], [offset])
    opset = [helper.make_opsetid("", 13)]
    path.write_bytes(
        helper.make_model(graph, ir_version=8, opset_imports=opset).SerializeToString()
    )
    return str(path)


def test_models_without_a_scale_get_one_from_the_images(runner: Runner, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    for path in runner.photos.iterdir():
        path.unlink()
    for number in range(60):
        blocks = random.integers(0, 256, (4, 4, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        (runner.photos / f"{number}.png").write_bytes(png(blocks))
        if number < 4:
            (runner.photos / f"{number} again.jpg").write_bytes(jpeg(blocks, 70))
    scales = []
    for bias in (0.0, 3.0):
        summary = runner.run(model_path=levels_model(tmp_path / f"bias{bias:g}.onnx", bias))
        pairs = runner.dataset.similarity()
        listed = pairs[pairs["similarity"] >= 0.9]
        ends = zip(listed["filename_from"], listed["filename_to"], strict=True)
        found = {frozenset(Path(name).stem.split()[0] for name in pair) for pair in ends}
        assert found == {frozenset({str(number)}) for number in range(4)}
        assert summary.estimated_scale is not None
        scales.append(summary.estimated_scale)
        model = runner.dataset.record().model
        assert model["similarity_scale"] == summary.estimated_scale
        assert model["scale_from"] == "the distinct images of this run"
        said = f"scale {summary.estimated_scale}, estimated on these images"
        assert said in "\n".join(summary_lines(summary, ""))
        page = WorkDir(runner.dataset.work_dir).report / Section.RUN.page
        assert "the distinct images of this run" in page.read_text()
        (best, *_) = runner.dataset.search(runner.photos / "0.png", k=2).itertuples()
        assert best.similarity == pytest.approx(1, abs=1e-3)
    assert scales[1] > 3 * scales[0]
