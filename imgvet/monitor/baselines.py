"""What is kept of a run so that later ones can be compared with it: ``baselines/RUN/``.

    about.json         its outlier limit, and how many of its own images are below
    keys.npy           contents of all its images, S16, sorted: which images are new later on
    sample_keys.npy    contents of the reference sample, S16, sorted
    embeddings.npy     embeddings of the sample, float16
    metrics.parquet    metrics of the sample

At most 2,000 images are in the sample, so a baseline takes about 2 MB and 16 bytes an image. It
does not lie in ``store/``, because it can't be made again.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from imgvet.monitor.history import Run
from imgvet.monitor.images import Images, Keys, count
from imgvet.monitor.rates import OUTLIERS
from imgvet.monitor.reference_sample import (
    ReferenceSample,
    nearest_similarity,
    outlier_limit,
    sampled,
)
from imgvet.summary import Frozen
from imgvet.tables import read_table, write_table
from imgvet.workdir import WorkDir, swap_folder, write_text


@dataclass(frozen=True)
class Baseline:
    """What later runs are compared with.

    Attributes:
        run: its row of the history; its outliers are those by its own limit.
        keys: S16 (images,), contents of all its images, sorted.
        sample: its reference sample.
        metrics: metrics of that sample, float32; no columns without statistics.
        outlier_limit: similarity to the sample below which an image is an outlier; None if the
            run has too few images to tell.
    """

    run: Run
    keys: Keys
    sample: ReferenceSample
    metrics: pd.DataFrame
    outlier_limit: float | None


class _About(Frozen):
    """``about.json``; ``outliers`` is None if there is no limit."""

    outlier_limit: float | None
    outliers: int | None


def baseline_of(run: Run, images: Images) -> Baseline:
    """What is kept of a run; of its row only what was known before it was compared."""
    keys = images.content_keys
    rows = sampled(keys)
    sample = ReferenceSample(keys[rows], np.asarray(images.embeddings[rows], np.float16))
    similarity = nearest_similarity(images.embeddings, keys, sample, images.scale)
    limit = outlier_limit(similarity)
    counts = {**run.counts, **count(images.flags_below(similarity, limit))}
    return Baseline(
        run=run.model_copy(update={"counts": counts}),
        keys=np.sort(images.keys),
        sample=sample,
        metrics=images.metrics_of(rows),
        outlier_limit=limit,
    )


def baseline_folder(work: WorkDir, run_id: str) -> Path:
    """The folder of one baseline."""
    return work.path / "baselines" / run_id


def write_baseline(work: WorkDir, baseline: Baseline) -> None:
    """Keep a baseline; its folder appears whole or not at all."""
    target = baseline_folder(work, baseline.run.run_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".", suffix=".tmp", dir=target.parent))
    about = _About(outlier_limit=baseline.outlier_limit, outliers=baseline.run.counts.get(OUTLIERS))
    try:
        new.chmod(0o755)
        write_text(new / "about.json", about.model_dump_json(indent=2) + "\n")
        np.save(new / "keys.npy", baseline.keys)
        np.save(new / "sample_keys.npy", baseline.sample.keys)
        np.save(new / "embeddings.npy", baseline.sample.vectors)
        metrics = pa.Table.from_pandas(baseline.metrics, preserve_index=False)
        write_table(metrics, new / "metrics.parquet")
        swap_folder(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def read_baseline(work: WorkDir, run: Run) -> Baseline | None:
    """The baseline of a run; None if it was deleted, is damaged or of another version."""
    folder = baseline_folder(work, run.run_id)
    try:
        about = _About.model_validate_json((folder / "about.json").read_bytes())
        keys, sample_keys, vectors = (
            np.load(folder / f"{name}.npy", allow_pickle=False)
            for name in ("keys", "sample_keys", "embeddings")
        )
        metrics = read_table(folder / "metrics.parquet")
    except (OSError, ValueError, EOFError, ValidationError, pa.ArrowException):
        return None
    if len(sample_keys) != len(vectors):
        return None
    counts = {name: number for name, number in run.counts.items() if name != OUTLIERS}
    if about.outliers is not None:
        counts[OUTLIERS] = about.outliers
    own = run.model_copy(update={"counts": counts})
    return Baseline(own, keys, ReferenceSample(sample_keys, vectors), metrics, about.outlier_limit)


def kept_baselines(work: WorkDir) -> frozenset[str]:
    """Ids of the runs of which a baseline is kept."""
    folders = (work.path / "baselines").glob("[!.]*/about.json")
    return frozenset(path.parent.name for path in folders)


def forget_baselines(work: WorkDir, wanted: frozenset[str]) -> None:
    """Remove all baselines but those wanted."""
    for run_id in kept_baselines(work) - wanted:
        shutil.rmtree(baseline_folder(work, run_id), ignore_errors=True)
