"""What is kept of a run so that later ones can be compared with it: ``baselines/RUN.npz``.

That is the contents of all its images, and a reference sample with which all images are compared,
its own, too. Neighbours within a run would not do: images of a bad batch are each other's, and as
a dataset grows, every image finds a nearer one. It takes about 2 MB and 16 bytes an image, and not
in ``store/``: it can't be made again.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.models.prepare import normalised
from imgvet.monitor.history import Run
from imgvet.monitor.images import Images, Keys, Values
from imgvet.monitor.rates import NOVEL
from imgvet.quality.summarize import totals
from imgvet.similarity.distances import Metric, blocks
from imgvet.similarity.outliers import ROBUST_LIMIT, robust_score
from imgvet.workdir import WorkDir, write_atomically

SAMPLE_SIZE = 2000  # images of a run that are kept to compare others with
LEAST_SCORES = 20  # of fewer images nothing can be said about what is usual

_BLOCK = 4096
_NONE = -2.0  # less than any cosine


@dataclass(frozen=True)
class ReferenceSample:
    """Images that others are compared with: distinct contents, by key.

    Their embeddings are (m, width), their metrics float32 (m, metrics), without statistics none.
    """

    keys: Keys
    vectors: NDArray[np.floating]
    metrics: pd.DataFrame


@dataclass(frozen=True)
class Baseline:
    """What later runs are compared with."""

    run: Run
    """Its row of the history; its novel images are those by its own limit."""
    keys: Keys
    """Contents of all its images, sorted."""
    sample: ReferenceSample
    novelty_limit: float | None
    """Similarity to the sample below which an image is novel; None of too few images."""


def baseline_of(run: Run, images: Images) -> Baseline:
    """What is kept of a run; of its row only what was known before it was compared."""
    sample = sample_of(images, np.arange(len(images.first)), np.float16)
    similarity = nearest_similarity(images, sample)
    limit = novelty_limit(similarity)
    counts = {**run.counts, **totals(images.flags_below(similarity, limit))}
    own = run.model_copy(update={"counts": counts})
    return Baseline(own, np.sort(images.keys), sample, limit)


def sample_of(images: Images, rows: NDArray[np.int64], dtype: type[np.floating]) -> ReferenceSample:
    """A sample of the contents of some rows of the embeddings, of at most :data:`SAMPLE_SIZE`.

    Those whose digests are smallest: digests are evenly distributed whatever the content, so this
    is a random sample that is always the same (bottom-k sampling: Cohen and Kaplan, Summarizing
    data using bottom-k sketches, PODC 2007).
    """
    keys, first = np.unique(images.content_keys[rows], return_index=True)
    chosen = rows[first[:SAMPLE_SIZE]]
    metrics = images.metrics.iloc[images.first[chosen]].astype(np.float32)
    vectors = normalised(images.embeddings[chosen]).astype(dtype)  # for what float16 can't hold
    return ReferenceSample(keys[:SAMPLE_SIZE], vectors, metrics.reset_index(drop=True))


def nearest_similarity(images: Images, sample: ReferenceSample) -> Values:
    """Similarity to the nearest image of the sample that is neither the same nor a near duplicate.

    Images come in bursts (frames of a scene, shots of a product), so those of the baseline have
    near duplicates in the sample and those of a new batch do not; did these count as neighbours,
    every new scene would be novel. Float64 (rows,); ``images.near`` if all of the sample are
    such.
    """
    vectors, others = images.embeddings, normalised(sample.vectors)
    near_cosine = 1.0 - (1.0 - images.near) / images.scale
    itself = pd.Index(sample.keys).get_indexer(pd.Index(images.content_keys))
    best = np.full(len(vectors), _NONE, np.float32)
    for part in blocks(len(vectors), _BLOCK):
        cosines = normalised(vectors[part]) @ others.T
        rows = np.flatnonzero(itself[part] >= 0)
        cosines[rows, itself[part][rows]] = _NONE
        cosines[cosines >= near_cosine] = _NONE
        best[part] = cosines.max(axis=1, initial=_NONE)
    similarity = Metric(scale=images.scale).similarity(1.0 - best.astype(np.float64))
    return np.where(best == _NONE, images.near, similarity)


def novelty_limit(similarity: Values) -> float | None:
    """The similarity below which an image is novel: where the robust score calls it an outlier.

    None of fewer than :data:`LEAST_SCORES` images, or if all are equal.
    """
    if len(similarity) < LEAST_SCORES:
        return None
    median = float(np.median(similarity))
    farthest = int(np.argmax(np.abs(median - similarity)))
    score = float(robust_score(similarity)[farthest])
    # The score is proportional to how far a value lies below the median.
    return median - ROBUST_LIMIT * (median - similarity[farthest]) / score if score else None


def baseline_path(work: WorkDir, run_id: str) -> Path:
    """The file of one baseline."""
    return work.path / "baselines" / f"{run_id}.npz"


def write_baseline(work: WorkDir, baseline: Baseline) -> None:
    """Keep a baseline, atomically."""
    sample, limit = baseline.sample, baseline.novelty_limit
    write = partial(
        np.savez,
        keys=baseline.keys,
        sample_keys=sample.keys,
        vectors=sample.vectors,
        metrics=sample.metrics.to_numpy(np.float32),
        metric_names=np.array(sample.metrics.columns.tolist(), "U"),
        novelty_limit=np.array([] if limit is None else [limit]),
        novel=np.int64(baseline.run.counts.get(NOVEL, 0)),
    )
    write_atomically(baseline_path(work, baseline.run.run_id), write)


def read_baseline(work: WorkDir, run: Run) -> Baseline | None:
    """The baseline of a run; None if it was deleted or is damaged, OSError if it can't be read."""
    try:
        with baseline_path(work, run.run_id).open("rb") as stream:
            found = dict(np.load(stream, allow_pickle=False))
        limit = found["novelty_limit"].tolist()
        metrics = pd.DataFrame(found["metrics"], columns=found["metric_names"].tolist())
        sample = ReferenceSample(found["sample_keys"], found["vectors"], metrics)
        novel = {NOVEL: int(found["novel"])} if limit else {}
    except (FileNotFoundError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    counts = {name: number for name, number in run.counts.items() if name != NOVEL}
    own = run.model_copy(update={"counts": counts | novel})
    return Baseline(own, found["keys"], sample, limit[0] if limit else None)


def kept_baselines(work: WorkDir) -> frozenset[str]:
    """Ids of the runs of which a baseline is kept."""
    return frozenset(path.stem for path in baseline_path(work, "").parent.glob("[!.]*.npz"))


def forget_baselines(work: WorkDir, wanted: frozenset[str]) -> None:
    """Remove all baselines but those wanted."""
    for run_id in kept_baselines(work) - wanted:
        baseline_path(work, run_id).unlink(missing_ok=True)
