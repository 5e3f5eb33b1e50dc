"""The two sides of a comparison: the images of a run or a data set, and what was found of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import pandas as pd

from imgvet.metrics import FLAGS
from imgvet.opening import finished_at
from imgvet.options import (
    LabelOptions,
    MediaOptions,
    ModelOptions,
    NeighborOptions,
    OutlierOptions,
    RunOptions,
    SimilarityOptions,
)
from imgvet.parameters import Part
from imgvet.quality.summarize import properties
from imgvet.reasons import Failure
from imgvet.similarity.outliers import standing_out
from imgvet.sources.inputs import opened
from imgvet.sources.listing import shared_folder
from imgvet.store.references import digest_bytes
from imgvet.summary import RunRecord, read_record
from imgvet.tables import BY_NAME, read_made
from imgvet.threads import in_threads
from imgvet.workdir import WorkDir

FINDINGS: Mapping[str, tuple[str, tuple[type[Part], ...]]] = {
    "invalid": ("invalid", (MediaOptions,)),
    "exact_duplicate_surplus": ("surplus copy", ()),
    "near_duplicate_images": ("near duplicate", (SimilarityOptions, NeighborOptions, ModelOptions)),
    "outlier": ("outlier", (OutlierOptions, NeighborOptions, ModelOptions)),
    "leaking": ("leaking", (SimilarityOptions, NeighborOptions, ModelOptions)),
    "mislabelled": ("mislabelled", (LabelOptions, NeighborOptions, ModelOptions)),
}
"""By property of an image what a person calls it, and the parameters that it depends on."""


@dataclass(frozen=True)
class Side:
    """One of the two that are compared."""

    title: str
    images: pd.DataFrame
    """A row for each image: its ``name`` below its input, ``filename``, ``digest``, ``label``,
    ``split`` and the set of its ``findings``."""
    record: RunRecord | None = None
    work: WorkDir | None = None
    """None of a data set that no run has looked at: nothing is known but contents."""


def read_side(name: str, threads: int = 1) -> Side:
    """A work dir's finished run, or else a data set, whose files are read for their digests.

    ImgvetError as :func:`imgvet.sources.inputs.opened`.
    """
    if (work := finished_at(name)) is not None:
        return _of_run(work)
    with opened([name]) as (items, read):

        def digest_of(row: int) -> str | None:
            data = read(row)
            return None if isinstance(data, Failure) else digest_bytes(data)

        items["digest"] = list(in_threads(digest_of, range(len(items)), threads))
    return Side(name, _named(items, pd.DataFrame(index=items.index)))


def _of_run(work: WorkDir) -> Side:
    record = read_record(work)
    items, stats, similarity, outliers, leaks, issues = (
        read_made(work.table(name), BY_NAME[name])
        for name in ("items", "stats", "similarity", "outliers", "leaks", "label_issues")
    )
    has = properties(items, stats, similarity, record.options(RunOptions))
    ids = {
        "outlier": standing_out(outliers)["id"],
        "leaking": pd.concat([leaks["from"], leaks["to"]]),
        "mislabelled": issues["id"][issues["is_issue"].astype(bool)],
    }
    for name, known in ids.items():
        has[name] = items["id"].isin(known)
    words = {name: word for name, (word, _) in FINDINGS.items()} | {f.name: f.name for f in FLAGS}
    has = has[[name for name in words if name in has]].rename(columns=words)
    return Side(work.name, _named(items, has), record, work)


def _named(items: pd.DataFrame, has: pd.DataFrame) -> pd.DataFrame:
    """The images of a side; ``has`` says in a column for each finding which of them have it."""
    inputs = items.groupby("source")["filename"]
    roots = {source: _root_of(str(source), own) for source, own in inputs}
    pairs = zip(items["filename"], items["source"], strict=True)
    names = [filename.removeprefix(roots[source]) for filename, source in pairs]
    found = [frozenset(compress(has, row)) for row in has.to_numpy().tolist()]
    known = items[["filename", "digest", "label", "split"]]
    return known.assign(name=names, findings=pd.Series(found, items.index, dtype=object))


def _root_of(source: str, filenames: pd.Series) -> str:
    """What the names of an input begin with: its folder or archive, or what a list's share."""
    whole = source if "://" in source else str(Path(source).expanduser().absolute())
    for root in (f"{whole.rstrip('/')}/", f"{whole}!", f"{whole}#"):
        if filenames.str.startswith(root).all():
            return root
    return shared_folder(filenames)
