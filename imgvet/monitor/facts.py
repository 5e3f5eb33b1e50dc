"""What watching needs to know of one run, and how it is read from a finished work dir."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import ADVANCED_VERSION, MEASURE_VERSION
from imgvet.monitor.strangeness import Scale
from imgvet.options import (
    AnnotationOptions,
    CropOptions,
    FlagOptions,
    MediaOptions,
    ModelOptions,
    RunOptions,
    SimilarityOptions,
    VideoOptions,
    make_options,
)
from imgvet.quality.result import CheckResult, read_results
from imgvet.summary import RunRecord, read_record
from imgvet.tables import read_table
from imgvet.workdir import WorkDir

COMPARED_PARAMETERS: tuple[str, ...] = (
    *VideoOptions.model_fields,
    *MediaOptions.model_fields,
    *CropOptions.model_fields,
    *FlagOptions.model_fields,
    *SimilarityOptions.model_fields,
    *(name for name in AnnotationOptions.model_fields if name != "annotations"),
    *(name for name in ModelOptions.model_fields if name not in {"d", "embeddings"}),
    "distance",
    "nearest_neighbors_k",
    "min_file_size",
)
"""Parameters that change what a rate means; where they differ, runs are not compared."""

Settings = Mapping[str, str]


@dataclass(frozen=True)
class RunIdentity:
    """Which run it is.

    Attributes:
        run_id: its id.
        started: when it started, ISO 8601, UTC.
        version: version of imgvet.
        dataset: what it analysed, for a person.
        model: name of the embedding model.
        parameters: all parameters, as JSON.
    """

    run_id: str
    started: str
    version: str = ""
    dataset: str = ""
    model: str = ""
    parameters: str = "{}"


@dataclass(frozen=True)
class RunFacts:
    """What watching needs to know of a finished run.

    Attributes:
        identity: which run it is.
        settings: parameters, model and versions that have to be equal for runs to be compared.
        items: the table items.
        stats: the table stats; None if no statistics were taken.
        similarity: the table similarity.
        embeddings: float32 (rows, width); row i belongs to the items with ``embedding_row`` i.
        scale: what similarities mean.
        flags: from where on an image is dark, bright or blurry.
        checks: results of the checks.
    """

    identity: RunIdentity
    settings: Settings
    items: pd.DataFrame
    stats: pd.DataFrame | None
    similarity: pd.DataFrame
    embeddings: NDArray[np.float32]
    scale: Scale
    flags: FlagOptions
    checks: tuple[CheckResult, ...] = ()


def settings_of(options: RunOptions, model_digest: str) -> dict[str, str]:
    """What has to be equal for two runs to be compared, each as text."""
    values = options.model_dump(mode="json")
    parameters = {name: json.dumps(values[name]) for name in COMPARED_PARAMETERS if name in values}
    versions = {"measures": f"{MEASURE_VERSION}.{ADVANCED_VERSION}"}
    return {**parameters, "model": model_digest, **versions}


def read_facts(work: WorkDir) -> RunFacts:
    """The facts of the run whose results lie in a work dir."""
    record = read_record(work)
    options = make_options(record.parameters)
    scale = record.model.get("similarity_scale")
    return RunFacts(
        identity=identity_of(record, options),
        settings=settings_of(options, str(record.model.get("sha256", ""))),
        items=read_table(work.table("items")),
        stats=read_table(work.table("stats")) if options.run_stats else None,
        similarity=read_table(work.table("similarity")),
        embeddings=np.load(work.embeddings, mmap_mode="r"),
        scale=Scale(scale if isinstance(scale, float) else 1.0, options.threshold),
        flags=options.part(FlagOptions),
        checks=read_results(work.checks_json),
    )


def identity_of(record: RunRecord, options: RunOptions) -> RunIdentity:
    """Which run a record is of."""
    return RunIdentity(
        run_id=record.run_id,
        started=record.started,
        version=record.versions.get("imgvet", ""),
        dataset=dataset_name(options.input_dir),
        model=str(record.model.get("name", "")),
        parameters=json.dumps(record.parameters, sort_keys=True),
    )


def dataset_name(inputs: tuple[str, ...]) -> str:
    """The inputs as a short name: the last part of the first, and how many more there are."""
    if not inputs:
        return ""
    first = inputs[0].rstrip("/").rsplit("/", 1)[-1] or inputs[0]
    return first if len(inputs) == 1 else f"{first} and {len(inputs) - 1} more"
