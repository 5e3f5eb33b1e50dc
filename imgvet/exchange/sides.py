"""The two sides of a comparison: the images of a run or a data set, and what was found of each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from imgvet.errors import RunNotFoundError
from imgvet.metrics import FLAGS
from imgvet.options import (
    LabelOptions,
    MediaOptions,
    ModelOptions,
    NeighborOptions,
    OutlierOptions,
    RunOptions,
    SimilarityOptions,
    SourceOptions,
)
from imgvet.parameters import Part
from imgvet.quality.summarize import properties
from imgvet.reasons import Failure
from imgvet.search.image_table import ImageTable
from imgvet.similarity.outliers import ROBUST_LIMIT
from imgvet.sources.inputs import find_inputs
from imgvet.sources.local import read_bytes
from imgvet.store.references import digest_bytes
from imgvet.summary import RunRecord, read_record
from imgvet.tables import (
    ITEMS,
    LABEL_ISSUES,
    LEAKS,
    SIMILARITY,
    STATS,
    Table,
    conform,
    empty,
    read_table,
    to_frame,
)
from imgvet.threads import in_threads
from imgvet.workdir import WorkDir, open_finished, work_dir_at

FINDINGS: Mapping[str, tuple[str, tuple[type[Part], ...]]] = {
    "invalid": ("invalid", (MediaOptions,)),
    "exact_duplicate_surplus": ("surplus copy", ()),
    "near_duplicate_images": ("near duplicate", (SimilarityOptions, NeighborOptions, ModelOptions)),
    "outlier": ("outlier", (OutlierOptions, NeighborOptions, ModelOptions)),
    "leaking": ("leaking", (SimilarityOptions, NeighborOptions, ModelOptions)),
    "mislabelled": ("mislabelled", (LabelOptions, NeighborOptions, ModelOptions)),
}
"""By property of an image what a person calls it, and the parameters that it depends on."""
_VALUES = ["name", "filename", "digest", "label", "split", "findings"]


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

    RunNotFoundError if a data set has archives, videos or objects in buckets; ImgvetError as
    :func:`imgvet.sources.inputs.find_inputs`.
    """
    path = Path(name).expanduser()
    if "://" not in name and work_dir_at(path).is_finished():
        return _of_run(open_finished(path))
    listing = find_inputs(SourceOptions(input_dir=(name,))).listing
    if listing is None:
        raise RunNotFoundError(
            f"{name} holds archives, videos or objects in buckets",
            "Compare finished runs on them: imgvet run, then imgvet compare OUT1 OUT2",
        )
    items = to_frame(listing)
    items["digest"] = list(in_threads(_digest_of, items["path"], threads))
    return Side(name, _rows(items, [frozenset()] * len(items)))


def _digest_of(path: str) -> str | None:
    data = read_bytes(path)
    return None if isinstance(data, Failure) else digest_bytes(data)


def _of_run(work: WorkDir) -> Side:
    record = read_record(work)
    items, stats, similarity = (
        to_frame(conform(read_table(work.table(table.name)), table))
        for table in (ITEMS, STATS, SIMILARITY)
    )
    has = properties(items, stats, similarity, record.options(RunOptions))
    scores = ImageTable.of_run(work).frame(["outliers.score"])["outliers.score"]
    has["outlier"] = (scores > ROBUST_LIMIT).fillna(value=False).to_numpy(bool)
    leaks, issues = (_optional(work, table) for table in (LEAKS, LABEL_ISSUES))
    has["leaking"] = items["id"].isin(pd.concat([leaks["from"], leaks["to"]]))
    has["mislabelled"] = items["id"].isin(issues.loc[issues["is_issue"].astype(bool), "id"])
    words = {name: word for name, (word, _) in FINDINGS.items()} | {f.name: f.name for f in FLAGS}
    found: list[set[str]] = [set() for _ in range(len(items))]
    for name, word in words.items():
        for place in np.flatnonzero(has[name]) if name in has else ():
            found[place].add(word)
    return Side(str(work.home), _rows(items, list(map(frozenset, found))), record, work)


def _optional(work: WorkDir, table: Table) -> pd.DataFrame:
    path = work.table(table.name)
    return to_frame(conform(read_table(path), table)) if path.is_file() else empty(table)


def _rows(items: pd.DataFrame, findings: list[frozenset[str]]) -> pd.DataFrame:
    roots = {
        source: _root_of(str(source), own) for source, own in items.groupby("source")["filename"]
    }
    named = zip(items["filename"], items["source"], strict=True)
    names = [filename.removeprefix(roots[source]) for filename, source in named]
    known = items[["filename", "digest", "label", "split"]].reset_index(drop=True)
    sets = pd.Series(findings, known.index, dtype=object)
    return known.assign(name=names, findings=sets)[_VALUES]


def _root_of(source: str, filenames: pd.Series) -> str:
    """What the names of an input begin with: its folder or archive, or what a list's share."""
    whole = source if "://" in source else str(Path(source).expanduser().absolute())
    for root in (f"{whole.rstrip('/')}/", f"{whole}!", f"{whole}#"):
        if filenames.str.startswith(root).all():
            return root
    shared = os.path.commonprefix(filenames.tolist())  # noqa: RUF071 - cut
    return shared[: shared.rfind("/") + 1]
