"""What the tables of a run say of single images: the lists of a plan that need no group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from imgvet.curation.decisions import Decisions, Kind
from imgvet.curation.rules import Rules
from imgvet.errors import InvalidParameterError
from imgvet.metrics import FLAGS, METRIC_BY_NAME, flagged, limit_of
from imgvet.options import FlagOptions
from imgvet.reasons import Reason
from imgvet.search.saved_lists import list_path
from imgvet.similarity.outliers import ROBUST_LIMIT
from imgvet.sources.local import read_rows
from imgvet.workdir import WorkDir


class Finding(NamedTuple):
    """One image on one list, what is to happen to it, and why."""

    id: int
    action: str
    list: str
    reason: str
    kept: int | None = None
    """The image that stays for it."""
    similarity: float | None = None


@dataclass(frozen=True)
class Found:
    """What a plan is made from."""

    work: WorkDir
    images: pd.DataFrame
    """As :func:`imgvet.curation.images.images_of` gives them."""
    tables: Mapping[str, pd.DataFrame]
    """Those that the run made, and none else."""
    rules: Rules
    flags: FlagOptions
    """The limits of the run."""
    least: float
    """Similarity of near duplicates."""
    decisions: Decisions


def single_findings(found: Found) -> Iterator[Finding]:
    """The findings that need no group, of lists that are on; those that remove come first."""
    rules = found.rules
    lists: tuple[tuple[str, Callable[[Found], Iterator[Finding]]], ...] = (
        ("invalid", _invalid),
        *((flag.name, _flagged(flag.name)) for flag in FLAGS),
        ("outlying", _outlying),
        ("mislabelled", _mislabelled),
    )
    findings = list(_listed(found))
    for name, find in lists:
        if getattr(rules, name) != "off":
            findings += find(found)
    kept = found.images["digest"].isin(found.decisions.of(Kind.KEEP))
    for finding in sorted(findings, key=lambda one: one.action != "remove"):
        if not kept[finding.id] or finding.list == "listed":
            yield finding


def _listed(found: Found) -> Iterator[Finding]:
    for name in found.rules.lists:
        path = list_path(found.work, name)
        if not path.is_file():
            raise InvalidParameterError(
                f"There is no list {name!r}", f"Save it in the explorer, as {path}"
            )
        wanted = found.images["filename"].isin(set(read_rows(path)))
        for item in found.images.index[wanted].tolist():
            yield Finding(item, "remove", "listed", f"a person put it on the list {name}")


def _invalid(found: Found) -> Iterator[Finding]:
    rules, images = found.rules, found.images
    bad = images[images["status"] != Reason.OK.value]
    for item, status in zip(bad.index.tolist(), bad["status"], strict=True):
        sure = status in rules.invalid_reasons
        action = rules.invalid if sure else "review"
        yield Finding(item, action, "invalid", f"{status}: {Reason(status).meaning}")


def _flagged(name: str) -> Callable[[Found], Iterator[Finding]]:
    (flag,) = (flag for flag in FLAGS if flag.name == name)

    def find(found: Found) -> Iterator[Finding]:
        rules, stats = found.rules, found.tables["stats"]
        limit = getattr(rules, flag.option)
        limits = found.flags if limit is None else FlagOptions(**{flag.option: limit})
        title = METRIC_BY_NAME[flag.metric].title.lower()
        side = "below" if flag.below else "above"
        for row in stats[flagged(stats, limits)[name]].to_dict(orient="records"):
            said = f"{name}: {title} {row[flag.metric]:.3g}, {side} {limit_of(flag, limits):g}"
            yield Finding(row["id"], getattr(rules, name), name, said)

    return find


def _outlying(found: Found) -> Iterator[Finding]:
    outliers, limit = found.tables["outliers"], found.rules.outlier_score
    standing_out = outliers["score"] > (ROBUST_LIMIT if limit is None else limit)
    for row in outliers[standing_out].to_dict(orient="records"):
        said = f"unlike all others: most alike {row['similarity']:.3f}, score {row['score']:.1f}"
        yield Finding(row["id"], found.rules.outlying, "outlying", said)


def _mislabelled(found: Found) -> Iterator[Finding]:
    """Of table ``label_issues``, where it is: 0 is a label that is surely wrong.

    Copies with other labels are left to a person, whatever the rule.
    """
    issues, limit = found.tables.get("label_issues"), found.rules.mislabelled_score
    if issues is None:
        return
    issues = issues[issues["is_issue"] if limit is None else issues["score"] <= limit]
    right = found.images["digest"].isin(found.decisions.of(Kind.LABEL_IS_RIGHT))
    for row in issues.to_dict(orient="records"):
        item, said = row["id"], f"labelled {row['label']}"
        if right[item]:
            continue
        if isinstance(row["suggested_label"], str):
            said += f", likely {row['suggested_label']} (score of the label {row['score']:.2f})"
        if row.get("conflict"):
            yield Finding(item, "review", "mislabelled", f"{said}; a copy has another label")
        else:
            yield Finding(item, found.rules.mislabelled, "mislabelled", said)
