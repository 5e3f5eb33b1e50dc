"""Compare two runs or two data sets, image by image: what is new, gone, moved, worse and better."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from imgvet.exchange.sides import FINDINGS, Side
from imgvet.metrics import FLAGS
from imgvet.monitor.finished import settings_of
from imgvet.options import ExecutionOptions, FetchOptions, ModelOptions, RunOptions
from imgvet.parameters import Part
from imgvet.summary import RunRecord

CHANGES = ("new", "gone", "changed", "moved", "same")
"""What became of an image: its name or its content is in one of the two, in both, or apart."""

COLUMNS = (
    "change", "filename", "filename_before", "label_before", "label", "split_before", "split",
    "newly_bad", "newly_good", "digest_before", "digest",
)  # fmt: skip

_MODEL, _MEASURES = "model", "measures"


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


def relabelled(images: pd.DataFrame) -> pd.Series:
    """Which rows of :attr:`Difference.images` are in both and have another label or split."""
    in_both = images["filename"].notna() & images["filename_before"].notna()
    pairs = [(images[name], images[f"{name}_before"]) for name in ("label", "split")]
    differ = [now.fillna("").ne(before.fillna("")) for now, before in pairs]
    return in_both & (differ[0] | differ[1])


def compare_sides(before: Side, after: Side) -> Difference:
    """Find what became of each image, and which findings are new or gone.

    Images belong together by name below their input, else by content. A finding is compared only
    where the parameters (and the model) that it depends on are the same.
    """
    parameters = _changed_parameters(before.record, after.record)
    known = before.record is not None and after.record is not None
    lost = _not_comparable(parameters) if known else ()
    pairs = _paired(before.images, after.images)
    both = [
        side.images.reindex(pairs[column]).reset_index(drop=True)
        for side, column in ((before, "before"), (after, "after"))
    ]
    found = pd.DataFrame({"change": pairs["change"].to_numpy(object)})
    for name in ("filename", "digest", "label", "split"):
        told = [side[name].astype(object).where(side[name].notna(), None) for side in both]
        if name in ("label", "split") and not all(values.notna().any() for values in told):
            told = [pd.Series(None, found.index, dtype=object)] * 2  # one side knows of none
        found[f"{name}_before"], found[name] = told
    sets = [[one if isinstance(one, frozenset) else None for one in s["findings"]] for s in both]
    gained = partial(_gained, lost=frozenset(lost) if known else None)
    found["newly_bad"] = [gained(old, new) for old, new in zip(*sets, strict=True)]
    found["newly_good"] = [
        gained(new, old) if old is not None and new is not None else []
        for old, new in zip(*sets, strict=True)
    ]
    differs = found["change"].ne("same") | relabelled(found)
    differs |= found["newly_bad"].map(bool) | found["newly_good"].map(bool)
    images = found.loc[differs, list(COLUMNS)].reset_index(drop=True)
    return Difference(before, after, images, parameters, tuple(lost))


def _gained(
    old: frozenset[str] | None, new: frozenset[str] | None, lost: frozenset[str] | None
) -> list[str]:
    """Findings that one has and the other has not; of an image that is only new, all."""
    if new is None or lost is None:
        return []
    return sorted(new if old is None else new - old - lost)


def _paired(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Rows of both by what became of them: columns ``before`` and ``after`` (-1: none), change."""
    by_name = _matched(before, after, column="name")
    digests = [
        side["digest"].reindex(by_name[name]).fillna("").tolist()
        for side, name in ((before, "before"), (after, "after"))
    ]
    same = [old == new for old, new in zip(*digests, strict=True)]
    by_name["change"] = np.where(np.array(same, bool), "same", "changed")
    rest = _unmatched(before, by_name["before"]), _unmatched(after, by_name["after"])
    known = (side.dropna(subset="digest") for side in rest)
    moved = _matched(*known, column="digest").assign(change="moved")
    gone = _unmatched(rest[0], moved["before"]).index
    added = _unmatched(rest[1], moved["after"]).index
    parts = [
        by_name,
        moved,
        pd.DataFrame({"before": -1, "after": added, "change": "new"}),
        pd.DataFrame({"before": gone, "after": -1, "change": "gone"}),
    ]
    pairs = pd.concat(parts, ignore_index=True)
    order = pairs["after"].mask(pairs["after"] < 0, len(after) + pairs["before"])
    return pairs.iloc[np.argsort(order.to_numpy(), kind="stable")]


def _unmatched(side: pd.DataFrame, rows: pd.Series) -> pd.DataFrame:
    return side[~side.index.isin(rows)]


def _matched(before: pd.DataFrame, after: pd.DataFrame, *, column: str) -> pd.DataFrame:
    """The rows of both that agree in a column; of several the first with the first, and so on."""
    keyed = [
        pd.DataFrame(
            {"key": side[column], "number": side.groupby(column).cumcount(), name: side.index}
        )
        for side, name in ((before, "before"), (after, "after"))
    ]
    return keyed[0].merge(keyed[1], on=["key", "number"])[["before", "after"]]


def _changed_parameters(before: RunRecord | None, after: RunRecord | None) -> dict[str, str]:
    if before is None or after is None:
        return {}
    left_out = {"input_dir", *ExecutionOptions.model_fields, *FetchOptions.model_fields}
    fields = RunOptions.model_fields
    values = [
        {name: json.dumps(run.parameters.get(name, json.loads(_default(name)))) for name in fields}
        for run in (before, after)
    ]
    found = {
        name: f"{name} was {values[0][name]} and is {values[1][name]}"
        for name in fields
        if name not in left_out and values[0][name] != values[1][name]
    }
    if settings_of(before)[_MODEL] != settings_of(after)[_MODEL]:
        found[_MODEL] = "the model is another one"
    versions = [run.versions.get("imgvet", "") for run in (before, after)]
    if versions[0] != versions[1]:
        found[_MEASURES] = (
            f"imgvet was {versions[0] or 'unknown'} and is {versions[1] or 'unknown'}"
        )
    return found


def _default(name: str) -> str:
    return json.dumps(
        RunOptions.model_fields[name].get_default(call_default_factory=True), default=str
    )


def _not_comparable(parameters: Mapping[str, str]) -> list[str]:
    """The findings that changed parameters change."""
    needed = {word: _names_in(parts) for word, parts in FINDINGS.values()}
    needed |= {flag.name: {flag.option, "run_stats"} for flag in FLAGS}
    return [word for word, names in needed.items() if not names.isdisjoint(parameters)]


def _names_in(parts: tuple[type[Part], ...]) -> set[str]:
    names = {name for part in parts for name in part.model_fields}
    return names | {_MODEL} if ModelOptions in parts else names
