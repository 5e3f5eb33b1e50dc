"""The numbers of the summary, against tables with planted truth."""

from __future__ import annotations

import pandas as pd
import pytest

from imgvet.options import FlagOptions, SimilarityOptions
from imgvet.quality.counts import Findings, count, invalid_by_reason
from imgvet.summary import RunSummary, Verdict
from imgvet.summary_text import summary_lines
from imgvet.tables import STATS, empty


@pytest.fixture
def findings() -> Findings:
    """Ten items: 0 1 2 are copies, 3 is near 0, 4 and 5 are near each other, 8 and 9 are bad."""
    digests = ["a", "a", "a", "b", "c", "d", "e", "f", None, "g"]
    status = ["ok"] * 8 + ["empty_file", "truncated"]
    items = pd.DataFrame(
        {"id": range(10), "filename": list("0123456789"), "digest": digests, "status": status}
    )
    pairs = [(0, 1, 1.0), (0, 2, 1.0), (0, 3, 0.97), (4, 5, 0.91)]
    similarity = pd.DataFrame(pairs, columns=["from", "to", "similarity"])
    options = FlagOptions()
    stats = empty(STATS).reindex(range(8))
    stats["id"] = range(8)
    stats["percentile_99"] = [options.dark_threshold - 1] * 2 + [200.0] * 6
    stats["percentile_5"] = [10.0] * 7 + [options.bright_threshold + 1]
    stats["sharpness"] = [options.blur_threshold * 2] * 8
    return Findings(
        items=items,
        stats=stats,
        similarity=similarity,
        outliers=pd.DataFrame({"id": [6]}),
        component_info=pd.DataFrame({"count": [4]}),
        robust_outliers=[6, 7],
    )


def test_images_pairs_and_groups_are_counted_apart(findings: Findings) -> None:
    counts = count(findings, FlagOptions(), SimilarityOptions()).counts
    assert (counts.images, counts.valid, counts.invalid) == (10, 8, 2)
    assert counts.exact_duplicate_images == 3
    assert counts.exact_duplicate_groups == 1
    assert counts.exact_duplicate_surplus == 2
    assert (counts.near_duplicate_images, counts.near_duplicate_pairs) == (4, 2)
    assert (counts.components, counts.component_images, counts.largest_component) == (1, 4, 4)
    assert (counts.outliers, counts.robust_outliers) == (1, 2)
    assert (counts.dark, counts.bright, counts.blurry) == (2, 1, 0)


def test_examples_show_the_problem_of_each_check(findings: Findings) -> None:
    examples = count(findings, FlagOptions(), SimilarityOptions()).examples
    assert examples["duplicate_rate"] == [1, 2]
    assert examples["invalid_rate"] == [8, 9]
    assert examples["outlier_rate"] == [6, 7]
    assert examples["dark_rate"] == [0, 1]
    assert sorted(examples["near_duplicate_rate"]) == [0, 3, 4, 5]


def test_reasons_are_counted_most_frequent_first(findings: Findings) -> None:
    items = pd.concat([findings.items, findings.items.tail(1)])
    assert list(invalid_by_reason(items).items()) == [("truncated", 2), ("empty_file", 1)]


def test_the_lines_hold_the_exact_counts_and_say_where_to_look(findings: Findings) -> None:
    counts = count(findings, FlagOptions(), SimilarityOptions()).counts
    summary = RunSummary(
        verdict=Verdict.FAILED,
        counts=counts,
        invalid_by_reason=invalid_by_reason(findings.items),
        inputs=("photos",),
        model="m",
        threshold=0.9,
        cc_threshold=0.96,
        outlier_percentile=0.05,
        dark_threshold=1,
        bright_threshold=2,
        blur_threshold=3,
        median_similarity=0.8,
        neighbor_recall=1.0,
        checks_passed=8,
        checks_failed=2,
        checks_errored=1,
    )
    text = "\n".join(summary_lines(summary, "out/report/index.html"))
    for part in (
        "8 images (80.00 %)",
        "2 images (20.00 %): 1 empty_file, 1 truncated",
        "3 images in 1 group, 2 to spare",
        "4 images in 2 pairs of similarity >= 0.9",
        "4 images in 1, the largest of 4",
        "1 image (the 5 % least similar), 2 stand out",
        "2 images (25.00 %)",
        "8 passed, 2 failed, 1 could not be computed",
        "failed: a critical check is over its limit",
        "out/report/index.html",
        ".invalid_instances()  invalid.html#invalid",
    ):
        assert part in text
