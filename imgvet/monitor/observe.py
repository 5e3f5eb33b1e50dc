"""What a run shows when it is looked at from a baseline; and what is kept of it as a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.monitor.baselines import About, Baseline
from imgvet.monitor.facts import RunIdentity, Settings
from imgvet.monitor.flagging import Images, similarity_to, with_outliers, worst_first
from imgvet.monitor.history import QUANTILES
from imgvet.monitor.novelty import Keys, new_items
from imgvet.monitor.strangeness import Sample, outlier_limit, sampled
from imgvet.monitor.tally import Tally, tally
from imgvet.quality.result import CheckResult, CheckState

EXAMPLES = 10
"""Names that are kept of the images with each property."""

Vectors = NDArray[np.floating]


@dataclass(frozen=True)
class Observed:
    """A run, as it looks from a baseline.

    Attributes:
        identity: which run it is.
        settings: what has to be equal for runs to be compared.
        whole: counts of all images, outliers by the limit of the baseline.
        new: counts of its new images.
        metrics: metrics of a sample of the new images; no columns without statistics.
        vectors: float32 (m, width), embeddings of that sample.
        quantiles: metric -> its values at :data:`imgvet.monitor.history.QUANTILES`, all images.
        examples: property -> names of images with it, new ones if there are any, worst first.
        failed_checks: the checks that failed.
    """

    identity: RunIdentity
    settings: Settings
    whole: Tally
    new: Tally
    metrics: pd.DataFrame
    vectors: Vectors
    quantiles: Mapping[str, tuple[float, ...]]
    examples: Mapping[str, tuple[str, ...]]
    failed_checks: tuple[CheckResult, ...]


def as_baseline(images: Images) -> Baseline:
    """What is kept of a run so that later ones can be compared with it."""
    facts, keys = images.facts, images.content_keys
    rows = sampled(keys)
    sample = Sample(keys[rows], np.asarray(facts.embeddings[rows], np.float16))
    similarity = similarity_to(images, sample)
    limit = outlier_limit(similarity)
    about = About(
        run_id=facts.identity.run_id,
        started=facts.identity.started,
        settings=dict(facts.settings),
        whole=tally(with_outliers(images, similarity, limit)),
        outlier_limit=limit,
    )
    return Baseline(about, np.sort(images.keys), sample, _metrics_of(images, rows))


def observe(images: Images, baseline: Baseline, known: Sequence[Keys]) -> Observed:
    """Look at a run from a baseline.

    Args:
        images: the run.
        baseline: the baseline; the run's own for the first of a history.
        known: sorted contents of earlier runs; images beyond them are new.
    """
    facts = images.facts
    similarity = similarity_to(images, baseline.sample)
    flags = with_outliers(images, similarity, baseline.about.outlier_limit)
    new = new_items(images.keys, known)
    fresh = np.flatnonzero(new[images.first])
    rows = fresh[sampled(images.content_keys[fresh])]
    return Observed(
        identity=facts.identity,
        settings=facts.settings,
        whole=tally(flags),
        new=tally(flags, new),
        metrics=_metrics_of(images, rows),
        vectors=np.asarray(facts.embeddings[rows], np.float32),
        quantiles=_quantiles(images),
        examples=_examples(images, worst_first(images, flags, similarity), new),
        failed_checks=tuple(
            check for check in facts.checks if check.state is not CheckState.PASSED
        ),
    )


def _quantiles(images: Images) -> dict[str, tuple[float, ...]]:
    shares = [share for _, share in QUANTILES]
    return {
        name: tuple(float(value) for value in np.nanquantile(values, shares))
        for name, values in images.metrics.items()
    }


def _metrics_of(images: Images, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Metrics of contents, by row of the embeddings, float32."""
    places = images.first[rows]
    columns = {name: values[places].astype(np.float32) for name, values in images.metrics.items()}
    return pd.DataFrame(columns, index=range(len(rows)))


def _examples(
    images: Images, worst: Mapping[str, NDArray[np.int64]], new: NDArray[np.bool_]
) -> dict[str, tuple[str, ...]]:
    names = images.facts.items["filename"].to_numpy()
    found = {}
    for what, places in worst.items():
        fresh = places[new[places]]
        shown = (fresh if len(fresh) else places)[:EXAMPLES]
        found[what] = tuple(str(name) for name in names[shown])
    return found
