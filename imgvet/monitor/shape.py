"""The shape of a dataset: what is lost or grown, how labels and formats shift, and how old it is.

A rate tells what images are like; this, whether they are there: a class that vanished, a folder
that was not mounted or was filled ten times over, a camera that sends nothing any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd

from imgvet.monitor.alarms import DRIFT, GROWN, LOST, STALE, is_compared
from imgvet.monitor.compare import LEAST_IMAGES, Finding, in_order_since
from imgvet.monitor.history import Run
from imgvet.monitor.images import SHIFTING
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.rates import Proportion, p_of_rise

ESTABLISHED = 3  # runs in order in which a group has to be, to be missed
GROUPED = 200  # greatest groups that are kept of a run

_SIZES = (LOST, GROWN)

SHARE_OF_SHAPE = 0.1
"""Share of the false alarms left to groups."""

Groups = Mapping[str, int]
"""Group, such as ``label:cat`` or ``folder:train`` -> how many images it has."""


def count_groups(groups: pd.DataFrame) -> dict[str, int]:
    """How many images each group has, of a column of each grouping."""
    found: Counter[str] = Counter()
    for name in groups:
        found.update(
            {f"{name}:{value}": int(n) for value, n in groups[name].value_counts().items()}
        )
    return dict(found.most_common(GROUPED))


def judge_shape(
    run: Run, new: Groups, baseline: Run, history: Sequence[Run], options: WatchOptions
) -> tuple[Finding, ...]:
    """What is gone or grown since the last run of usual size, and how the new images are spread.

    Groups share a tenth of the allowed false alarms. That half of all images are gone, or that
    there is no new one for days, is a fact that needs no test.
    """
    runs = [baseline, *in_order_since(history, baseline, _is_of_usual_size)]
    asked = [
        *_ask_sizes(run, runs, options),
        *((found, options.min_drift) for found in _ask_shifts(new, baseline.groups)),
    ]
    level = options.false_alarm_rate * SHARE_OF_SHAPE / max(1, len(asked))
    gone = max(0.0, 1 - run.images / runs[-1].images) if runs[-1].images else 0.0
    judged = [replace(found, least=least, level=level) for found, least in asked]
    judged.append(Finding(f"{LOST}images", "whole", gone, 0.0, least=options.max_loss, level=1.0))
    judged += _ask_age(run, history, options.max_days_without_new)
    # What nobody asks for any more, as another baseline or limit was chosen, is over.
    keys = {found.key for found in judged}
    ours = [key for key in run.alarms if key.startswith((STALE, *_SIZES))]
    judged += [Finding(key, "whole", 0.0, 1.0) for key in ours if key not in keys]
    # Of hundreds of groups only what is or was worth an alarm is kept.
    return tuple(
        found
        for found in judged
        if found.key in run.alarms or found.lasting or not found.key.startswith(_SIZES)
    )


def _is_of_usual_size(run: Run) -> bool:
    """Whether nothing is lost or grown, even if its images are not in order otherwise."""
    alarms = list(filter(is_compared, run.alarms))
    return run.in_order or bool(alarms and not any(key.startswith(_SIZES) for key in alarms))


def _ask_sizes(
    run: Run, runs: Sequence[Run], options: WatchOptions
) -> Iterator[tuple[Finding, float]]:
    """What share of each group of the last runs is gone, how often it is there, and the limits.

    The one is improbable if the others rose as much, the other if the group itself did.
    """
    last = runs[-1]
    for group, number in last.groups.items():
        if min(row.groups.get(group, 0) for row in runs[-ESTABLISHED:]) < LEAST_IMAGES:
            continue
        now = run.groups.get(group, 0)
        parts = [Proportion(now, run.images), Proportion(number, last.images)]
        others = [Proportion(part.of - part.count, part.of) for part in parts]
        gone = max(0.0, 1 - now / number)
        yield Finding(f"{LOST}{group}", "whole", gone, p_of_rise(*others)), options.max_loss
        grown = Finding(f"{GROWN}{group}", "new", now / number, p_of_rise(*parts))
        yield grown, options.max_growth


def _ask_shifts(new: Groups, before: Groups) -> list[Finding]:
    """Drift of categories: the total variation distance, and Pearson's test of homogeneity.

    The distance is the least share of images that would have to be in other categories. Rare
    categories are judged together, as the test needs five expected images in each.
    """
    from scipy.stats import chi2_contingency

    found = []
    for name in SHIFTING:
        keys = sorted(key for key in {*new, *before} if key.startswith(f"{name}:"))
        table = np.array([[groups.get(key, 0) for key in keys] for groups in (before, new)])
        if not keys or table.sum(axis=1).min() < LEAST_IMAGES:
            continue
        shares = table / table.sum(axis=1, keepdims=True)
        score = float(np.abs(shares[0] - shares[1]).sum() / 2)
        rare = (table.sum(axis=0) * table.sum(axis=1).min() / table.sum()) < 5
        judged = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
        judged = judged[:, judged.sum(axis=0) > 0]
        p_value = float(chi2_contingency(judged).pvalue) if judged.shape[1] > 1 else 1.0
        most = int(np.argmax(shares[1] - shares[0]))
        before_after = float(shares[0, most]), float(shares[1, most])
        risen = (keys[most].partition(":")[2], *before_after)
        found.append(Finding(f"{DRIFT}{name}", "new", score, p_value, risen=risen))
    return found


def _ask_age(run: Run, history: Sequence[Run], days: float | None) -> list[Finding]:
    """For how many days there were no new images; nothing is asked without a limit."""
    if days is None:
        return []
    fresh = [row for row in (*history, run) if row.status == "finished" and row.unseen_images]
    age = datetime.fromisoformat(run.started) - datetime.fromisoformat((fresh or [run])[-1].started)
    return [Finding(STALE, "whole", age.total_seconds() / 86400, 0.0, least=days, level=1.0)]
