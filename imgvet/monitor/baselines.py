"""What is kept of a run so that later ones can be compared with it: ``baselines/RUN/``.

    about.json         when it ran, its settings, counts and outlier limit
    keys.npy           contents of all its images, S16, sorted: which images are new later on
    sample_keys.npy    contents of the sample, S16, sorted
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

from imgvet.monitor.novelty import Keys
from imgvet.monitor.options import is_run_id
from imgvet.monitor.strangeness import Sample
from imgvet.monitor.tally import Tally
from imgvet.summary import Frozen
from imgvet.tables import read_table, write_table
from imgvet.workdir import WorkDir, swap_folder, write_text

SCHEMA_VERSION = 1


class About(Frozen):
    """What is known of a baseline besides its samples.

    Attributes:
        schema_version: version of the files.
        run_id: the run.
        started: when it started, ISO 8601, UTC.
        settings: what has to be equal for runs to be compared.
        whole: counts of all its images, outliers by its own limit.
        outlier_limit: similarity to the sample below which an image is an outlier; None if the
            run has too few images to tell.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    started: str
    settings: dict[str, str]
    whole: Tally
    outlier_limit: float | None


@dataclass(frozen=True)
class Baseline:
    """What later runs are compared with.

    Attributes:
        about: when it ran, settings, counts.
        keys: S16 (images,), contents of all its images, sorted.
        sample: embeddings of a sample.
        metrics: metrics of that sample, float32; no columns without statistics.
    """

    about: About
    keys: Keys
    sample: Sample
    metrics: pd.DataFrame


def baselines_folder(work: WorkDir) -> Path:
    """The folder of all baselines."""
    return work.path / "baselines"


def baseline_folder(work: WorkDir, run_id: str) -> Path:
    """The folder of one baseline."""
    return baselines_folder(work) / run_id


def write_baseline(work: WorkDir, baseline: Baseline) -> None:
    """Keep a baseline; its folder appears whole or not at all."""
    folder = baselines_folder(work)
    folder.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".", suffix=".tmp", dir=folder))
    try:
        new.chmod(0o755)
        write_text(new / "about.json", baseline.about.model_dump_json(indent=2) + "\n")
        np.save(new / "keys.npy", baseline.keys)
        np.save(new / "sample_keys.npy", baseline.sample.keys)
        np.save(new / "embeddings.npy", baseline.sample.vectors)
        metrics = pa.Table.from_pandas(baseline.metrics, preserve_index=False)
        write_table(metrics, new / "metrics.parquet")
        swap_folder(new, baseline_folder(work, baseline.about.run_id))
    finally:
        shutil.rmtree(new, ignore_errors=True)


def read_baseline(work: WorkDir, run_id: str) -> Baseline | None:
    """The baseline of a run; None if it was deleted, is damaged or of a later version."""
    if not is_run_id(run_id):
        return None
    folder = baseline_folder(work, run_id)
    try:
        about = About.model_validate_json((folder / "about.json").read_bytes())
        keys, sample_keys, vectors = (
            np.load(folder / f"{name}.npy", allow_pickle=False)
            for name in ("keys", "sample_keys", "embeddings")
        )
        metrics = read_table(folder / "metrics.parquet")
    except (OSError, ValueError, EOFError, ValidationError, pa.ArrowException):
        return None
    if about.schema_version > SCHEMA_VERSION or len(sample_keys) != len(vectors):
        return None
    return Baseline(about, keys, Sample(sample_keys, vectors), metrics)


def kept_baselines(work: WorkDir) -> frozenset[str]:
    """Ids of the runs of which a baseline is kept."""
    return frozenset(path.parent.name for path in baselines_folder(work).glob("[!.]*/about.json"))


def forget_baselines(work: WorkDir, wanted: frozenset[str]) -> None:
    """Remove all baselines but those wanted."""
    for run_id in kept_baselines(work) - wanted:
        shutil.rmtree(baseline_folder(work, run_id), ignore_errors=True)
