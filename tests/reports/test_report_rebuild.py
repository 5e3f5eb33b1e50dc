"""A report is built again from the work dir alone, and replaces the old one as a whole."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from imgvet.images.orientation_hash import HASH
from imgvet.monitor.history import write_history
from imgvet.quality.result import write_results
from imgvet.reports.build import report_of
from imgvet.reports.inputs import ReportInputs, inputs_of
from imgvet.store.store import MEASURES_SCHEMA, Store
from imgvet.tables import BY_NAME, conform, write_table
from imgvet.workdir import WorkDir


@pytest.fixture
def work(full_inputs: ReportInputs, tmp_path: Path) -> WorkDir:
    """A work dir with the results of the made-up run and thumbnails of three contents."""
    made = WorkDir(tmp_path / "work")
    made.tables.mkdir(parents=True)
    for name, frame in full_inputs.tables.items():
        write_table(conform(frame, BY_NAME[name]), made.table(name))
    made.summary_json.write_text(full_inputs.summary.model_dump_json())
    made.run_json.write_text(full_inputs.record.model_dump_json())
    write_results(full_inputs.checks, made.checks_json)
    write_history(made, full_inputs.runs)
    np.save(made.embeddings, full_inputs.embeddings)
    digests = [f"{number:032x}" for number in (0, 10, 20)]
    blobs = [full_inputs.thumbnail(digest) or b"" for digest in digests]
    sizes = [len(blob) for blob in blobs]
    rows = pd.DataFrame({
        "digest": digests, "status": "ok", "thumbnail_size": sizes,
        "thumbnail_offset": np.cumsum([0, *sizes[:-1]]),
    })  # fmt: skip
    known = rows.reindex(columns=MEASURES_SCHEMA.names).astype({HASH: object})
    table = pa.Table.from_pandas(known, schema=MEASURES_SCHEMA, preserve_index=False)
    Store(made).measures.write(table, blobs)
    return made


def test_report_is_built_from_the_work_dir(work: WorkDir, full_inputs: ReportInputs) -> None:
    work.report.mkdir()
    (work.report / "old.html").write_text("old")
    index = report_of(work)
    assert index == work.report_index
    assert index.is_file()
    assert not (work.report / "old.html").exists()
    assert (work.report / "history.html").is_file()
    assert (work.report / "map.html").is_file()
    pictures = {path.stem for path in (work.report / "images").glob("0*.jpg")}
    assert pictures == {f"{number:032x}" for number in (0, 10, 20)}
    pages = [page.read_text() for page in work.report.glob("*.html")]
    linked = {link for page in pages for link in re.findall(r'"([^"]*\.parquet)"', page)}
    assert {"tables/items.parquet", "tables/similarity.parquet"} <= linked
    assert all(
        (work.report / link).read_bytes() == (work.home / link).read_bytes() for link in linked
    )
    assert sorted(path.name for path in work.path.iterdir() if path.name.startswith(".")) == []


def test_tables_of_an_earlier_version_lack_columns(
    work: WorkDir, caplog: pytest.LogCaptureFixture
) -> None:
    inputs_of(work)
    assert not caplog.messages
    items = pd.read_parquet(work.table("items")).drop(columns=["label", "split"])
    items.to_parquet(work.table("items"))
    work.table("crops").unlink()
    work.embeddings.unlink()
    inputs = inputs_of(work)
    assert inputs.tables["items"]["label"].isna().all()
    assert "crops" not in inputs.tables
    assert inputs.embeddings is None
    assert [message for message in caplog.messages if "lacks label and split" in message]
