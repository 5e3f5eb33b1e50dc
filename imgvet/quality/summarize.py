"""Stage run_checks, as plain functions: count, check, and sum up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgvet.options import RunOptions
from imgvet.quality.counting import Findings, count, invalid_by_reason
from imgvet.quality.rates import rates
from imgvet.quality.result import CheckResult, CheckState
from imgvet.quality.suite import run_checks
from imgvet.quality.verdict import verdict
from imgvet.summary import RunSummary


@dataclass(frozen=True)
class SearchFacts:
    """What is known of the search besides its tables.

    Attributes:
        model: name of the embedding model.
        recall: measured recall of the nearest-neighbour search, 1 if it was exact.
        median_similarity: median similarity to the nearest neighbour, None without neighbours.
        sources: images that were cut into crops, None if whole ones were analysed.
        sources_without_crops: how many of them gave none.
    """

    model: str
    recall: float | None
    median_similarity: float | None
    sources: int | None = None
    sources_without_crops: int | None = None


def summarize(
    found: Findings, search: SearchFacts, options: RunOptions
) -> tuple[RunSummary, tuple[CheckResult, ...]]:
    """Count the findings, check them, and sum up.

    Args:
        found: the tables.
        search: facts of the search.
        options: thresholds and limits.
    """
    counted = count(found, options, options, measured=options.run_stats)
    stats = found.stats if options.run_stats else None
    checks = run_checks(rates(counted.counts), stats, counted.examples, options.checks)
    summary = RunSummary(
        verdict=verdict(checks),
        counts=counted.counts,
        invalid_by_reason=invalid_by_reason(found.items),
        inputs=options.input_dir,
        sources=search.sources,
        sources_without_crops=search.sources_without_crops,
        model=search.model,
        threshold=options.threshold,
        cc_threshold=options.cc_threshold,
        outlier_percentile=options.outlier_percentile,
        dark_threshold=options.dark_threshold,
        bright_threshold=options.bright_threshold,
        blur_threshold=options.blur_threshold,
        median_similarity=search.median_similarity,
        neighbor_recall=search.recall,
        checks_passed=_number(checks, CheckState.PASSED),
        checks_failed=_number(checks, CheckState.FAILED),
        checks_errored=_number(checks, CheckState.ERRORED),
    )
    return summary, checks


def _number(checks: Sequence[CheckResult], state: CheckState) -> int:
    return sum(check.state is state for check in checks)
