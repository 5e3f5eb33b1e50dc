"""Baselines on disk."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from imgvet.monitor.baselines import (
    About,
    Baseline,
    baseline_folder,
    forget_baselines,
    kept_baselines,
    read_baseline,
    write_baseline,
)
from imgvet.monitor.strangeness import Sample
from imgvet.monitor.tally import Tally
from imgvet.workdir import WorkDir


def _baseline(run_id: str) -> Baseline:
    about = About(
        run_id=run_id,
        started="2030",
        settings={"model": "1"},
        whole=Tally(3, 2, 1, 0, 0, 0, 0, None, 1),
        outlier_limit=0.5,
    )
    keys = np.array([b"a" * 16, b"b" * 15 + b"\0"], "S16")
    metrics = pd.DataFrame({"sharpness": np.array([0.5, np.nan], np.float32)})
    return Baseline(about, keys, Sample(keys, np.ones((2, 4), np.float16)), metrics)


def test_what_is_kept_comes_back(work: WorkDir) -> None:
    write_baseline(work, _baseline("a"))
    write_baseline(work, _baseline("a"))
    found = read_baseline(work, "a")
    assert found is not None
    assert found.about == _baseline("a").about
    assert (found.keys == _baseline("a").keys).all()
    assert (found.sample.vectors == 1).all()
    pd.testing.assert_frame_equal(found.metrics, _baseline("a").metrics)
    assert kept_baselines(work) == {"a"}
    assert [path.name for path in (work.path / "baselines").iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["about.json", "keys.npy", "embeddings.npy", "metrics.parquet"])
@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_damaged_baseline_is_none(work: WorkDir, name: str, content: bytes | None) -> None:
    write_baseline(work, _baseline("a"))
    path = baseline_folder(work, "a") / name
    path.unlink() if content is None else path.write_bytes(content)
    assert read_baseline(work, "a") is None


@pytest.mark.parametrize("run_id", ["b", "../baselines/a", ""])
def test_no_other_folder_is_read(work: WorkDir, run_id: str) -> None:
    write_baseline(work, _baseline("a"))
    assert read_baseline(work, run_id) is None


def test_forgetting_keeps_what_is_wanted(work: WorkDir) -> None:
    for run_id in "abc":
        write_baseline(work, _baseline(run_id))
    forget_baselines(work, frozenset("bz"))
    assert kept_baselines(work) == {"b"}
