"""The images that each alarm counts, worst first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import FLAGS
from imgvet.monitor.compare import Comparison, Finding
from imgvet.monitor.history import DRIFT, EMBEDDINGS, LOST, STALE
from imgvet.monitor.images import Counted, Images, Values
from imgvet.monitor.rates import NOVEL, RATES
from imgvet.tables import ALARMS

_COUNTS = {rate.name: rate.count for rate in RATES}
_FLAGS = {flag.name: flag for flag in FLAGS}


def count_images(
    comparison: Comparison,
    images: Images,
    flags: pd.DataFrame,
    new: NDArray[np.bool_],
    similarity: Values,
) -> dict[str, Counted]:
    """The images of each difference that raises an alarm or keeps it on, by alarm.

    Those with the property, among the new ones or in the whole dataset, whichever differs more;
    of drift the new ones. ``similarity`` to the baseline is of rows of the embeddings.
    """
    nearest = np.append(similarity, np.nan)[images.row]  # row -1 has no embedding
    found = {}
    for key in dict.fromkeys(finding.key for finding in comparison.findings):
        finding = comparison.finding(key)
        if finding is None or not (finding.alarming or finding.lasting):
            continue
        if key == STALE or key.startswith(LOST):  # what is not there can't be shown
            continue
        among = new if finding.population == "new" else np.ones_like(new)
        if key in _COUNTS:
            among = among & flags[_COUNTS[key]].to_numpy()
        found[key] = images.counted(among, *_judged_by(finding, images, nearest))
    return found


def _judged_by(finding: Finding, images: Images, nearest: Values) -> tuple[Values, Values]:
    """What images are judged by, and the same with the worst being the lowest."""
    name = _COUNTS.get(finding.key, finding.key.removeprefix(DRIFT))
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


def alarms_table(counted: Mapping[str, Counted]) -> pd.DataFrame:
    """The table alarms: a row for each image of each alarm."""
    frames = [
        pd.DataFrame({"alarm": alarm, "id": found.ids, "value": found.values})
        for alarm, found in counted.items()
    ]
    return pd.concat(frames) if frames else pd.DataFrame(columns=ALARMS.column_names)
