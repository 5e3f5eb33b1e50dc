"""Runs with planted truth: as facts, and as finished work dirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.watching import CENTRES, Batch, World, directions, draw, facts_of
from imgvet.metrics import METRICS
from imgvet.monitor.facts import RunFacts
from imgvet.options import make_options
from imgvet.quality.result import write_results
from imgvet.summary import RunRecord
from imgvet.tables import ITEMS, SIMILARITY, STATS, conform, write_table
from imgvet.workdir import WorkDir, write_text

Drawer = Callable[..., Batch]
Publisher = Callable[..., RunFacts]


@pytest.fixture
def images() -> Drawer:
    """Draws images: ``images(100, outlier=0.3)``; the same ones in the same order of calls."""
    rng = np.random.default_rng(11)
    centres = directions(rng, CENTRES)
    return lambda count, **rates: draw(rng, World(**rates), count, centres)


@pytest.fixture
def work(tmp_path: Path) -> WorkDir:
    folder = WorkDir(tmp_path / "out")
    folder.store.mkdir(parents=True)
    return folder


@pytest.fixture
def publish(work: WorkDir) -> Publisher:
    """Writes what a finished run leaves: ``publish(batch, 3, dark_threshold=90)``."""

    def write(batch: Batch, number: int, **parameters: object) -> RunFacts:
        facts = facts_of(batch, number)
        options = make_options({"input_dir": "photos", "threshold": 0.99, **parameters})
        assert facts.stats is not None
        whole = facts.stats.round({metric.name: 0 for metric in METRICS if metric.integer})
        work.tables.mkdir(exist_ok=True)
        frames = {ITEMS: facts.items, STATS: whole, SIMILARITY: facts.similarity}
        for table, frame in frames.items():
            write_table(conform(frame, table), work.table(table.name))
        np.save(work.embeddings, facts.embeddings)
        write_results(facts.checks, work.checks_json)
        record = RunRecord(
            run_id=facts.identity.run_id,
            started=facts.identity.started,
            finished=facts.identity.started,
            seconds=1.0,
            parameters=options.model_dump(mode="json"),
            versions={"imgvet": "0"},
            model={"name": "drawn", "sha256": "0", "similarity_scale": 1.0},
            stages=(),
        )
        write_text(work.run_json, record.model_dump_json())
        return replace(facts, identity=replace(facts.identity, dataset="photos"))

    return write
