"""What a store tells of itself, what it finds damaged, and what goes."""

from __future__ import annotations

import datetime as dt
import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from filelock import FileLock

from imgvet.cli.main import main
from imgvet.measures.compute_stats import measure_files
from imgvet.options import VideoOptions
from imgvet.store.compact import mark_used, today
from imgvet.store.files import FileToRead
from imgvet.store.references import store_array, store_file
from imgvet.store.store import Store, embeddings_schema
from imgvet.store.upkeep import OUTDATED, collect_garbage, damaged, holdings
from imgvet.tables import ITEMS, empty
from imgvet.workdir import UNUSED_DAYS, WorkDir, write_text
from support.pictures import age, jpeg, scene

PICTURES, WIDTH = 4, 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with four pictures in two packs, their embeddings, and two outputs of stages."""
    store = Store(WorkDir(tmp_path / "out"))
    files = []
    for number in range(PICTURES):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(jpeg(scene(number, 60, 70)))
        age(path)
        status = path.stat()
        files.append(FileToRead(number, str(path), status.st_size, status.st_mtime_ns))
    for half in (files[:2], files[2:]):
        measure_files(half, store, VideoOptions(), 1)
    digests = sorted(store.measures.digests())
    vectors = np.random.default_rng(0).random(PICTURES * WIDTH, np.float32)
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors), WIDTH)
    rows = pa.Table.from_arrays([pa.array(digests), values], schema=embeddings_schema(WIDTH))
    store.embeddings("model").write(rows)
    store_array(store.work, "embeddings", vectors.reshape(PICTURES, WIDTH))
    store_file(store.work, "report", "", lambda folder: write_text(folder / "page.html", "page"))
    return store


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_store_tells_what_it_holds(store: Store) -> None:
    (store.work.store / "measures-1").mkdir()
    (store.work.store / "measures-1" / "old.bin").write_bytes(bytes(5000))
    found = {one.name: one for one in holdings(store)}
    measures = found[store.measures.folder.name]
    assert (measures.items, measures.files) == (PICTURES, 4)
    assert measures.size == sum(path.stat().st_size for path in store.measures.folder.iterdir())
    assert found["stages"][2:4] == (None, 2)
    assert found["places"].files == 2
    assert (found["measures-1"].size, found["measures-1"].items) == (5000, None)
    assert [name for name, one in found.items() if OUTDATED in one.holds] == ["measures-1"]


def test_every_damage_is_found_and_only_that(store: Store) -> None:
    assert damaged(store) == []
    first, second = store.measures.names()
    (embedded,) = store.embeddings("model").names()
    vectors = store.embeddings("model").table_path(embedded)
    (array,) = store.work.stages.glob("embeddings-*.npy")
    (page,) = store.work.stages.glob("report-*/page.html")
    flip(vectors, vectors.read_bytes().index(np.load(array).tobytes()[:40]))
    store.measures.table_path(first).write_bytes(b"PAR1")
    thumbnails = store.measures.thumbnails_path(second)
    thumbnails.write_bytes(thumbnails.read_bytes()[:-1])
    flip(array, -1)
    flip(page, 0)
    wrong = [vectors, store.measures.table_path(first), thumbnails, array, page.parent]
    assert sorted(damaged(store)) == sorted(wrong)
    assert all(path.exists() for path in wrong)

    collect_garbage(store, UNUSED_DAYS)
    assert not any(path.exists() for path in wrong)
    assert damaged(store) == []
    assert store.measures.digests() == store.embeddings("model").digests() == set()


def test_what_can_not_be_read_now_is_not_taken_for_damage(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as full:
        full.setattr("imgvet.tables.pq.read_table", refuse)
        with pytest.raises(OSError, match="Too many open files"):
            collect_garbage(store, UNUSED_DAYS)
    assert damaged(store) == []
    assert len(store.measures.digests()) == PICTURES


def test_what_the_last_results_show_is_kept_however_old(store: Store) -> None:
    digests = sorted(store.measures.digests())
    mark_used(store.work, digests, today() - dt.timedelta(days=UNUSED_DAYS + 1))
    items = empty(ITEMS).reindex(range(1)).assign(id=0, digest=digests[0])
    store.work.tables.mkdir(parents=True)
    items.to_parquet(store.work.table(ITEMS.name))
    write_text(store.work.run_json, "{}")
    collect_garbage(store, UNUSED_DAYS)
    assert store.measures.digests() == store.embeddings("model").digests() == {digests[0]}


def test_the_command_tells_checks_and_shrinks(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(store.work.path)
    assert main(["store", "info", out]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["FOLDER", "ITEMS", "FILES", "SIZE", "HOLDS"]
    assert any(line.split()[:3] == [store.measures.folder.name, "4", "4"] for line in lines)
    assert main(["store", "verify", out]) == 0
    flip(store.measures.thumbnails_path(store.measures.names()[0]), 0)
    assert main(["store", "verify", out]) == 3
    assert "1 file of the store can't be used" in capsys.readouterr().out
    assert main(["store", "gc", out]) == 0
    assert "kB removed" in capsys.readouterr().out
    assert main(["store", "verify", out]) == 0
    assert main(["store", "gc", out, "--unused-days", "-1"]) == 2
    assert main(["store", "info", str(store.work.path.parent)]) == 2


def test_what_only_reads_needs_no_work_dir_that_can_be_written(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(store.work.path)
    with FileLock(store.work.store / "lock"):
        assert main(["store", "info", out]) == 0
        assert "all" in capsys.readouterr().out
        assert main(["store", "verify", out]) == 2
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert main(["store", "verify", out]) == 0
