"""Models of strangers: what they may not read, run or ask for, and each is one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from imgvet.errors import ModelError
from imgvet.models.file import sha256_of, sha256_of_model
from imgvet.models.resolve import resolve_model
from imgvet.models.session import open_session
from imgvet.options import ModelOptions

MEAN = helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=1)
FLAT = helper.make_node("Flatten", ["mean"], ["flat"])


def save(
    path: Path,
    *nodes: onnx.NodeProto,
    constants: tuple[TensorProto, ...] = (),
    side: int = 8,
    width: int | str = "width",
) -> Path:
    """A model of these nodes, from x to y, unchecked."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", width])],
        list(constants),
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("evil", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def reading(path: Path, location: str) -> Path:
    """A model whose matrix (1, 4) lies in another file."""
    matrix = TensorProto(name="matrix", data_type=TensorProto.FLOAT, dims=[1, 4])
    matrix.data_location = TensorProto.EXTERNAL
    entry = matrix.external_data.add()
    entry.key, entry.value = "location", location
    product = helper.make_node("MatMul", ["flat", "matrix"], ["y"])
    return save(path, MEAN, FLAT, product, constants=(matrix,))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with data beside a model, a link out of it, and a secret outside."""
    folder = tmp_path / "models"
    folder.mkdir()
    for file in (tmp_path / "secret", folder / "data"):
        file.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    (folder / "link").symlink_to(tmp_path / "secret")
    return folder


@pytest.mark.parametrize("location", ["../secret", "{}/../secret", "link", "x/../../secret"])
@pytest.mark.parametrize("inner", [None, "flat"])
def test_no_file_outside_its_folder_is_read(folder: Path, location: str, inner: str | None) -> None:
    path = reading(folder / "own.onnx", location.format(folder))
    with pytest.raises(ModelError, match="xternal data") as caught:
        open_session(path, inner=inner)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inner", [None, "flat"])
def test_data_beside_a_model_are_read_from_wherever_it_runs(
    folder: Path, inner: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    session = open_session(reading(folder / "own.onnx", "data"), inner=inner)
    (values,) = session.run(["y"], {"x": np.ones((1, 3, 8, 8), np.float32)})
    assert values.tolist() == [[0, 1, 2, 3]]


def spread(path: Path, count: int) -> Path:
    """A model that returns so many values a picture, and does not say so."""
    shape = numpy_helper.from_array(np.array([1, count], np.int64), "shape")
    return save(
        path, MEAN, FLAT, helper.make_node("Expand", ["flat", "shape"], ["y"]), constants=(shape,)
    )


WRONG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "an operator of its own": (
        lambda path: save(path, helper.make_node("Shell", ["x"], ["y"], domain="evil")),
        "evil:Shell.* is not a registered function",
    ),
    "100 billion values": (lambda path: spread(path, 10**11), "The memory is too small"),
    "many values": (lambda path: spread(path, 17_000_000), "returns 17,000,000 values for a"),
    "a side of 200,000": (
        lambda path: save(
            path, MEAN, helper.make_node("Flatten", ["mean"], ["y"]), side=200_000
        ),
        "input_size: Input should be less",
    ),
    "a circle": (
        lambda path: save(path, helper.make_node("Identity", ["y"], ["y"])), "can't be loaded",
    ),
    "no protobuf": (lambda path: path.write_bytes(b"\x08" * 99) and path, "can't be loaded"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_a_model_may_not_ask_for(
    case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, said = WRONG[case]
    path = make(tmp_path / "own.onnx")
    with pytest.raises(ModelError, match=said) as caught:
        resolve_model(ModelOptions(model_path=str(path)))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_the_digest_of_a_model_is_of_the_data_beside_it_too(folder: Path) -> None:
    alone = save(folder / "alone.onnx", MEAN)
    assert sha256_of_model(alone) == sha256_of(alone)
    path = reading(folder / "own.onnx", "data")
    first = sha256_of_model(path)
    assert first == sha256_of_model(path) != sha256_of(path)
    (folder / "data").write_bytes(np.ones(4, np.float32).tobytes())
    assert sha256_of_model(path) != first
    long = reading(folder / "long.onnx", "w" * 200)  # a length of two bytes
    before = sha256_of_model(long)
    (folder / ("w" * 200)).write_bytes(b"weights")
    assert sha256_of_model(long) != before
