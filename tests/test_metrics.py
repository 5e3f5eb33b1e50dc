"""Dark, bright and blurry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from imgvet.metrics import FLAGS, METRIC_BY_NAME, flagged, limit_of
from imgvet.options import FlagOptions

OPTIONS = FlagOptions(dark_threshold=60, bright_threshold=240, blur_threshold=0.5)
STATS = pd.DataFrame(
    {
        "id": [0, 1, 2, 3, 4],
        "percentile_99": [59.0, 60.0, 200.0, np.nan, 10.0],
        "percentile_5": [0.0, 241.0, 240.0, np.nan, 0.0],
        "sharpness": [0.1, 0.1, 0.5, np.nan, 0.0],
    }
)
EXPECTED = {"dark": {0, 4}, "bright": {1}, "blurry": {0, 1, 4}}


def ids(stats: pd.DataFrame, which: pd.Series) -> set[int]:
    return set(stats.loc[which, "id"])


def test_rows_beyond_the_threshold_are_flagged_and_nulls_are_not():
    found = flagged(STATS, OPTIONS)
    assert {name: ids(STATS, which) for name, which in found.items()} == EXPECTED
    assert list(found) == [flag.name for flag in FLAGS]
    assert all(which.dtype == bool for which in found.values())


def test_the_index_is_kept():
    stats = STATS.set_index(pd.Index([10, 20, 30, 40, 50]))
    for which in flagged(stats, OPTIONS).values():
        assert which.index.equals(stats.index)


def test_nullable_columns():
    stats = STATS.assign(percentile_5=pd.array([0, 241, 240, None, 0], dtype="Int64"))
    assert ids(stats, flagged(stats, OPTIONS)["bright"]) == EXPECTED["bright"]


@pytest.mark.parametrize("stats", [STATS[["id"]], STATS.iloc[:0]])
def test_missing_columns_and_no_rows_flag_nothing(stats):
    for flag in FLAGS:
        assert not flagged(stats, OPTIONS)[flag.name].any()


def test_every_flag_has_a_metric_and_an_option():
    for flag in FLAGS:
        assert flag.metric in METRIC_BY_NAME
        assert isinstance(limit_of(flag, FlagOptions()), float)
