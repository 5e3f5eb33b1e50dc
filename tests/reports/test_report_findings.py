"""What pages say of labels, splits, videos, crops, earlier runs and extremes: planted truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from imgvet.monitor.history import Run
from imgvet.reports import limits
from imgvet.reports.charts import bars, most_frequent
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.sections.history import changes
from imgvet.reports.text import base
from imgvet.sections import Section
from imgvet.summary import Counts, Verdict
from support.report_sections import anchors, section, words


def past_run(run_id: str, hour: str, verdict: Verdict, counts: Counts) -> Run:
    """A run of the first of January."""
    started = f"2026-01-01T{hour}:00:00+00:00"
    known = counts.model_dump(exclude_none=True)
    return Run(run_id=run_id, started=started, verdict=verdict, counts=known)


def history(inputs: ReportInputs) -> tuple[Run, ...]:
    """Two earlier runs, a larger one and one that measured nothing; and this one."""
    counts = inputs.summary.counts
    first = counts.model_copy(update={"images": 70, "invalid": 9, "blurry": 4})
    second = counts.model_copy(update={"dark": None, "bright": None, "blurry": None,
                                       "invalid": 1})  # fmt: skip
    verdict, started = inputs.summary.verdict, inputs.record.started
    this = past_run(inputs.record.run_id, "13", verdict, counts)
    return (
        past_run("run-1", "00", Verdict.PASSED, first),
        past_run("run-<2>", "12", Verdict.WARNINGS, second),
        this.model_copy(update={"started": started}),
    )


def ids_of(pairs: dict[str, Any]) -> set[tuple[int, int]]:
    return {(pair["first"].id, pair["second"].id) for pair in pairs["entries"]}


def test_leaks_are_the_pairs_across_splits(full_inputs: ReportInputs) -> None:
    leaks = section(full_inputs, Section.LEAKS)
    pairs = full_inputs.tables["similarity"]
    planted = {
        (row["from"], row["to"])
        for row in pairs.to_dict(orient="records")
        if row["from"] % 2 != row["to"] % 2
    }
    assert ids_of(leaks.pairs) == planted
    assert leaks.pairs["total"] == len(planted)
    assert leaks.crossings.rows.to_numpy().tolist() == [["test", "train", len(planted)]]
    assert leaks.sizes.rows.to_numpy().tolist() == [
        ["test", 30, len(planted)], ["train", 30, len(planted)],
    ]  # fmt: skip
    assert f"{len(planted)} pair" in words(full_inputs, Section.LEAKS)


def test_splits_apart_are_no_leak(full_inputs: ReportInputs, inputs: ReportInputs) -> None:
    tables = {**full_inputs.tables, "leaks": full_inputs.tables["leaks"].head(0)}
    summary = full_inputs.summary.model_copy(update={"leaks_by_split": {}})
    apart = replace(full_inputs, tables=tables, summary=summary)
    assert "None: good." in words(apart, Section.LEAKS)
    assert Section.LEAKS not in anchors(inputs)


def test_leaks_conflicts_and_issues_have_a_tile_and_a_next_step(
    full_inputs: ReportInputs, inputs: ReportInputs
) -> None:
    told, counts = words(full_inputs, Section.OVERVIEW), full_inputs.summary.counts
    assert f"Leaks {counts.leak_images} " in told
    assert "Label conflicts 2 " in told
    assert "Label issues 3 " in told
    assert f"Keep in one split {counts.leak_images} images that another has too: Leaks" in told
    assert "Decide on one label for 1 group of exact copies that have several: Labels" in told
    assert "Correct or keep 1 label that is likely wrong: Labels" in told
    assert "near pair whose labels differ" not in told
    items = full_inputs.tables["items"].copy()
    items.loc[items["id"].isin([20, 21]), "label"] = ["cat", "bird"]
    told = words(
        replace(full_inputs, tables={**full_inputs.tables, "items": items}), Section.OVERVIEW
    )
    assert "Decide on one label for 1 near pair whose labels differ: Labels" in told
    plain = words(inputs, Section.OVERVIEW)
    assert not [word for word in ("Leaks", "Label") if word in plain]


def test_label_issues_stand_beside_what_they_look_like(full_inputs: ReportInputs) -> None:
    shown = section(full_inputs, Section.LABELS).issues["entries"]
    assert [(one["image"].id, one["nearest"] and one["nearest"].id) for one in shown] == [
        (45, 44), (13, None), (14, None),
    ]  # fmt: skip
    told = words(full_inputs, Section.LABELS)
    assert "3 images (5.56 % of those with a label) look more like another label" in told
    assert "cat \u2192 bird\\u202e score 0.10" in told
    assert "or the label of its copy score 0.50" in told
    assert "in 90 % of the cases, by chance it would be 30 %; 2 images could not be judged" in told


def test_labels_that_nothing_tells_are_said_to_be_so(full_inputs: ReportInputs) -> None:
    structure = full_inputs.summary.label_structure
    assert structure is not None
    unknown = structure.model_copy(update={"judged": 0, "agreement": 0.3})
    summary = full_inputs.summary.model_copy(update={"label_structure": unknown})
    tables = {**full_inputs.tables, "label_issues": full_inputs.tables["label_issues"].head(0)}
    told = words(replace(full_inputs, summary=summary, tables=tables), Section.LABELS)
    assert "Which labels are wrong can't be told." in told
    assert ": labels do not follow what the model sees, so only" in told


def test_contradicting_labels_are_alike_pairs_only(full_inputs: ReportInputs) -> None:
    labels = section(full_inputs, Section.LABELS)
    assert labels.label_count == 3
    assert labels.bars.numbers["images"].sum() == 54
    shown = ids_of(labels.pairs)
    assert (13, 14) in shown
    assert (2, 3) not in shown, "less alike than cc_threshold"
    assert "bird\u202e" in labels.classes["index"]
    assert "bird\\u202e" in words(full_inputs, Section.LABELS)


def test_groups_say_what_is_in_the_dataset(full_inputs: ReportInputs) -> None:
    groups = section(full_inputs, Section.GROUPS)
    first, second, third = groups.groups["entries"]
    sizes = f"of 1 to {first['count']} images; 1 image is alone in its group"
    assert sizes in words(full_inputs, Section.GROUPS)
    shown = [image.id for image in second["images"]]
    assert shown[0] == second["representative"] == 0
    of_component = full_inputs.tables["components"].set_index("id")["component_id"]
    scenes = [of_component.get(item, -item) for item in shown]
    assert len(set(scenes)) == len(scenes), "of copies one is shown"
    assert sum(size for _, size in second["splits"]) == second["count"] == 20
    assert third["count"] == len(third["images"]) == 1
    told = words(full_inputs, Section.GROUPS)
    assert "3 groups of similar content, of 1 to" in told
    assert "test train 0.8" in told


def test_a_split_that_is_hardly_in_a_group_is_told(full_inputs: ReportInputs) -> None:
    assert not section(full_inputs, Section.GROUPS).incomplete
    items = full_inputs.tables["items"].copy()
    items.loc[items["id"] < 20, "split"] = "train"  # the whole of group 1
    apart = replace(full_inputs, tables={**full_inputs.tables, "items": items})
    groups = section(apart, Section.GROUPS)
    assert [group["lacking"] for group in groups.groups["entries"]] == [[], ["test"], []]
    assert groups.incomplete == 1
    assert "Hardly in test" in words(apart, Section.GROUPS)


@pytest.mark.parametrize(
    ("anchor", "pair", "trait", "values"),
    [
        (Section.LABELS, (13, 14), "label", ("dog & <i>bone</i>", "bird\\u202e")),
        (Section.LEAKS, (2, 3), "split", ("train", "test")),
    ],
)
def test_pairs_tell_what_makes_them_a_finding(
    full_inputs: ReportInputs,
    anchor: Section,
    pair: tuple[int, int],
    trait: str,
    values: tuple[str, str],
) -> None:
    pairs = section(full_inputs, anchor).pairs["entries"]
    assert pair in [(one["first"].id, one["second"].id) for one in pairs]
    told = words(full_inputs, anchor)
    assert all(f"{trait} {value}" in told for value in values), "on each card"


def test_videos_are_counted_and_paired(full_inputs: ReportInputs, planted: Any) -> None:
    videos = section(full_inputs, Section.VIDEOS)
    assert [(base(video["name"]), video["frames"]) for video in videos.videos["entries"]] == [
        ("one.mp4", 5), ("two <b>.mp4", 4),
    ]  # fmt: skip
    pair = videos.pairs["entries"][0]
    assert [image.id for image in pair["images"]] == [planted.component[0], planted.component[5]]
    assert (pair["shared_frames"], pair["frames"], pair["components"]) == (5, 5, 1)
    assert "5 of 5 frames" in words(full_inputs, Section.VIDEOS)
    component = section(full_inputs, Section.COMPONENTS).components["entries"][0]
    assert [(base(name), frames) for name, frames in component["videos"]] == [
        ("one.mp4", 5), ("two <b>.mp4", 4),
    ]  # fmt: skip


def test_videos_tell_how_far_they_are_shifted_and_what_stands_still(
    full_inputs: ReportInputs,
) -> None:
    told = words(full_inputs, Section.VIDEOS)
    assert "100 % of the shorter one runs along, 2.00 s earlier in the second" in told
    assert "4 frames, 1.00 s to 4.00 s" in told
    tables = {**full_inputs.tables}
    del tables["frozen_stretches"]
    assert "None: good. No three frames" in words(
        replace(full_inputs, tables=tables), Section.VIDEOS
    )


def test_crops_of_frames_are_counted_as_whole_frames_are(full_inputs: ReportInputs) -> None:
    items = full_inputs.tables["items"].copy()
    frames = items["filename"].str.contains("#t=")
    items.loc[frames, "filename"] += "&xywh=0,0,40,50"
    summary = full_inputs.summary.model_copy(update={"sources": 64})
    tables = {**full_inputs.tables, "items": items}
    told = words(replace(full_inputs, summary=summary, tables=tables), Section.VIDEOS)
    assert "films/ one.mp4 5 crops \u00b7" in told
    assert "films/ two <b>.mp4 4 crops \u00b7" in told
    assert "5 of 5 crops" in told


def test_a_report_on_crops_speaks_of_crops_and_of_where_their_results_are(
    full_inputs: ReportInputs,
) -> None:
    summary = full_inputs.summary.model_copy(update={"sources": 30})
    told = words(replace(full_inputs, summary=summary), Section.OVERVIEW)
    assert "64 crops of 30 images, of which" in told
    assert "Crops 64 " in told
    for command in ("imgvet explore", "imgvet curate plan"):
        assert f"{command} 'my results/crops' " in told
    assert "work_dir='my results/crops'" in told
    told = words(replace(full_inputs, summary=summary), Section.DUPLICATES)
    assert "crops in 2 groups have the same pixels as another" in told


def test_crops_stand_least_sure_first(full_inputs: ReportInputs) -> None:
    found = section(full_inputs, Section.CROPS)
    assert found.crops["total"] == 60
    assert [crop["image"].id for crop in found.crops["entries"][:3]] == [0, 1, 2]
    assert found.crops["entries"][0]["text"] == "read </bdi> this"
    assert "40 \u00d7 50 at 5, 6" in words(full_inputs, Section.CROPS)
    titles = [chart.title for chart in found.figures]
    assert titles == ["Shorter side of crops", "How sure the detector is", "Crops of each class"]


def test_a_crop_of_which_a_number_is_missing_is_shown(full_inputs: ReportInputs) -> None:
    table = full_inputs.tables["crops"].copy()
    table.loc[table["crop_id"] == 0, "width"] = np.nan
    tables = {**full_inputs.tables, "crops": table}
    told = words(replace(full_inputs, tables=tables), Section.CROPS)
    assert told.count("a box of which a number is missing") == 1


def test_extremes_are_the_ends(full_inputs: ReportInputs) -> None:
    stats = full_inputs.tables["stats"].set_index("id")
    lowest = section(full_inputs, Section.LOW_CONTRAST).gallery["entries"][0]["image"].id
    assert lowest == stats["contrast"].idxmin()
    smallest = section(full_inputs, Section.TINY).gallery["entries"][0]["image"].id
    assert stats.loc[smallest, "height"] == stats["height"].min()
    longest = section(full_inputs, Section.ASPECT_RATIO).gallery["entries"][0]["image"].id
    assert stats.loc[longest, "height"] == stats["height"].min()


def test_changes_compare_with_the_last_run(full_inputs: ReportInputs) -> None:
    run = unwatched(full_inputs)
    rows = {row["number"].title: row for row in section(run, Section.CHANGES).changes}
    assert (rows["Invalid files"]["difference"], rows["Invalid files"]["kind"]) == (3, "worse")
    assert rows["Blurry"]["before"] is None
    assert rows["Blurry"]["kind"] == "same"
    assert rows["Images"]["kind"] == "same"
    told = words(run, Section.CHANGES)
    assert "was \u201cPassed with warnings\u201d and is now \u201cFailed\u201d" in told
    assert "Invalid files 1 4 +3 worse" in told
    assert "Blurry not measured 4 \u2013 \u2013" in told


def with_changed(inputs: ReportInputs, *changed: str) -> ReportInputs:
    """The same run after two of which the last one had other parameters."""
    before, after = (dict.fromkeys(changed, value) for value in "12")
    first, last, this = history(inputs)
    last = last.model_copy(update={"settings": before})
    return replace(inputs, runs=(first, last, this.model_copy(update={"settings": after})))


def unwatched(inputs: ReportInputs) -> ReportInputs:
    """The same run, not monitored, after two others."""
    return replace(inputs, runs=history(inputs))


@pytest.mark.parametrize(
    ("changed", "compared"),
    [
        (
            "dark_threshold",
            {
                "Near duplicates",
                "Bright",
                "Blurry",
                "Outliers that stand out",
                "Leaks",
                "Label issues",
            },
        ),
        ("threshold", {"Dark", "Bright", "Blurry", "Outliers that stand out", "Label issues"}),
        ("nearest_neighbors_k", {"Dark", "Bright", "Blurry", "Leaks", "Label issues"}),
    ],
)
def test_what_other_parameters_counted_is_not_compared(
    full_inputs: ReportInputs, changed: str, compared: set[str]
) -> None:
    found = with_changed(full_inputs, changed)
    rows = section(found, Section.CHANGES).changes
    kinds = {row["number"].title: row["kind"] for row in rows}
    told = words(found, Section.CHANGES)
    assert {title for title, kind in kinds.items() if kind != "not comparable"} == compared | {
        "Images", "Invalid files", "Surplus copies", "Label conflicts",
    }  # fmt: skip
    assert f"Parameters changed: {changed} was 1 and is 2. What they count is not compared." in told
    assert "Invalid files 1 4 +3 worse" in told


def test_runs_that_cut_otherwise_are_not_compared_at_all(full_inputs: ReportInputs) -> None:
    found = with_changed(full_inputs, "dark_threshold", "bounding_box")
    rows = section(found, Section.CHANGES).changes
    assert {row["kind"] for row in rows} == {"not comparable"}
    told = words(found, Section.CHANGES)
    assert "dark_threshold was 1 and is 2, bounding_box was 1 and is 2." in told
    assert "no number changed" in told
    assert "worse" not in told


def test_history_shows_only_what_can_be_compared(full_inputs: ReportInputs) -> None:
    changed = with_changed(full_inputs, "dark_threshold")
    lines = {line["number"].title: line for line in section(changed, Section.HISTORY).lines}
    assert len(lines["Dark"]["chart"].numbers) == 2
    assert "now. 1 run with other parameters: not shown. Good" in words(changed, Section.HISTORY)
    assert [line["others"] for line in lines.values()].count(0) == len(lines) - 1
    assert len(lines["Invalid files"]["chart"].numbers) == 3


def test_first_run_has_nothing_to_compare_with(full_inputs: ReportInputs) -> None:
    assert changes(replace(full_inputs, runs=history(full_inputs)[-1:])) is None


def test_of_equally_frequent_values_numbers_stand_in_their_order() -> None:
    assert most_frequent(pd.Series([10, 2, 2, 1, 10, 3])) == [
        ("2", 2), ("10", 2), ("1", 1), ("3", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "copies", "told"),
    [
        (1, 1, "1 pair ({} images) of different bytes is at"),
        (2, 2, "2 pairs ({} images) of different bytes are at"),
    ],
)
def test_one_is_told_as_one(full_inputs: ReportInputs, pairs: int, copies: int, told: str) -> None:
    counts = full_inputs.summary.counts.model_copy(
        update={"near_duplicate_pairs": pairs, "robust_outliers": copies}
    )
    run = replace(full_inputs, summary=full_inputs.summary.model_copy(update={"counts": counts}))
    assert told.format(counts.near_duplicate_images) in words(run, Section.DUPLICATES)
    overview = words(run, Section.OVERVIEW)
    assert ("1 stands out" if copies == 1 else "2 stand out") in overview


def test_copies_that_a_person_decides_on_are_not_called_removable(
    inputs: ReportInputs, full_inputs: ReportInputs
) -> None:
    assert "Remove 3 exact copies that add nothing" in words(inputs, Section.OVERVIEW)
    items = inputs.tables["items"]
    fewer = items.assign(
        digest=items["digest"].mask(items["id"].isin((10, 11, 12)), items["id"].astype(str))
    )
    one = replace(inputs, tables={**inputs.tables, "items": fewer})
    assert "Remove 1 exact copy that adds nothing" in words(one, Section.OVERVIEW)
    told = words(full_inputs, Section.OVERVIEW)
    assert "adds nothing" not in told
    assert "add nothing" not in told


def test_a_next_step_is_told_once(full_inputs: ReportInputs, inputs: ReportInputs) -> None:
    assert "leave open which one to keep" not in words(full_inputs, Section.OVERVIEW)
    items = inputs.tables["items"]
    label = items["label"].where(items["id"] != 13, "cat")
    split = items["split"].where(items["id"] != 14, "train")
    halves = items.assign(label=label, split=split)
    told = words(replace(inputs, tables={**inputs.tables, "items": halves}), Section.OVERVIEW)
    assert "Decide on 1 group of exact copies that leave open which one to keep" in told


def test_what_stands_out_beyond_the_share_is_marked(inputs: ReportInputs) -> None:
    told = words(inputs, Section.OUTLIERS)
    assert "3 outliers: the 5 % of images least like their nearest neighbour, and 2 that" in told
    outliers = inputs.tables["outliers"].assign(by=["both", "score", "share"])
    marked = words(
        replace(inputs, tables={**inputs.tables, "outliers": outliers}), Section.OUTLIERS
    )
    assert marked.count("outside of the 5") == 1


def test_nothing_is_called_good_without_a_condition(full_inputs: ReportInputs) -> None:
    pages = [words(full_inputs, one) for one in Section]
    assert not [page for page in pages if "Good:" in page]
    off = full_inputs.record.model_copy(update={"parameters": {"run_cc": False}})
    told = words(replace(full_inputs, record=off), Section.VIDEOS)
    assert "Only frames that are proven alike led to them (run_cc is off)" in told
    counts = full_inputs.summary.counts.model_copy(update={"outliers": 0, "robust_outliers": 2})
    summary = full_inputs.summary.model_copy(update={"counts": counts})
    assert "good" not in words(replace(full_inputs, summary=summary), Section.OUTLIERS)


def test_the_history_tells_small_shares_apart(full_inputs: ReportInputs) -> None:
    lines = section(unwatched(full_inputs), Section.HISTORY).lines
    charts = [line["chart"] for line in lines]
    formats = {chart.title: chart.figure["layout"]["yaxis"]["tickformat"] for chart in charts}
    assert formats.pop("Images") == ",~s"
    assert set(formats.values()) == {".3~p"}  # d3-format: three digits, whatever their place


def test_history_ends_with_this_run(full_inputs: ReportInputs) -> None:
    found = section(unwatched(full_inputs), Section.HISTORY)
    assert [run.run_id for run in found.runs] == [full_inputs.record.run_id, "run-<2>", "run-1"]
    lines = {line["number"].title: line["chart"].numbers for line in found.lines}
    assert lines["Images"]["whole"].tolist() == [70, 64, 64]
    assert lines["Blurry"]["whole"].isna().tolist() == [False, True, False]
    assert lines["Invalid files"]["whole"].tolist() == [9 / 70, 1 / 64, 4 / 64]


def test_long_histories_show_the_latest(
    full_inputs: ReportInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RUNS", 2)
    found = section(unwatched(full_inputs), Section.HISTORY)
    assert len(found.runs) == 2
    assert all(len(line["chart"].numbers) == 2 for line in found.lines)


def test_facts_are_those_of_the_tables(full_inputs: ReportInputs) -> None:
    keys = ["id", *(column.column for column in full_inputs.fact_columns)]
    row = dict(zip(keys, full_inputs.fact_rows([10])[0], strict=True))
    stats = full_inputs.tables["stats"].set_index("id").loc[10]
    assert row["id"] == 10
    assert row["copies"] == 3
    assert row["stats.width"] == stats["width"]
    assert row["stats.sharpness"] == pytest.approx(stats["sharpness"], rel=1e-4)
    assert row["label"] is None
    outlier = dict(zip(keys, full_inputs.fact_rows([0])[0], strict=True))
    assert outlier["outliers.score"] == 6
    assert outlier["outliers.similarity"] == 0.2
    invalid = dict(zip(keys, full_inputs.fact_rows([61])[0], strict=True))
    assert invalid["status"] == "truncated"
    assert invalid["stats.width"] is None


def test_run_tells_what_came_from_the_store(full_inputs: ReportInputs) -> None:
    told = words(full_inputs, Section.RUN)
    assert "1 stage of 3 did not have to run again; 31.91 % of 188 results" in told
    assert "list_items 0.20 s 64 0 computed" in told
    assert "embed 7.90 s 60 0 taken from an earlier run" in told


def test_counts_that_were_not_measured_are_no_zeros(full_inputs: ReportInputs) -> None:
    counts = full_inputs.summary.counts.model_copy(
        update={"dark": None, "bright": None, "blurry": None}
    )
    summary = full_inputs.summary.model_copy(update={"counts": counts})
    told = words(replace(full_inputs, summary=summary), Section.OVERVIEW)
    assert "Dark \u2013 not measured" in told


def test_many_categories_end_in_others() -> None:
    texts = ("figure_id", "title", "axis", "counts")
    totals = [(str(n), 100 - n) for n in range(limits.BARS + 5)]
    chart = bars([("much", 200), *totals[:-1]], *texts)
    assert len(chart.rows) == limits.BARS + 1
    assert chart.rows[-1] == ("5 others", "395")
    assert chart.numbers["counts"].sum() == 200 + sum(count for _, count in totals[:-1])
    chart = bars(totals, *texts)  # beside 390 others no bar could be seen
    assert len(chart.rows) == limits.BARS
    assert chart.not_drawn == "5 others, 390 in all, not drawn."
