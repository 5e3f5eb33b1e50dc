"""What the tables of a run say of single images: the lists of a plan that need no group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import pandas as pd

from imgvet.curation.decisions import Decisions, Kind
from imgvet.curation.rules import Rules
from imgvet.metrics import FLAGS, METRIC_BY_NAME, flagged, limit_of
from imgvet.options import FlagOptions
from imgvet.reasons import Reason
from imgvet.search.saved_lists import names_in_list
from imgvet.similarity.outliers import ROBUST_LIMIT
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
    """By name; those that the run did not make are empty."""
    rules: Rules
    flags: FlagOptions
    """Limits, of the rules where they have one and else of the run."""
    least: float
    """Similarity of near duplicates."""
    decisions: Decisions


def single_findings(found: Found) -> list[Finding]:
    """The findings that need no group, of lists that are on; those that remove come first."""
    by_rules = (_invalid(found), _flagged(found), _outlying(found), _mislabelled(found))
    kept = found.images["digest"].isin(found.decisions.of(Kind.KEEP))
    findings = [
        *_listed(found),
        *(
            finding
            for finding in chain(*by_rules)
            if getattr(found.rules, finding.list) != "off" and not kept[finding.id]
        ),
    ]
    return sorted(findings, key=lambda one: one.action != "remove")


def _listed(found: Found) -> Iterator[Finding]:
    for name in found.rules.lists:
        wanted = found.images["filename"].isin(names_in_list(found.work, name))
        for item in found.images.index[wanted].tolist():
            yield Finding(item, "remove", "listed", f"a person put it on the list {name}")


def _invalid(found: Found) -> Iterator[Finding]:
    rules, images = found.rules, found.images
    bad = images["status"][images["status"] != Reason.OK.value]
    for item, status in zip(bad.index.tolist(), bad, strict=True):
        action = rules.invalid if status in rules.invalid_reasons else "review"
        yield Finding(item, action, "invalid", f"{status}: {Reason(status).meaning}")


def _flagged(found: Found) -> Iterator[Finding]:
    stats = found.tables["stats"]
    which = flagged(stats, found.flags)
    for flag in FLAGS:
        title = METRIC_BY_NAME[flag.metric].title.lower()
        limit = f"{'below' if flag.below else 'above'} {limit_of(flag, found.flags):g}"
        rows = stats.loc[which[flag.name], ["id", flag.metric]]
        for item, value in rows.itertuples(index=False):
            said = f"{flag.name}: {title} {value:.3g}, {limit}"
            yield Finding(item, getattr(found.rules, flag.name), flag.name, said)


def _outlying(found: Found) -> Iterator[Finding]:
    outliers, limit = found.tables["outliers"], found.rules.outlier_score
    standing_out = outliers["score"] > (ROBUST_LIMIT if limit is None else limit)
    for row in outliers[standing_out].to_dict(orient="records"):
        said = f"unlike all others: most alike {row['similarity']:.3f}, score {row['score']:.1f}"
        yield Finding(row["id"], found.rules.outlying, "outlying", said)


def _mislabelled(found: Found) -> Iterator[Finding]:
    """Of table ``label_issues``: 0 is a label that is surely wrong.

    Copies with other labels are left to a person, whatever the rule.
    """
    issues, limit = found.tables["label_issues"], found.rules.mislabelled_score
    issues = issues[issues["is_issue"].eq(True) if limit is None else issues["score"] <= limit]
    right = found.decisions.of(Kind.LABEL_IS_RIGHT)
    for row in issues[~issues["id"].map(found.images["digest"]).isin(right)].to_dict("records"):
        said, action = f"labelled {row['label']}", found.rules.mislabelled
        if isinstance(row["suggested_label"], str):
            said += f", likely {row['suggested_label']} (score of the label {row['score']:.2f})"
        if row["conflict"]:
            said, action = f"{said}; a copy has another label", "review"
        yield Finding(row["id"], action, "mislabelled", said)
