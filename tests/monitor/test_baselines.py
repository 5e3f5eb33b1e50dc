"""Baselines on disk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from imgvet.monitor.baselines import (
    Baseline,
    baseline_path,
    forget_baselines,
    kept_baselines,
    read_baseline,
    write_baseline,
)
from imgvet.monitor.history import Run
from imgvet.monitor.rates import OUTLIERS
from imgvet.monitor.reference_sample import ReferenceSample
from imgvet.workdir import WorkDir


def _baseline(run_id: str) -> Baseline:
    run = Run(run_id=run_id, started="2030", counts={"images": 3, OUTLIERS: 1})
    keys = np.array([b"a" * 16, b"b" * 15 + b"\0"], "S16")
    metrics = pd.DataFrame({"sharpness": np.array([0.5, np.nan], np.float32)})
    sample = ReferenceSample(keys, np.ones((2, 4), np.float16), metrics)
    return Baseline(run, keys, sample, 0.5)


def test_what_is_kept_comes_back(work: WorkDir) -> None:
    write_baseline(work, _baseline("a"))
    write_baseline(work, _baseline("a"))
    # In the history there are its outliers by the limit of its own baseline.
    row = _baseline("a").run.model_copy(update={"counts": {"images": 3, OUTLIERS: 7}})
    found = read_baseline(work, row)
    assert found is not None
    assert (found.run, found.outlier_limit) == (_baseline("a").run, 0.5)
    assert (found.keys == _baseline("a").keys).all()
    assert (found.sample.vectors == 1).all()
    pd.testing.assert_frame_equal(found.sample.metrics, _baseline("a").sample.metrics)
    assert kept_baselines(work) == {"a"}
    assert [path.name for path in (work.path / "baselines").iterdir()] == ["a.npz"]


@pytest.mark.parametrize("content", [None, b"", b"nonsense", "cut", "other"])
def test_a_damaged_baseline_is_none(work: WorkDir, content: bytes | str | None) -> None:
    write_baseline(work, _baseline("a"))
    path = baseline_path(work, "a")
    if content is None:
        path.unlink()
    elif content == "other":
        np.savez(path, x=np.ones(3))
    else:
        path.write_bytes(path.read_bytes()[:-99] if isinstance(content, str) else content)
    assert read_baseline(work, _baseline("a").run) is None


def test_without_a_limit_there_are_no_outliers(work: WorkDir) -> None:
    no_statistics = pd.DataFrame(index=range(2))
    sample = replace(_baseline("a").sample, metrics=no_statistics)
    run = Run(run_id="a", started="", counts={"images": 3})
    write_baseline(work, replace(_baseline("a"), run=run, sample=sample, outlier_limit=None))
    found = read_baseline(work, _baseline("a").run)
    assert found is not None
    assert (found.outlier_limit, found.run.counts) == (None, {"images": 3})
    pd.testing.assert_frame_equal(found.sample.metrics, no_statistics, check_column_type=False)


def test_forgetting_keeps_what_is_wanted(work: WorkDir) -> None:
    for run_id in "abc":
        write_baseline(work, _baseline(run_id))
    forget_baselines(work, frozenset("bz"))
    assert kept_baselines(work) == {"b"}
