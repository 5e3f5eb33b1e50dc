"""Nothing that is read can run code: no pickle, no YAML with tags, no evaluation, anywhere."""

from __future__ import annotations

import ast
import importlib
import os
from pathlib import Path

import numpy as np
import pytest
from prefect import Flow, Task

from imgvet.cli.main import main
from imgvet.errors import ImgvetError
from imgvet.store.references import read_vectors
from support.sources import ROOT, calls, modules

UNSAFE_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "torch"}
UNSAFE_CALLS = {"eval", "exec", "read_pickle", "to_pickle", "unsafe_load",
                "full_load", "set_default_serializer"}  # fmt: skip


def test_no_module_is_imported_that_unpickles() -> None:
    found = set()
    for path, tree in modules():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            found |= {(path, name) for name in names if name.split(".")[0] in UNSAFE_MODULES}
    assert found == set()


def test_no_call_evaluates_or_unpickles() -> None:
    found = [(path, name, ast.unparse(call)) for path, name, call in calls()]
    assert [one for one in found if one[1] in UNSAFE_CALLS] == []
    assert [one for one in found if "yaml.load" in one[2]] == []
    arrays = [one for one in found if one[2].startswith(("np.load(", "numpy.load("))]
    assert len(arrays) >= 4
    assert [one for one in arrays if "allow_pickle=False" not in one[2]] == []


def stages() -> dict[str, Task[..., object] | Flow[..., object]]:
    """Every task and flow of the package, by its name."""
    found = {}
    for room in ("tasks", "flows"):
        for path in sorted((ROOT / room).glob("[a-z]*.py")):
            module = importlib.import_module(f"imgvet.{room}.{path.stem}")
            found |= {k: v for k, v in vars(module).items() if isinstance(v, (Task, Flow))}
    return found


def test_prefect_keeps_results_as_json_or_not_at_all() -> None:
    """Its default is pickle, for whatever is persisted."""
    found = stages()
    assert {"find_neighbors", "publish", "analyze_dataset", "curate_dataset"} <= found.keys()
    kept = {name for name, stage in found.items() if stage.result_serializer != "json"}
    assert {name: found[name].persist_result for name in kept} == dict.fromkeys(kept, False)
    assert kept < found.keys()


class Planted:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


def test_an_array_that_is_a_pickle_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    vectors, planted = tmp_path / "v.npy", tmp_path / "planted"
    np.save(vectors, np.array([Planted(planted)], object), allow_pickle=True)
    (tmp_path / "v.csv").write_text("filename\na.jpg\n")
    with pytest.raises(ImgvetError, match="can't be read"):
        read_vectors(vectors)
    arguments = ["run", str(tmp_path / "photos"), "--work-dir", str(tmp_path / "out")]
    assert main([*arguments, "--embeddings", str(vectors)]) == 2
    assert "v.npy" in capsys.readouterr().err
    assert not planted.exists()
    np.load(vectors, allow_pickle=True)  # the plant works where it is let
    assert planted.exists()
