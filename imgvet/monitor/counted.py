"""The images that each alarm counts, worst first."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import FLAGS
from imgvet.monitor.alarms import DRIFT, EMBEDDINGS, GROWN, LOST, RATE_BY_NAME, STALE
from imgvet.monitor.compare import COUNTED, Comparison, Finding
from imgvet.monitor.images import Images, Values
from imgvet.monitor.rates import NOVEL

_FLAGS = {flag.name: flag for flag in FLAGS}


def count_images(
    comparison: Comparison,
    images: Images,
    flags: pd.DataFrame,
    new: NDArray[np.bool_],
    similarity: Values,
) -> pd.DataFrame:
    """The images of each difference that raises an alarm or keeps it on.

    Those with the property, among the new ones or in the whole dataset, whichever differs more;
    of drift the new ones. ``similarity`` to the baseline is of rows of the embeddings.
    """
    nearest = np.append(similarity, np.nan)[images.row]  # row -1 has no embedding
    found = []
    for key in dict.fromkeys(finding.key for finding in comparison.findings):
        finding = comparison.finding(key)
        if not (finding.alarming or finding.lasting):
            continue
        if key == STALE or key.startswith(LOST):  # what is not there can't be shown
            continue
        among = new if finding.population == "new" else np.ones_like(new)
        if key.startswith(GROWN):
            grouping, _, value = key.removeprefix(GROWN).partition(":")
            among = among & (images.groups[grouping] == value).fillna(False).to_numpy(bool)
        if key in RATE_BY_NAME:
            among = among & flags[RATE_BY_NAME[key].count].to_numpy()
        values, worst = _judged_by(finding, images, nearest)
        places = np.flatnonzero(among)
        places = places[np.argsort(worst[places], kind="stable")]
        found.append(images.items.iloc[places].assign(alarm=key, value=values[places]))
    return pd.concat(found)[COUNTED] if found else comparison.counted


def _judged_by(finding: Finding, images: Images, nearest: Values) -> tuple[Values, Values]:
    """What images are judged by, and the same with the worst being the lowest."""
    rate = RATE_BY_NAME.get(finding.key)
    name = rate.count if rate else finding.key.removeprefix(DRIFT)
    if name in (NOVEL, EMBEDDINGS):
        return nearest, nearest
    flag = _FLAGS.get(name)
    metric = flag.metric if flag else name
    if metric not in images.metrics:
        nothing = np.full(len(nearest), np.nan)
        return nothing, nothing
    values = images.metrics[metric].to_numpy()
    if finding.medians:
        return values, -np.abs(values - finding.medians[0])
    return values, values if flag is None or flag.below else -values
