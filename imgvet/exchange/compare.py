"""Compare two runs or two data sets, image by image: what is new, gone, moved, worse and better."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from imgvet.metrics import FLAGS
from imgvet.opening import finished_at
from imgvet.options import (
    ExecutionOptions,
    FetchOptions,
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
from imgvet.tables import BY_NAME, read_made, with_none
from imgvet.threads import in_threads
from imgvet.workdir import WorkDir

CHANGES = ("new", "gone", "changed", "moved", "same")
"""What became of an image: its name or its content is in one of the two, in both, or apart."""

COLUMNS = (
    "change", "filename", "filename_before", "label_before", "label", "split_before", "split",
    "newly_bad", "newly_good", "digest_before", "digest",
)  # fmt: skip

_MODEL = "model"


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


@dataclass(frozen=True)
class Difference:
    """What parts the later side from the earlier."""

    before: Side
    after: Side
    images: pd.DataFrame
    """The images that differ, with :data:`COLUMNS`; ``newly_bad`` and ``newly_good`` are lists of
    findings, new images have all of theirs in ``newly_bad``."""
    parameters: Mapping[str, str]
    """Changed parameters by name, in words."""
    not_compared: tuple[str, ...]
    """Findings that can't be compared, as what they depend on changed."""

    @property
    def counts(self) -> dict[str, int]:
        """How many images are of each change, have another label or split, or other findings."""
        known = Counter(self.images["change"])
        counts = {name: known[name] for name in CHANGES if name != "same"}
        counts["relabelled"] = int(relabelled(self.images).sum())
        return counts | {
            name: int(self.images[name].map(bool).sum()) for name in ("newly_bad", "newly_good")
        }

    def findings(self, column: str) -> Counter[str]:
        """How many images have each of the findings of ``newly_bad`` or ``newly_good``."""
        return Counter(name for found in self.images[column] for name in found)


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
        read_made(work, BY_NAME[name])
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


def relabelled(images: pd.DataFrame) -> pd.Series:
    """Which rows of :attr:`Difference.images` are in both and have another label or split."""
    in_both = images["filename"].notna() & images["filename_before"].notna()
    is_other = [_differ(images[name], images[f"{name}_before"]) for name in ("label", "split")]
    return in_both & (is_other[0] | is_other[1])


def _differ(one: pd.Series, other: pd.Series) -> pd.Series:
    """Which values differ; nothing is the same as nothing."""
    return one.fillna("").ne(other.fillna(""))


def compare_sides(before: Side, after: Side) -> Difference:
    """Find what became of each image, and which findings are new or gone.

    Images belong together by name below their input, else by content. A finding is compared only
    where the parameters (and the model) that it depends on are the same.
    """
    known = before.record is not None and after.record is not None
    parameters = _changed_parameters(before.record, after.record)
    lost = _not_comparable(parameters) if known else []
    pairs = _paired(before.images, after.images)
    old, new = (
        side.images.reindex(pairs[column]).reset_index(drop=True)
        for side, column in ((before, "before"), (after, "after"))
    )
    found = pd.DataFrame({"change": pairs["change"].to_numpy(object)})
    for name in ("filename", "digest", "label", "split"):
        told = [with_none(side[name]) for side in (old, new)]
        if name in ("label", "split") and not all(values.notna().any() for values in told):
            told = [pd.Series([None] * len(found), dtype=object)] * 2  # one side knows of none
        found[f"{name}_before"], found[name] = told
    is_other = _differ(found["digest"], found["digest_before"])
    found["change"] = found["change"].mask(found["change"].eq("same") & is_other, "changed")

    def gained(old: Any, new: Any) -> list[str]:
        """Findings that one has and the other has not; of an image that is only new, all."""
        if not known or not isinstance(new, frozenset):
            return []
        return sorted(new.difference(old, lost) if isinstance(old, frozenset) else new)

    sets = list(zip(old["findings"], new["findings"], strict=True))
    found["newly_bad"] = [gained(was, now) for was, now in sets]
    found["newly_good"] = [
        gained(now, was) if isinstance(now, frozenset) else [] for was, now in sets
    ]
    differs = found["change"].ne("same") | relabelled(found)
    differs |= found["newly_bad"].map(bool) | found["newly_good"].map(bool)
    images = found.loc[differs, list(COLUMNS)].reset_index(drop=True)
    return Difference(before, after, images, parameters, tuple(lost))


def _paired(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Rows of both by what became of them: columns ``before`` and ``after`` (-1: none), change.

    Of several that agree in name or content the first belongs to the first, and so on.
    """
    left, parts = {"before": before, "after": after}, []
    for column, change in (("name", "same"), ("digest", "moved")):
        keys = {name: rows[column].dropna() for name, rows in left.items()}
        old, new = (
            pd.DataFrame({"key": key, "n": key.groupby(key).cumcount(), name: key.index})
            for name, key in keys.items()
        )
        found = old.merge(new, on=["key", "n"])
        parts.append(found.assign(change=change))
        left = {name: rows.drop(found[name]) for name, rows in left.items()}
    parts.append(pd.DataFrame({"before": -1, "after": left["after"].index, "change": "new"}))
    parts.append(pd.DataFrame({"before": left["before"].index, "after": -1, "change": "gone"}))
    pairs = pd.concat(parts, ignore_index=True)
    order = pairs["after"].mask(pairs["after"] < 0, len(after) + pairs["before"])
    return pairs.iloc[np.argsort(order.to_numpy(), kind="stable")]


def _changed_parameters(before: RunRecord | None, after: RunRecord | None) -> dict[str, str]:
    if before is None or after is None:
        return {}
    left_out = {"input_dir", *ExecutionOptions.model_fields, *FetchOptions.model_fields}
    old, new = (run.options(RunOptions).model_dump(mode="json") for run in (before, after))
    found = {
        name: f"{name} was {json.dumps(old[name])} and is {json.dumps(new[name])}"
        for name in old
        if name not in left_out and old[name] != new[name]
    }
    if before.model.get("sha256") != after.model.get("sha256"):
        found[_MODEL] = "the model is another one"
    versions = [run.versions.get("imgvet") or "unknown" for run in (before, after)]
    if versions[0] != versions[1]:
        found["imgvet"] = f"imgvet was {versions[0]} and is {versions[1]}"
    return found


def _not_comparable(parameters: Mapping[str, str]) -> list[str]:
    """The findings that changed parameters change."""
    needed = {
        word: {name for part in parts for name in part.model_fields}
        | ({_MODEL} if ModelOptions in parts else set())
        for word, parts in FINDINGS.values()
    }
    needed |= {flag.name: {flag.option, "run_stats"} for flag in FLAGS}
    return [word for word, names in needed.items() if not names.isdisjoint(parameters)]
