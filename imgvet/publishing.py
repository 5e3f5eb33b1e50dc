"""Put the outputs of a run in their places in the work dir.

A run killed at any moment leaves the results of the run before, or none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from imgvet.store.references import Reference, resolve
from imgvet.summary import RunRecord
from imgvet.workdir import WorkDir, link_or_copy, swap_folder, write_text


def publish_results(
    work: WorkDir,
    tables: Mapping[str, Reference],
    files: Mapping[Path, Reference],
    report: Reference,
    record: RunRecord,
) -> None:
    """Replace the results in the work dir. ``run.json`` goes first and comes back last.

    Args:
        work: the work dir.
        tables: name of a table -> its file.
        files: path in the work dir -> the file that belongs there.
        report: the folder of the report.
        record: how the run was done.
    """
    work.tables.mkdir(parents=True, exist_ok=True)
    fresh_report = work.store / "report.new"
    shutil.rmtree(fresh_report, ignore_errors=True)
    shutil.copytree(resolve(work, report), fresh_report, copy_function=_link)
    work.run_json.unlink(missing_ok=True)
    for name, reference in tables.items():
        link_or_copy(resolve(work, reference), work.table(name))
    for path, reference in files.items():
        link_or_copy(resolve(work, reference), path)
    swap_folder(fresh_report, work.report)
    _remove_old_tables(work, set(tables))
    write_text(work.run_json, record.model_dump_json(indent=2) + "\n")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _remove_old_tables(work: WorkDir, current: set[str]) -> None:
    for path in work.tables.glob("*.parquet"):
        if path.stem not in current:
            path.unlink()
