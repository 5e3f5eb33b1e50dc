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
from imgvet.summary import Counts, Exact, RunSummary

Tables = Mapping[str, pd.DataFrame]
"""The tables of a run by name."""

COUNTED = ("items", "stats", "similarity", "outliers", "component_info")
"""The tables that are counted."""


class SearchFacts(Exact):
    """What is known of a run besides its tables."""

    model: str
    recall: float | None
    """Measured recall of the nearest-neighbour search, 1 if it was exact."""
    median_similarity: float | None
    sources: int | None = None
    """Images that were cut into crops, None if whole ones were analysed."""
    sources_without_crops: int | None = None


def summarize(
    tables: Tables, facts: SearchFacts, options: RunOptions
) -> tuple[RunSummary, tuple[CheckResult, ...]]:
    """Count the findings in the tables :data:`COUNTED`, check them, and sum up."""
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
        neighbor_recall=facts.recall,
        checks_passed=states[CheckState.PASSED],
        checks_failed=states[CheckState.FAILED],
        checks_errored=states[CheckState.ERRORED],
    )
    return summary, checks


def count(tables: Tables, options: RunOptions) -> tuple[Counts, dict[str, list[int]]]:
    """Count images, pairs and groups, each exactly; and ids of examples, worst first, by check.

    ``tables`` are :data:`COUNTED`. Without ``run_stats`` dark, bright and blurry images are not
    counted.
    """
    items, stats, similarity = (tables[name] for name in ("items", "stats", "similarity"))
    has = properties(items, stats, similarity, options)
    valid, surplus = items[has["valid"]], items.loc[has["exact_duplicate_surplus"], "id"]
    copies = int(valid.duplicated("digest", keep=False).sum())
    near = near_pairs(similarity, valid)
    sizes, robust = tables["component_info"]["count"], standing_out(tables["outliers"])
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
    )
    flags = flagged(stats, options).items()
    examples = {
        "invalid_rate": items.loc[has["invalid"], "id"].tolist(),
        "duplicate_rate": surplus.tolist(),
        "near_duplicate_rate": pd.unique(near[["from", "to"]].to_numpy().ravel()).tolist(),
        "outlier_rate": robust["id"].tolist(),
        **{f"{name}_rate": stats.loc[mask, "id"].tolist() for name, mask in flags},
    }
    return counts, examples


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

    Invalid images are a share of all images, everything else of the valid ones. A rate over no
    images, or of what was not measured, is 0: nothing violates it. A dataset without a valid image
    fails ``images_present`` instead, once and clearly.
    """
    of_valid = {
        "duplicate_rate": counts.exact_duplicate_surplus,
        "near_duplicate_rate": counts.near_duplicate_images,
        "dark_rate": counts.dark,
        "bright_rate": counts.bright,
        "blurry_rate": counts.blurry,
        "outlier_rate": counts.robust_outliers,
    }
    return {
        "images_present": counts.valid,
        "invalid_rate": counts.invalid / max(counts.images, 1),
        **{name: (number or 0) / max(counts.valid, 1) for name, number in of_valid.items()},
    }


def run_checks(
    rates: Mapping[str, float],
    stats: pd.DataFrame | None,
    examples: Mapping[str, Sequence[int]],
    limits: CheckLimits,
) -> tuple[CheckResult, ...]:
    """Check a dataset. The first call takes seconds more, and all belong into one thread.

    One of the observed ``rates`` that is not finite makes its own check errored, as a column of the
    table stats does that is missing or holds no numbers. Without the table its checks are left out.
    """
    outcomes = _rate_outcomes(rates, limits)
    if stats is not None:
        outcomes |= _stats_outcomes(stats)
    results = []
    for check in CHECKS:
        if stats is None and check.measured:
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
