"""Stage run_checks: count what a run found, hold it against the limits, and sum up.

The checks are built-in expectations of Great Expectations.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from imgvet.metrics import BASIC_METRICS, FLAGS, METRICS, flagged
from imgvet.options import CheckLimits, RunOptions
from imgvet.quality.checks import (
    CHECK_BY_NAME,
    CHECKS,
    Check,
    Unit,
    allowed_words,
    observed_words,
)
from imgvet.quality.expectations import Expected, Outcome, validate
from imgvet.quality.result import EXAMPLES, CheckResult, CheckState, verdict
from imgvet.reasons import Reason
from imgvet.similarity.outliers import standing_out
from imgvet.summary import Counts, Exact, LabelStructure, RunSummary

Tables = Mapping[str, pd.DataFrame]
"""The tables of a run by name."""

COUNTED = ("items", "stats", "similarity", "outliers", "component_info", "leaks", "label_issues")
"""The tables that are counted; the last two only if there are splits or labels."""


class SearchFacts(Exact):
    """What is known of a run besides its tables."""

    model: str
    recall: float | None
    """Measured recall of the nearest-neighbour search, 1 if it was exact."""
    median_similarity: float | None
    estimated_scale: float | None = None
    """The scale of similarity, if it was estimated on these images."""
    sources: int | None = None
    """Images that were cut into crops, None if whole ones were analysed."""
    sources_without_crops: int | None = None
    label_structure: LabelStructure | None = None


def summarize(
    tables: Tables, facts: SearchFacts, options: RunOptions
) -> tuple[RunSummary, tuple[CheckResult, ...]]:
    """Count the findings in the tables of :data:`COUNTED`, check them, and sum up."""
    counts, examples = count(tables, options)
    stats = tables["stats"] if options.run_stats else None
    checks = run_checks(rates(counts), stats, examples, options.checks)
    states = Counter(check.state for check in checks)
    summary = RunSummary(
        verdict=verdict(checks),
        counts=counts,
        invalid_by_reason=invalid_by_reason(tables["items"]),
        inputs=options.inputs,
        sources=facts.sources,
        sources_without_crops=facts.sources_without_crops,
        model=facts.model,
        threshold=options.threshold,
        cc_threshold=options.cc_threshold,
        outlier_percentile=options.outlier_percentile,
        dark_threshold=options.dark_threshold,
        bright_threshold=options.bright_threshold,
        blur_threshold=options.blur_threshold,
        median_similarity=facts.median_similarity,
        estimated_scale=facts.estimated_scale,
        neighbor_recall=facts.recall,
        leaks_by_split=leaks_by_split(tables["leaks"]) if "leaks" in tables else None,
        label_structure=facts.label_structure,
        checks_passed=states[CheckState.PASSED],
        checks_failed=states[CheckState.FAILED],
        checks_errored=states[CheckState.ERRORED],
    )
    return summary, checks


def count(tables: Tables, options: RunOptions) -> tuple[Counts, dict[str, list[int]]]:
    """Count images, pairs and groups, each exactly; and ids of examples, worst first, by check.

    ``tables`` are those of :data:`COUNTED`. Without ``run_stats`` dark, bright and blurry images
    are not counted, without the tables leaks and label_issues what they hold.
    """
    items, stats, similarity = (tables[name] for name in ("items", "stats", "similarity"))
    has = properties(items, stats, similarity, options)
    valid, surplus = items[has["valid"]], items.loc[has["exact_duplicate_surplus"], "id"]
    copies = int(valid.duplicated("digest", keep=False).sum())
    near = near_pairs(similarity, valid)
    sizes, robust = tables["component_info"]["count"], standing_out(tables["outliers"])
    told, shown = _annotated(tables)
    counts = Counts(
        **dict.fromkeys(flag.name for flag in FLAGS) | totals(has),
        exact_duplicate_images=copies,
        exact_duplicate_groups=copies - len(surplus),
        near_duplicate_pairs=len(near),
        components=len(sizes),
        component_images=int(sizes.sum()),
        largest_component=int(sizes.max()) if len(sizes) else 0,
        outliers=len(tables["outliers"]),
        robust_outliers=len(robust),
        **told,
    )
    flags = flagged(stats, options).items()
    examples = {
        "invalid_rate": items.loc[has["invalid"], "id"].tolist(),
        "duplicate_rate": surplus.tolist(),
        "near_duplicate_rate": pd.unique(near[["from", "to"]].to_numpy().ravel()).tolist(),
        "outlier_rate": robust["id"].tolist(),
        **{f"{name}_rate": stats.loc[mask, "id"].tolist() for name, mask in flags},
        **shown,
    }
    return counts, examples


def _annotated(tables: Tables) -> tuple[dict[str, int], dict[str, list[int]]]:
    """What splits and labels tell: counts, and ids of examples, worst first, by check."""
    counts: dict[str, int] = {}
    examples: dict[str, list[int]] = {}
    if "leaks" in tables:
        ids = pd.unique(tables["leaks"][["from", "to"]].to_numpy().ravel())
        counts |= {"leak_images": len(ids), "leak_pairs": len(tables["leaks"])}
        examples["leak_rate"] = ids.tolist()
    if "label_issues" in tables:
        labels, digest = tables["label_issues"], tables["items"].set_index("id")["digest"]
        conflicts, issues = (labels.loc[labels[name], "id"] for name in ("conflict", "is_issue"))
        counts |= {
            "labelled": len(labels),
            "label_conflict_images": len(conflicts),
            "label_conflict_groups": conflicts.map(digest).nunique(),
            "label_issues": len(issues),
        }
        examples |= {"label_conflict_rate": conflicts.tolist(), "label_issue_rate": issues.tolist()}
    return counts, examples


def leaks_by_split(leaks: pd.DataFrame) -> dict[str, int]:
    """Of each split that shares images with another how many of its images these are, by name."""
    ends = [leaks[["from", "split"]], leaks[["to", "other_split"]]]
    images = pd.concat([end.set_axis(["id", "split"], axis="columns") for end in ends])
    sizes = images.drop_duplicates("id")["split"].value_counts().sort_index()
    return {str(split): int(size) for split, size in sizes.items()}


def properties(
    items: pd.DataFrame, stats: pd.DataFrame, similarity: pd.DataFrame, options: RunOptions
) -> pd.DataFrame:
    """Which images have each property, bool (items, properties), named as its count.

    Without ``run_stats`` none is known to be dark, bright or blurry, and these are left out.
    """
    valid = items["status"] == Reason.OK.value
    good = items[valid]
    paired = near_pairs(similarity, good)[["from", "to"]].to_numpy().ravel()
    found = {
        "images": True,
        "valid": valid,
        "invalid": ~valid,
        "exact_duplicate_surplus": items.index.isin(good.index[good.duplicated("digest")]),
        "near_duplicate_images": valid & items["id"].isin(paired),
    }
    for name, mask in flagged(stats, options).items() if options.run_stats else ():
        found[name] = items["id"].isin(stats.loc[mask, "id"])
    return pd.DataFrame(found, dtype=bool)


def totals(has: pd.DataFrame) -> dict[str, int]:
    """How many images have each of their :func:`properties`."""
    return {str(name): int(number) for name, number in has.sum().items()}


def near_pairs(similarity: pd.DataFrame, valid: pd.DataFrame) -> pd.DataFrame:
    """The pairs of the table similarity whose bytes differ, of valid rows of the table items."""
    digest = valid.set_index("id")["digest"]
    return similarity[similarity["from"].map(digest) != similarity["to"].map(digest)]


def invalid_by_reason(items: pd.DataFrame) -> dict[str, int]:
    """How many items were left out for each reason, most frequent first, then by name."""
    reasons = Counter(items.loc[items["status"] != Reason.OK.value, "status"].tolist())
    return dict(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])))


def rates(counts: Counts) -> dict[str, float]:
    """What the checks observe, by the name of the check: the number of valid images, and shares.

    Invalid images are a share of all images, issues of labels of those that have one, everything
    else of the valid ones. What was not counted has no rate. A rate over no images is 0: nothing
    violates it. A dataset without a valid image fails ``images_present`` instead, once and clearly.
    """
    valid, labelled = counts.valid, counts.labelled or 0
    shares = {
        "invalid_rate": (counts.invalid, counts.images),
        "duplicate_rate": (counts.exact_duplicate_surplus, valid),
        "leak_rate": (counts.leak_images, valid),
        "label_conflict_rate": (counts.label_conflict_images, labelled),
        "near_duplicate_rate": (counts.near_duplicate_images, valid),
        "label_issue_rate": (counts.label_issues, labelled),
        "dark_rate": (counts.dark, valid),
        "bright_rate": (counts.bright, valid),
        "blurry_rate": (counts.blurry, valid),
        "outlier_rate": (counts.robust_outliers, valid),
    }
    known = {name: n / max(of, 1) for name, (n, of) in shares.items() if n is not None}
    return {"images_present": valid, **known}


def run_checks(
    rates: Mapping[str, float],
    stats: pd.DataFrame | None,
    examples: Mapping[str, Sequence[int]],
    limits: CheckLimits,
) -> tuple[CheckResult, ...]:
    """Check a dataset. The first call takes seconds more, and all belong into one thread.

    One of the observed ``rates`` that is not finite makes its own check errored, as a column of the
    table stats does that is missing or holds no numbers. What is not observed is not checked.
    """
    outcomes = _rate_outcomes(rates, limits)
    if stats is not None:
        outcomes |= _stats_outcomes(stats)
    results = []
    for check in CHECKS:
        if check.name not in outcomes:
            continue
        outcome, limit, value = outcomes[check.name], _limit(check, limits), None
        if outcome.state is not CheckState.ERRORED:
            value = float(rates.get(check.name, outcome.unexpected))
        results.append(
            CheckResult(
                name=check.name,
                title=check.title,
                state=outcome.state,
                severity=check.severity,
                observed="" if value is None else observed_words(check, value, limit),
                allowed=allowed_words(check, limit),
                value=value,
                section=check.section,
                examples=tuple(examples.get(check.name, outcome.examples)[:EXAMPLES]),
                detail=outcome.detail,
            )
        )
    return tuple(results)


def _limit(check: Check, limits: CheckLimits) -> float:
    return float(getattr(limits, check.limit)) if check.limit else 0.0


def _rate_outcomes(rates: Mapping[str, float], limits: CheckLimits) -> dict[str, Outcome]:
    """How the observed numbers meet their limits, by check."""
    # Great Expectations skips missing values, so a number that is not known would pass.
    known = {name: rate for name, rate in rates.items() if math.isfinite(rate)}
    expected = []
    for name in known:
        check = CHECK_BY_NAME[name]
        limit = _limit(check, limits)
        bounds = (limit, None) if check.unit is Unit.IMAGES else (None, limit)
        expected.append(Expected(name, bounds))
    not_known = Outcome(CheckState.ERRORED, detail="the observed number is not known")
    outcomes = validate(pd.DataFrame([known]), expected)
    return dict.fromkeys(rates, not_known) | dict(zip(known, outcomes, strict=True))


def _stats_outcomes(stats: pd.DataFrame) -> dict[str, Outcome]:
    """How the stats table meets the checks of its values, by check."""
    expected = {
        "measures_complete": [Expected(metric.name) for metric in BASIC_METRICS],
        "measures_in_range": [
            Expected(metric.name, (metric.low, metric.high))
            for metric in METRICS
            if not metric.advanced or metric.name in stats.columns
        ],
    }
    outcomes = iter(validate(stats, [one for several in expected.values() for one in several]))
    return {
        name: _merge({one.column: next(outcomes) for one in several})
        for name, several in expected.items()
    }


def _merge(outcomes: Mapping[str, Outcome]) -> Outcome:
    """One outcome for several columns: failed if any failed, else errored if any errored."""
    states = {outcome.state for outcome in outcomes.values()}
    order = (CheckState.FAILED, CheckState.ERRORED, CheckState.PASSED)
    examples = dict.fromkeys(row for outcome in outcomes.values() for row in outcome.examples)
    problems = [f"{name}: {outcome.detail}" for name, outcome in outcomes.items() if outcome.detail]
    return Outcome(
        next(state for state in order if state in states),
        unexpected=sum(outcome.unexpected for outcome in outcomes.values()),
        examples=tuple(examples),
        detail="; ".join(problems),
    )
