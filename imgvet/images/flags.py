"""Which pictures are dark, bright or blurry, and which of them are worst."""

from __future__ import annotations

import pandas as pd

from imgvet.metrics import FLAGS, Flag
from imgvet.options import FlagOptions


def flagged(stats: pd.DataFrame, options: FlagOptions) -> dict[str, pd.Series[bool]]:
    """Whether each row of the stats table has each flag.

    Args:
        stats: the stats table; rows without a value and missing columns are never flagged.
        options: the thresholds.

    Returns:
        Name of the flag -> boolean series with the index of ``stats``, in the order of FLAGS.
    """
    return {flag.name: _is_flagged(stats, flag, options) for flag in FLAGS}


def worst(stats: pd.DataFrame, flag: Flag, options: FlagOptions) -> pd.DataFrame:
    """The flagged rows of the stats table, worst first, equal ones by id."""
    rows = stats[_is_flagged(stats, flag, options)]
    if rows.empty:
        return rows
    return rows.sort_values([flag.metric, "id"], ascending=[flag.below, True])


def threshold(flag: Flag, options: FlagOptions) -> float:
    """The value of the metric at which the flag begins; that value itself is not flagged."""
    return float(getattr(options, flag.option))


def _is_flagged(stats: pd.DataFrame, flag: Flag, options: FlagOptions) -> pd.Series[bool]:
    if flag.metric not in stats:
        return pd.Series(False, index=stats.index, dtype=bool)
    values = pd.to_numeric(stats[flag.metric]).astype("float64")
    limit = threshold(flag, options)
    return values < limit if flag.below else values > limit
