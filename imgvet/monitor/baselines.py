"""What is kept of a run so that later ones can be compared with it: ``baselines/RUN.npz``.

At most 2,000 images are in the sample, so a baseline takes about 2 MB and 16 bytes an image. It
does not lie in ``store/``, because it can't be made again.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from imgvet.monitor.history import Run
from imgvet.monitor.images import Images, Keys, count
from imgvet.monitor.rates import OUTLIERS
from imgvet.monitor.reference_sample import (
    ReferenceSample,
    nearest_similarity,
    outlier_limit,
    sample_of,
)
from imgvet.workdir import WorkDir, write_atomically


@dataclass(frozen=True)
class Baseline:
    """What later runs are compared with.

    Attributes:
        run: its row of the history; its outliers are those by its own limit.
        keys: S16 (images,), contents of all its images, sorted.
        sample: its reference sample, vectors as float16.
        outlier_limit: similarity to the sample below which an image is an outlier; None if the
            run has too few images to tell.
    """

    run: Run
    keys: Keys
    sample: ReferenceSample
    outlier_limit: float | None


def baseline_of(run: Run, images: Images) -> Baseline:
    """What is kept of a run; of its row only what was known before it was compared."""
    sample = sample_of(images, np.arange(len(images.first)), np.float16)
    similarity = nearest_similarity(images, sample)
    limit = outlier_limit(similarity)
    counts = {**run.counts, **count(images.flags_below(similarity, limit))}
    own = run.model_copy(update={"counts": counts})
    return Baseline(own, np.sort(images.keys), sample, limit)


def baseline_path(work: WorkDir, run_id: str) -> Path:
    """The file of one baseline."""
    return work.path / "baselines" / f"{run_id}.npz"


def write_baseline(work: WorkDir, baseline: Baseline) -> None:
    """Keep a baseline, atomically."""
    sample, limit = baseline.sample, baseline.outlier_limit

    def write(path: Path) -> None:
        with path.open("wb") as stream:
            np.savez(
                stream,
                keys=baseline.keys,
                sample_keys=sample.keys,
                vectors=sample.vectors,
                metrics=sample.metrics.to_numpy(np.float32),
                metric_names=np.array(sample.metrics.columns, "U"),
                outlier_limit=np.array([] if limit is None else [limit]),
                outliers=np.int64(baseline.run.counts.get(OUTLIERS, 0)),
            )

    write_atomically(baseline_path(work, baseline.run.run_id), write)


def read_baseline(work: WorkDir, run: Run) -> Baseline | None:
    """The baseline of a run; None if it was deleted or is damaged."""
    try:
        with baseline_path(work, run.run_id).open("rb") as stream:
            found = dict(np.load(stream, allow_pickle=False))
        limit = found["outlier_limit"].tolist()
        metrics = pd.DataFrame(found["metrics"], columns=found["metric_names"].tolist())
        sample = ReferenceSample(found["sample_keys"], found["vectors"], metrics)
        outliers = {OUTLIERS: int(found["outliers"])} if limit else {}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    counts = {name: number for name, number in run.counts.items() if name != OUTLIERS}
    own = run.model_copy(update={"counts": counts | outliers})
    return Baseline(own, found["keys"], sample, limit[0] if limit else None)


def kept_baselines(work: WorkDir) -> frozenset[str]:
    """Ids of the runs of which a baseline is kept."""
    return frozenset(path.stem for path in baseline_path(work, "").parent.glob("[!.]*.npz"))


def forget_baselines(work: WorkDir, wanted: frozenset[str]) -> None:
    """Remove all baselines but those wanted."""
    for run_id in kept_baselines(work) - wanted:
        baseline_path(work, run_id).unlink(missing_ok=True)
