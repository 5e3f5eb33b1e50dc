"""Stage run_checks: count what a run found, hold it against the limits, and sum up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from imgvet.format import most
from imgvet.metrics import BASIC_METRICS, FLAGS, METRICS, flagged
from imgvet.options import RunOptions
from imgvet.quality.checks import CHECKS, Unit
from imgvet.quality.expectations import Expectation
from imgvet.quality.result import CheckResult, CheckState, verdict
from imgvet.quality.run_checks import run_checks
from imgvet.quality.suite import merged, own_suite
from imgvet.reasons import Reason
from imgvet.similarity.outliers import standing_out
from imgvet.similarity.videos import open_pairs, still_frames, videos_of
from imgvet.summary import Counts, Exact, LabelStructure, RunSummary

Tables = Mapping[str, pd.DataFrame]
"""The tables of a run by name."""


class SearchFacts(Exact):
    """What is known of a run besides its tables."""

    model: str
    neighbor_recall: float | None
    """Measured recall of the nearest-neighbour search, 1 if it was exact."""
    median_similarity: float | None
    estimated_scale: float | None = None
    """The scale of similarity, if it was estimated on these images."""
    sources: int | None = None
    """Images that were cut into crops, None if whole ones were analysed."""
    sources_without_crops: int | None = None
    label_structure: LabelStructure | None = None
    other_files: dict[str, int] | None = None


def summarize(
    tables: Tables, facts: SearchFacts, options: RunOptions, suite: Sequence[Expectation] = ()
) -> tuple[RunSummary, tuple[CheckResult, ...]]:
    """Count the findings in the tables of :data:`imgvet.quality.suite.COUNTED`, check, and sum up.

    ``suite`` is what else is expected of them.
    """
    counts, examples = count(tables, options)
    numbers = counts.model_dump(exclude_none=True) | rates(counts)
    for name, wrong in wrong_measures(tables["stats"]).items() if options.run_stats else ():
        examples[name] = tables["stats"].loc[wrong > 0, "id"].tolist()
        numbers[name] = int(wrong.sum())
    checks = run_checks(merged(own_suite(options.checks), suite), numbers, examples, tables)
    states = Counter(check.state for check in checks)
    summary = RunSummary(
        verdict=verdict(checks),
        counts=counts,
        invalid_by_reason=invalid_by_reason(tables["items"]),
        inputs=options.inputs,
        leaks_by_split=leaks_by_split(tables["leaks"]) if "leaks" in tables else None,
        without_split=without_split(tables["items"]) if "leaks" in tables else None,
        checks_passed=states[CheckState.PASSED],
        checks_failed=states[CheckState.FAILED],
        checks_errored=states[CheckState.ERRORED],
        **dict(facts),
        **{name: value for name, value in options if name in RunSummary.model_fields},
    )
    return summary, checks


def count(tables: Tables, options: RunOptions) -> tuple[Counts, dict[str, list[int]]]:
    """Count images, pairs and groups, each exactly; and ids of examples, worst first, by check.

    ``tables`` are those of :data:`imgvet.quality.suite.COUNTED`. Without ``run_stats`` dark, bright
    and blurry images are not counted, without the tables leaks and label_issues what they hold.
    """
    items, stats, similarity = (tables[name] for name in ("items", "stats", "similarity"))
    has = properties(items, stats, similarity, options)
    total, valid = totals(has), items[has["valid"]]
    still = still_frames(valid)
    copies = int(valid[~still].duplicated("digest", keep=False).sum())
    near = open_pairs(similarity, valid.set_index("id"), "near")
    sizes, robust = tables["component_info"]["count"].tolist(), standing_out(tables["outliers"])
    told, shown = _annotated(tables)
    counts = Counts(
        **dict.fromkeys(flag.name for flag in FLAGS) | total,
        exact_duplicate_images=copies,
        exact_duplicate_groups=copies - total["exact_duplicate_surplus"],
        near_duplicate_pairs=len(near),
        near_duplicate_proven=int((near["verified"] > 0).sum()),
        components=len(sizes) if options.run_cc else None,
        component_images=sum(sizes) if options.run_cc else None,
        largest_component=max(sizes, default=0) if options.run_cc else None,
        outliers=len(tables["outliers"]),
        robust_outliers=len(robust),
        **told,
        **(_of_videos(tables, valid, still) if "video_pairs" in tables else {}),
    )
    examples = {
        check.name: items.loc[has[check.count], "id"].tolist()
        for check in CHECKS
        if check.count in has
    }
    examples["near_duplicate_rate"] = pd.unique(near[["from", "to"]].to_numpy().ravel()).tolist()
    examples["outlier_rate"] = robust["id"].tolist()
    return counts, examples | shown


def _of_videos(tables: Tables, valid: pd.DataFrame, still: pd.Series) -> dict[str, int]:
    aligned = tables["video_pairs"]["offset_ms"].notna()
    return {
        "videos": videos_of(valid).nunique(),
        "video_pairs": int(aligned.sum()),
        "near_duplicate_within": len(
            open_pairs(tables["similarity"], valid.set_index("id"), "within")
        ),
        "still_frames": int(still.sum()),
    }


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


def without_split(items: pd.DataFrame) -> int | None:
    """How many valid items have no known split; None if all have one."""
    return int((items["embedding_row"].notna() & items["split"].isna()).sum()) or None


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
    moving = good[~still_frames(good)]
    near = open_pairs(similarity, good.set_index("id"), "near")
    found = {
        "images": True,
        "valid": valid,
        "invalid": ~valid,
        "exact_duplicate_surplus": items.index.isin(moving.index[moving.duplicated("digest")]),
        "near_duplicate_images": valid & items["id"].isin(near[["from", "to"]].to_numpy().ravel()),
    }
    for name, mask in flagged(stats, options).items() if options.run_stats else ():
        found[name] = items["id"].isin(stats.loc[mask, "id"])
    return pd.DataFrame(found, dtype=bool)


def totals(has: pd.DataFrame) -> dict[str, int]:
    """How many images have each of their :func:`properties`."""
    return {str(name): int(number) for name, number in has.sum().items()}


def invalid_by_reason(items: pd.DataFrame) -> dict[str, int]:
    """How many items were left out for each reason, most frequent first, then by name."""
    reasons = Counter(items.loc[items["status"] != Reason.OK.value, "status"].tolist())
    return most(reasons, len(reasons))


def rates(counts: Counts) -> dict[str, float]:
    """What the checks observe, by the name of the check: the number of valid images, and shares.

    What was not counted has no rate. A rate over no images is 0: nothing violates it. A dataset
    without a valid image fails ``images_present`` instead, once and clearly.
    """
    known = counts.model_dump(exclude_none=True)
    shares = (check for check in CHECKS if check.unit is Unit.SHARE and check.count in known)
    return {"images_present": counts.valid} | {
        check.name: known[check.count] / max(known.get(check.whole, 0), 1) for check in shares
    }


def wrong_measures(stats: pd.DataFrame) -> dict[str, pd.Series]:
    """Of each row of the table stats how many values are missing, or out of range, by check.

    A crop is no file, so its file size may be missing, as advanced metrics may be.
    """
    basic = [metric.name for metric in BASIC_METRICS if metric.name != "file_size"]
    values = stats.reindex(columns=[metric.name for metric in METRICS]).astype(float)
    low = pd.Series({metric.name: metric.low for metric in METRICS}, dtype=float)
    high = pd.Series({metric.name: metric.high for metric in METRICS}, dtype=float)
    return {
        "measures_complete": values[basic].isna().sum(axis=1),
        "measures_in_range": (values.lt(low) | values.gt(high)).sum(axis=1),
    }
