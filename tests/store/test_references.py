"""References to stage outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from imgvet.errors import StaleReferenceError
from imgvet.store.references import (
    Reference,
    digest_bytes,
    forget_unused,
    is_intact,
    references_in,
    resolve,
    store_array,
    store_file,
)
from imgvet.tables import OUTLIERS
from imgvet.tasks.context import RunContext
from imgvet.workdir import WorkDir


def store_text(work: WorkDir, text: str) -> Reference:
    return store_file(work, "t", ".txt", lambda path: path.write_text(text))


@pytest.fixture
def work(tmp_path: Path) -> WorkDir:
    return WorkDir(tmp_path)


def test_the_digest_is_blake2b_128() -> None:
    # BLAKE2b with 16 bytes of "abc"; b2sum -l 128 prints the same.
    assert digest_bytes(b"abc") == "cf4ab791c62b8d2b2109c90275287816"


def test_tables_and_arrays_come_back(work: WorkDir) -> None:
    row = {"id": 3, "nearest": 4, "similarity": 0.5, "score": 1.0, "by": "share"}
    frame = pd.DataFrame([row]).astype({"by": "str"})
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    context = RunContext(work_dir=work.path, threads=1)
    assert context.table(context.save(OUTLIERS, frame)).equals(frame)
    assert np.array_equal(context.array(store_array(work, "a", array)), array)


def test_the_same_content_is_the_same_reference(work: WorkDir) -> None:
    assert store_text(work, "a") == store_text(work, "a")
    assert store_text(work, "a") != store_text(work, "b")
    assert len(list(work.stages.iterdir())) == 2


def test_a_changed_or_missing_file_is_not_intact(work: WorkDir) -> None:
    reference = store_text(work, "abc")
    path = work.path / reference.name
    assert is_intact(work, reference)
    path.write_text("abd")
    assert not is_intact(work, reference)
    path.unlink()
    assert not is_intact(work, reference)
    with pytest.raises(StaleReferenceError):
        resolve(work, reference)


def test_two_drafts_of_one_stem_do_not_meet(work: WorkDir) -> None:
    inner: list[Reference] = []

    def fill_inner(folder: Path) -> None:
        folder.mkdir()
        (folder / "a.txt").write_text("inner")

    def fill(folder: Path) -> None:
        folder.mkdir()
        (folder / "a.txt").write_text("outer")
        inner.append(store_file(work, "f", "", fill_inner))

    def write(path: Path) -> None:
        path.write_text("outer")
        inner.append(store_file(work, "t", ".txt", lambda own: own.write_text("inner")))

    outer = [store_file(work, "f", "", fill), store_file(work, "t", ".txt", write)]
    assert all(is_intact(work, reference) for reference in (*outer, *inner))
    assert resolve(work, outer[1]).read_text() == "outer"
    assert resolve(work, inner[1]).read_text() == "inner"
    assert len(list(work.stages.iterdir())) == 4


def test_a_folder_is_intact_until_a_file_in_it_changes(work: WorkDir) -> None:
    def fill(folder: Path) -> None:
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "a.txt").write_text("a")
        (folder / "b.txt").write_text("b")

    reference = store_file(work, "report", "", fill)
    assert is_intact(work, reference)
    assert reference == store_file(work, "report", "", fill)
    (work.path / reference.name / "sub" / "a.txt").write_text("c")
    assert not is_intact(work, reference)


def test_unused_outputs_are_forgotten(work: WorkDir) -> None:
    kept, dropped = store_text(work, "a"), store_text(work, "b")
    folder = store_file(work, "f", "", lambda path: path.mkdir())
    work.results.mkdir(parents=True)
    for reference in (kept, dropped, folder):
        record = json.dumps({"result": json.dumps({"name": reference.name})})
        (work.results / reference.digest).write_text(record)
    forget_unused(work, {kept.name})
    assert [path.name for path in work.results.iterdir()] == [kept.digest]
    assert is_intact(work, kept)
    assert not is_intact(work, dropped)
    assert not is_intact(work, folder)


def test_references_are_found_wherever_they_are() -> None:
    class Inner(BaseModel):
        one: Reference
        others: tuple[Reference, ...]
        number: int

    made = [Reference(name=name, digest="d", size=1) for name in "abc"]
    inner = Inner(one=made[0], others=(made[1],), number=1)
    assert list(references_in([inner, made[2], "text", None])) == made
