"""Stage run_checks, as plain functions: count, check, and sum up."""

from __future__ import annotations

from collections import Counter

from imgvet.options import RunOptions
from imgvet.quality.counts import Tables, count, invalid_by_reason, rates
from imgvet.quality.result import CheckResult, CheckState, verdict
from imgvet.quality.suite import run_checks
from imgvet.summary import Frozen, RunSummary

COUNTED = ("items", "stats", "similarity", "outliers", "component_info")
"""The tables that are counted."""


class SearchFacts(Frozen):
    """What is known of a run besides its tables.

    Attributes:
        model: name of the embedding model.
        recall: measured recall of the nearest-neighbour search, 1 if it was exact.
        median_similarity: median similarity to the nearest neighbour, None without neighbours.
        robust_outliers: ids of images whose robust score stands out, worst first.
        sources: images that were cut into crops, None if whole ones were analysed.
        sources_without_crops: how many of them gave none.
    """

    model: str
    recall: float | None
    median_similarity: float | None
    robust_outliers: tuple[int, ...] = ()
    sources: int | None = None
    sources_without_crops: int | None = None


def summarize(
    tables: Tables, facts: SearchFacts, options: RunOptions
) -> tuple[RunSummary, tuple[CheckResult, ...]]:
    """Count the findings, check them, and sum up.

    Args:
        tables: the tables :data:`COUNTED` by name.
        facts: what is known besides them.
        options: thresholds and limits.
    """
    found = count(tables, facts.robust_outliers, options)
    stats = tables["stats"] if options.run_stats else None
    checks = run_checks(rates(found.counts), stats, found.examples, options.checks)
    states = Counter(check.state for check in checks)
    summary = RunSummary(
        verdict=verdict(checks),
        counts=found.counts,
        invalid_by_reason=invalid_by_reason(tables["items"]),
        inputs=options.input_dir,
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
