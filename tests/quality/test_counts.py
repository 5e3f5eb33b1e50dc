"""The numbers of the summary, against tables with planted truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.options import FlagOptions, RunOptions
from imgvet.quality.summarize import (
    Tables,
    count,
    invalid_by_reason,
    leaks_by_split,
    rates,
    without_split,
)
from imgvet.summary import Counts, RunSummary, Verdict, summary_lines
from imgvet.tables import STATS, empty


@pytest.fixture
def tables() -> Tables:
    """Ten items: 0 1 2 are copies, 3 is near 0, 4 and 5 are near each other, 8 and 9 are bad.

    5 and 6 are near each other too, but a person decided that they are no duplicates.
    """
    digests = ["a", "a", "a", "b", "c", "d", "e", "f", None, "g"]
    status = ["ok"] * 8 + ["empty_file", "truncated"]
    items = pd.DataFrame(
        {"id": range(10), "path": list("0123456789"), "digest": digests, "status": status}
    )
    items = items.assign(filename=items["path"], member=None, time_ms=None)
    pairs = [(0, 1, 1.0), (0, 2, 1.0), (0, 3, 0.97), (4, 5, 0.91), (5, 6, 0.99)]
    similarity = pd.DataFrame(pairs, columns=["from", "to", "similarity"])
    similarity["decided"] = similarity["from"] == 5
    similarity["verified"] = [np.nan, np.nan, 40.0, 0.0, 50.0]
    options = FlagOptions()
    stats = empty(STATS).reindex(range(8))
    stats["id"] = range(8)
    stats["percentile_99"] = [options.dark_threshold - 1] * 2 + [200.0] * 6
    stats["percentile_5"] = [10.0] * 7 + [options.bright_threshold + 1]
    stats["sharpness"] = [options.blur_threshold * 2] * 8
    return {
        "items": items,
        "stats": stats,
        "similarity": similarity,
        "outliers": pd.DataFrame({"id": [6, 7, 3], "score": [9.0, 3.6, 3.5]}),
        "component_info": pd.DataFrame({"count": [4]}),
    }


OPTIONS = RunOptions(input_dir="photos")
ZERO = Counts(**dict.fromkeys(Counts.model_fields, 0))


def test_images_pairs_and_groups_are_counted_apart(tables: Tables) -> None:
    counts = count(tables, OPTIONS)[0]
    assert (counts.images, counts.valid, counts.invalid) == (10, 8, 2)
    assert counts.exact_duplicate_images == 3
    assert counts.exact_duplicate_groups == 1
    assert counts.exact_duplicate_surplus == 2
    assert (counts.near_duplicate_images, counts.near_duplicate_pairs) == (4, 2)
    assert counts.near_duplicate_proven == 1
    assert (counts.components, counts.component_images, counts.largest_component) == (1, 4, 4)
    assert (counts.outliers, counts.robust_outliers) == (3, 2)
    assert (counts.dark, counts.bright, counts.blurry) == (2, 1, 0)


def test_alike_frames_of_one_video_are_counted_with_the_videos(tables: Tables) -> None:
    """0 to 3 are frames of one video, 4 of another, 5 is a photo."""
    films = ["/a.mp4"] * 4 + ["/b.mp4", "/photo.jpg"] + ["/c.jpg"] * 4
    times = [0, 1000, 2000, 3000, 0, *[None] * 5]
    items = tables["items"].assign(path=films, member=None, time_ms=times)
    pairs = pd.DataFrame({"offset_ms": pd.array([0, None], "Int64")})
    counts, examples = count({**tables, "items": items, "video_pairs": pairs}, OPTIONS)
    assert (counts.videos, counts.video_pairs, counts.near_duplicate_within) == (2, 1, 1)
    assert (counts.near_duplicate_images, counts.near_duplicate_pairs) == (2, 1)
    assert (counts.near_duplicate_proven, examples["near_duplicate_rate"]) == (0, [4, 5])
    assert (counts.exact_duplicate_images, counts.exact_duplicate_surplus) == (0, 0)
    assert counts.still_frames == 2
    assert count(tables, OPTIONS)[0].videos is None


def test_examples_show_the_problem_of_each_check(tables: Tables) -> None:
    examples = count(tables, OPTIONS)[1]
    assert examples["duplicate_rate"] == [1, 2]
    assert examples["invalid_rate"] == [8, 9]
    assert examples["outlier_rate"] == [6, 7]
    assert examples["dark_rate"] == [0, 1]
    assert sorted(examples["near_duplicate_rate"]) == [0, 3, 4, 5]


def test_reasons_are_counted_most_frequent_first(tables: Tables) -> None:
    items = pd.concat([tables["items"], tables["items"].tail(1)])
    assert list(invalid_by_reason(items).items()) == [("truncated", 2), ("empty_file", 1)]


def test_the_lines_hold_the_exact_counts_and_say_where_to_look(tables: Tables) -> None:
    counts = count(tables, OPTIONS)[0]
    summary = RunSummary(
        verdict=Verdict.FAILED,
        counts=counts,
        invalid_by_reason=invalid_by_reason(tables["items"]),
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
        "8 images (80 %)",
        "2 images (20 %): 1 empty_file, 1 truncated",
        "3 images in 1 group, 2 to spare",
        "4 images in 2 pairs of similarity >= 0.9 or proven: 1 proven",
        "4 images in 1, the largest of 4",
        "3 images: the 5 % least similar, and 2 that stand out by score",
        "2 images (25 %)",
        "8 passed, 2 failed, 1 could not be computed",
        "failed: a critical check is over its limit",
        "out/report/index.html",
        ".invalid_instances()  invalid.html#invalid",
    ):
        assert part in text
    assert "Other files" not in text
    told = summary.model_copy(update={"other_files": {".txt": 2000, "more": 1}})
    lines = summary_lines(told, "out/report/index.html")
    assert lines[3].split(maxsplit=2)[2] == "2,001 left alone: 2,000 .txt, 1 more"
    most = summary.counts.model_copy(update={"bright": 5})
    lines = summary_lines(summary.model_copy(update={"counts": most}), "report")
    told_of = [line.split()[0] for line in lines if "most, so a trait of the set" in line]
    assert told_of == ["Bright"]
    crops = summary_lines(summary.model_copy(update={"sources": 7}), "report")
    assert crops[0].split("  ")[0] == "Crops"
    assert [" images" in line for line in crops] == [True, *[False] * (len(crops) - 1)]
    reasons = {f"reason_{number}": 1 for number in range(9)}
    many = summary.model_copy(update={"invalid_by_reason": reasons})
    *others, longest = sorted(summary_lines(many, "out/report/index.html"), key=len)
    assert longest.endswith("1 reason_8  .invalid_instances()  invalid.html#invalid")
    assert max(map(len, others)) < 160, "one long line does not move the others"


def test_flags_are_not_counted_if_nothing_was_measured(tables: Tables) -> None:
    counts = count(tables, RunOptions(input_dir="photos", run_stats=False))[0]
    assert (counts.dark, counts.bright, counts.blurry) == (None, None, None)


def counts(**given_counts: Any) -> Counts:
    return ZERO.model_copy(update=given_counts)


def test_each_rate_has_its_own_numerator_and_denominator() -> None:
    unknown = dict.fromkeys(("leak_images", "label_issues", "label_conflict_images"))
    found = rates(
        counts(
            **unknown, images=1000, valid=800, invalid=200, exact_duplicate_images=99,
            exact_duplicate_surplus=80, near_duplicate_images=40, near_duplicate_pairs=77,
            outliers=66, robust_outliers=8, dark=4, bright=2, blurry=1,
        )
    )  # fmt: skip
    assert found == {
        "images_present": 800, "invalid_rate": 0.2, "duplicate_rate": 0.1,
        "near_duplicate_rate": 0.05, "dark_rate": 0.005, "bright_rate": 0.0025,
        "blurry_rate": 0.00125, "outlier_rate": 0.01,
    }  # fmt: skip


def test_rates_of_splits_and_labels_are_there_if_these_are() -> None:
    found = rates(counts(valid=800, labelled=400, leak_images=8, label_issues=4))
    assert (found["leak_rate"], found["label_issue_rate"]) == (0.01, 0.01)
    assert found["label_conflict_rate"] == 0.0


def test_leaks_and_labels_are_counted_by_images_pairs_groups_and_splits(tables: Tables) -> None:
    leaks = pd.DataFrame(
        {"from": [0, 0, 4], "to": [1, 2, 5], "similarity": 1.0, "split": ["a", "a", "b"],
         "other_split": ["b", "b", "a"]}
    )  # fmt: skip
    labels = pd.DataFrame(
        {"id": [0, 1, 2, 7], "is_issue": [True, True, False, True],
         "conflict": [True, True, True, False]}
    )  # fmt: skip
    more = {**tables, "leaks": leaks, "label_issues": labels}
    found, examples = count(more, OPTIONS)
    assert (found.leak_images, found.leak_pairs) == (5, 3)
    assert (found.labelled, found.label_issues) == (4, 3)
    assert (found.label_conflict_images, found.label_conflict_groups) == (3, 1)
    assert examples["leak_rate"] == [0, 1, 2, 4, 5]
    assert examples["label_issue_rate"] == [0, 1, 7]
    assert leaks_by_split(leaks) == {"a": 2, "b": 3}
    split = pd.DataFrame({"embedding_row": [0, 1, None, 2], "split": ["a", None, None, "b"]})
    assert without_split(split) == 1
    assert without_split(split[split["split"].notna()]) is None
    assert count(tables, OPTIONS)[0].leak_images is None


def test_rates_over_no_images_are_zero() -> None:
    assert set(rates(ZERO).values()) == {0.0}


def test_all_invalid_is_a_rate_of_one() -> None:
    found = rates(counts(images=3, invalid=3))
    assert (found["images_present"], found["invalid_rate"], found["dark_rate"]) == (0, 1.0, 0.0)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.data())
def test_rates_are_shares(valid: int, invalid: int, data: st.DataObject) -> None:
    parts = {
        name: data.draw(st.integers(0, valid), label=name)
        for name in ("exact_duplicate_surplus", "near_duplicate_images", "dark", "bright", "blurry")
    }
    found = rates(counts(images=valid + invalid, valid=valid, invalid=invalid, **parts))
    assert all(0.0 <= rate <= 1.0 for name, rate in found.items() if name != "images_present")
